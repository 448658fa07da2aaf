//! The registry: versions are numbered without gaps and never lost, a parent is older than its
//! child, what serves exists, and it alone is marked as promoted.

use crate::ledger::{Command, Model, Models, Outcome, Rejection, Stage};
use crate::simulator::report::{Breach, hold};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct ModelBooks {
    /// The newest version of each name.
    newest: BTreeMap<String, u32>,
}

impl ModelBooks {
    pub(super) fn follow(
        &mut self,
        command: &Command,
        result: &Result<Outcome, Rejection>,
        models: &Models,
    ) -> Result<(), Breach> {
        let (Command::Publish(_) | Command::Promote { .. } | Command::Rollback { .. }) = command
        else {
            return Ok(());
        };
        let Ok(Outcome::Version { name, version }) = result else {
            return hold("only a version is told", result.is_err(), || {
                format!("{command:?} gave {result:?}")
            });
        };
        let empty = Model::default();
        let model = models.0.get(name).unwrap_or(&empty);
        let serves = model.current().map(|(serving, _)| serving);
        let kept = if let Command::Publish(new) = command {
            let found = model.versions.get(version);
            let same = found.is_some_and(|at| at.hash == new.hash && at.parent == new.parent);
            same && self.numbered(name, *version)
        } else if let Command::Rollback { to: Some(to), .. } = command {
            serves == Some(*to)
        } else {
            serves == Some(*version)
        };
        hold("the registry does what it is told", kept, || {
            format!("{command:?} gave {result:?}, {serves:?} serves")
        })?;
        let count = self.newest.get(name).map(|newest| *newest as usize);
        hold(
            "no version is lost",
            count == Some(model.versions.len()),
            || {
                format!(
                    "{name} has {} versions and not {count:?}",
                    model.versions.len()
                )
            },
        )?;
        hold("the registry is in order", in_order(model), || {
            format!("{name}: {model:?}")
        })
    }

    /// The next one, or one that there is.
    fn numbered(&mut self, name: &str, version: u32) -> bool {
        let newest = self.newest.entry(name.to_owned()).or_default();
        let right = (1..=*newest + 1).contains(&version);
        *newest = (*newest).max(version);
        right
    }
}

fn in_order(model: &Model) -> bool {
    let older = |version: u32, parent: Option<u32>| {
        parent.is_none_or(|parent| parent < version && model.versions.contains_key(&parent))
    };
    let lineage = model
        .versions
        .iter()
        .all(|(version, record)| older(*version, record.parent));
    let served = &model.promoted;
    let there = served
        .iter()
        .all(|version| model.versions.contains_key(version));
    let moves = served.windows(2).all(|two| two[0] != two[1]);
    let promoted = model
        .versions
        .iter()
        .filter(|(_, record)| record.stage == Stage::Promoted);
    let serves = promoted
        .map(|(version, _)| *version)
        .eq(served.last().copied());
    lineage && there && moves && serves && served.len() <= HISTORY
}

/// Promotions that the ledger keeps.
const HISTORY: usize = 64;
