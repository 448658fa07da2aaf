//! The registry: versions that are published twice, with parents that are not there, promoted and
//! taken back by several at once.

use super::{Acts, Dice, hash_of, holders};
use crate::ledger::{Command, Model, NewVersion, State};
use std::collections::BTreeMap;

impl Acts {
    pub(super) fn registry(&mut self, view: &State, dice: &mut Dice) -> Command {
        let name = NAMES[dice.below(NAMES.len())].to_owned();
        let model = view.models.0.get(&name);
        match dice.below(10) {
            0..5 => self.publish(name, model, view, dice),
            5..8 => Command::Promote {
                name,
                version: some_version(model, dice).unwrap_or(1),
            },
            8 => Command::Rollback { name, to: None },
            _ => Command::Rollback {
                name,
                to: some_version(model, dice),
            },
        }
    }

    fn publish(
        &mut self,
        name: String,
        model: Option<&Model>,
        view: &State,
        dice: &mut Dice,
    ) -> Command {
        let number = self.fresh();
        let known = model
            .and_then(|model| model.versions.last_key_value())
            .filter(|_| dice.chance(150));
        let (parent, hash) = match known {
            // What was published before, once more.
            Some((_, version)) => (version.parent, version.hash),
            None => (some_version(model, dice), hash_of(number)),
        };
        Command::Publish(NewVersion {
            name,
            parent,
            hash,
            size: 10,
            metrics: BTreeMap::from([("accuracy".to_owned(), 912_000)]),
            holders: holders(view, dice),
        })
    }
}

/// One that is there, at times one that is not, at times none.
fn some_version(model: Option<&Model>, dice: &mut Dice) -> Option<u32> {
    let last = model.and_then(|model| model.versions.last_key_value());
    let last = last.map_or(0, |(last, _)| *last);
    let drawn = u32::try_from(dice.below(last as usize)).unwrap_or(0);
    match dice.below(10) {
        0 => Some(last.saturating_add(5)),
        1..3 => None,
        _ if last == 0 => None,
        _ => Some(1 + drawn),
    }
}

const NAMES: [&str; 3] = ["coder", "reader", "judge"];
