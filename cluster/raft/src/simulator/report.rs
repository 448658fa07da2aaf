//! What came of it: how often each thing happened, and the promise that was broken, if one was.

use crate::ledger::{Outcome, Rejection};
use base::Time;
use std::collections::BTreeMap;

/// How often each thing happened; each fault has its counter, so that a test can prove that it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerCounts {
    /// Entries of the log.
    pub entries: u64,
    /// Entries that the replicas applied, all together.
    pub applied: u64,
    /// Proposals that were lost.
    pub lost: u64,
    /// Proposals that arrived twice.
    pub twice: u64,
    /// Proposals that took seconds: who sent them stood still.
    pub late: u64,
    /// Proposals that arrived after one that was sent later.
    pub overtaken: u64,
    /// Commands that were committed and whose answer was lost.
    pub answers_lost: u64,
    /// Proposals that were sent again because nobody answered.
    pub retried: u64,
    /// Proposals that nobody answered in the end.
    pub given_up: u64,
    /// Outcomes that say: this was done before.
    pub already: u64,
    pub elections: u64,
    pub voters_changed: u64,
    /// Stamps that lay behind the one before.
    pub stamps_back: u64,
    /// Messages with entries that were lost on the way to a replica.
    pub entries_lost: u64,
    /// Entries that a replica had already when they came.
    pub entries_again: u64,
    /// Entries that came before those that precede them.
    pub gaps: u64,
    /// Messages for a replica that was down, or for an earlier life of it.
    pub to_the_dead: u64,
    pub crashes: u64,
    /// Crashes that cost a replica entries which it had not acknowledged.
    pub tails_lost: u64,
    /// Starts from an image, the newest or the one before.
    pub from_image: u64,
    /// Starts without an image: the whole log again.
    pub from_nothing: u64,
    /// Entries that lay behind a replica's image when it started.
    pub replayed: u64,
    /// Images that were found damaged at a start.
    pub images_damaged: u64,
    /// Images that were found damaged on their way to another replica.
    pub images_garbled: u64,
    /// Images of another replica that replaced a state.
    pub images_installed: u64,
    /// Images of another replica that came too late to be of use.
    pub images_stale: u64,
    /// Images that a replica made and that were the same bytes as all others' at that entry.
    pub images_compared: u64,
    /// Jobs that came again under an id which their owner had forgotten: a repetition was late.
    pub revived: u64,
    /// Commands that the ledger refused, by the name of the [`Rejection`].
    pub refused: BTreeMap<String, u64>,
}

impl LedgerCounts {
    /// All faults, each with how often it happened.
    pub fn faults(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("a lost proposal", self.lost),
            ("a proposal that arrived twice", self.twice),
            ("a proposal that was seconds late", self.late),
            ("a proposal that was overtaken", self.overtaken),
            ("a lost answer", self.answers_lost),
            ("a repeated proposal", self.retried),
            ("a proposal that was given up", self.given_up),
            ("an outcome that was told again", self.already),
            ("an election", self.elections),
            ("a change of the voters", self.voters_changed),
            ("a stamp behind the one before", self.stamps_back),
            ("lost entries", self.entries_lost),
            ("entries that were sent again", self.entries_again),
            ("entries that came too early", self.gaps),
            ("a message to the dead", self.to_the_dead),
            ("a crash", self.crashes),
            ("a lost end of a log", self.tails_lost),
            ("a start from an image", self.from_image),
            ("a start without an image", self.from_nothing),
            ("a replay", self.replayed),
            ("a damaged image", self.images_damaged),
            ("an image damaged on its way", self.images_garbled),
            ("an installed image", self.images_installed),
            ("an image that came too late", self.images_stale),
            ("a comparison of images", self.images_compared),
        ]
    }

    pub(super) fn note(&mut self, result: &Result<Outcome, Rejection>) {
        match result {
            Ok(Outcome::Job { already: true, .. } | Outcome::Joined { already: true, .. }) => {
                self.already += 1;
            }
            Ok(_) => {}
            Err(why) => *self.refused.entry(name(why)).or_default() += 1,
        }
    }
}

/// The variant's name, so that a new one is counted like all others.
fn name(why: &Rejection) -> String {
    let said = format!("{why:?}");
    let end = said.find(|letter: char| !letter.is_alphanumeric());
    said[..end.unwrap_or(said.len())].to_owned()
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "seed {seed} broke a promise at {at}: {rule}: {what}; the same `LedgerSpec` gives the same run"
)]
pub struct LedgerBreach {
    pub seed: u64,
    pub at: Time,
    /// The promise.
    pub rule: &'static str,
    pub what: String,
}

/// The promise, and what broke it.
pub(super) type Breach = (&'static str, String);

/// That a promise is kept.
pub(super) fn hold(
    rule: &'static str,
    holds: bool,
    what: impl FnOnce() -> String,
) -> Result<(), Breach> {
    if holds { Ok(()) } else { Err((rule, what())) }
}
