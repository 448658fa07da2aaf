//! What is proposed: what somebody would do who sees this state, which may be long past. About one
//! in ten does something wrong, too.

mod jobs;
mod members;
mod models;

use super::dice::Dice;
use crate::ledger::{Command, SettingKind, State, setting_names};
use base::{ContentHash, NodeId};

/// All who propose.
#[derive(Default)]
pub(super) struct Acts {
    /// Keys, nodes, tokens and contents that were made; they are named by their number.
    made: u64,
}

impl Acts {
    /// One command, or two that race.
    pub(super) fn think(&mut self, view: &State, dice: &mut Dice) -> Vec<Command> {
        let command = match dice.below(1000) {
            0..190 => None,
            190..390 => jobs::assign(view, dice),
            390..560 => jobs::end(view, dice),
            560..590 => jobs::cancel(view, dice),
            590..720 => jobs::forget(view, dice),
            720..860 => return self.membership(view, dice),
            860..900 => Some(members::upgrade(view, dice)),
            900..930 => Some(set(dice)),
            930..990 => Some(self.registry(view, dice)),
            _ => Some(note(dice)),
        };
        // Who finds nothing to work at has time for a new question, unless there are many.
        let crowded = view.jobs.all.len() >= CROWD;
        let spare = || crowded.then(|| jobs::forget(view, dice)).flatten();
        let command = command.or_else(spare);
        vec![command.unwrap_or_else(|| jobs::accept(self.fresh(), view, dice))]
    }

    fn fresh(&mut self) -> u64 {
        self.made += 1;
        self.made
    }
}

fn set(dice: &mut Dice) -> Command {
    let known = &setting_names()[dice.below(setting_names().len())];
    let name = if dice.chance(50) {
        "nonsense"
    } else {
        known.name
    };
    let value = match (known.kind, dice.chance(200)) {
        (SettingKind::Text(most), true) => "x".repeat(most + 1),
        (SettingKind::Text(_), false) => format!("text {}", dice.below(10)),
        (SettingKind::Number(..), true) => "-1".to_owned(),
        (SettingKind::Number(..), false) => "40".to_owned(),
        (SettingKind::Switch, true) => "maybe".to_owned(),
        (SettingKind::Switch, false) if dice.chance(400) => "off".to_owned(),
        (SettingKind::Switch, false) => "on".to_owned(),
    };
    Command::Set {
        name: name.to_owned(),
        value: (!dice.chance(300)).then_some(value),
    }
}

fn note(dice: &mut Dice) -> Command {
    let what = if dice.chance(200) { "" } else { "forced" };
    Command::Note {
        what: what.to_owned(),
    }
}

pub(super) fn node_id(number: u64) -> NodeId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    NodeId(id)
}

fn hash_of(number: u64) -> ContentHash {
    let mut hash = [7; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    ContentHash(hash)
}

/// So many members, from a random one on; fewer where there are fewer.
pub(super) fn some_members(view: &State, dice: &mut Dice, count: usize) -> Vec<NodeId> {
    let live = &view.members.live;
    let first = dice.below(live.len());
    let around = live.keys().cycle().skip(first);
    around.take(count.min(live.len())).copied().collect()
}

/// Who has the bytes: two, and at times too few.
fn holders(view: &State, dice: &mut Dice) -> Vec<NodeId> {
    let count = if dice.chance(60) { 1 } else { 2 };
    some_members(view, dice, count)
}

/// Jobs of which there are so many that owners forget more than they ask.
const CROWD: usize = 300;
