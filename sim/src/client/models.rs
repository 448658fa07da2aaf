//! Calls on names of the registry that several clients use: versions come in, are promoted, rolled
//! back and read. The bytes are nobody's: that they are on two disks first is asked in the world of
//! blobs.

use super::{Client, surely_not};
use crate::objects::{Heard, ModelAnswer, ModelCall, ModelView};
use base::NodeId;
use cluster::Node;
use raft::ProposeError;
use raft::ledger::{Command, NewVersion, Outcome, Rejection};
use rand::Rng;
use std::collections::BTreeMap;

/// What a client knows of the model that it uses.
#[derive(Default)]
pub(super) struct Known {
    /// The model's place among all that are shared.
    place: usize,
    /// The newest version that it heard of; zero before the first.
    newest: u32,
    /// What it published last, and may tell again.
    told: Option<ModelCall>,
}

impl Client {
    /// One call on the model that this client uses now.
    pub(super) async fn call_model(&self, node: &Node, known: &mut Known) {
        let (place, name) = self.oracle.told().models.pick(KIND, &self.name);
        if known.place != place {
            *known = Known {
                place,
                ..Known::default()
            };
        }
        let call = known.choose();
        let now = self.oracle.now();
        let sent = self.oracle.told().models.sent(place, call, now);
        let heard = match command(call, &name, super::holders(node)) {
            Some(command) => answer(node.submit(&self.name, command).await),
            None => match node.barrier().await {
                Ok(_) => Heard::Answer(ModelAnswer::Seen(ModelView::of(&node.state(), &name))),
                Err(_) => Heard::Refused,
            },
        };
        if let Heard::Answer(answer) = &heard {
            known.learn(answer);
        }
        let now = self.oracle.now();
        let mut told = self.oracle.told();
        told.failed += u64::from(!heard.is_answer());
        told.models.heard(sent, heard, now);
    }
}

impl Known {
    fn choose(&mut self) -> ModelCall {
        let mut rng = rand::rng();
        match rng.random_range(0..20) {
            0..6 => ModelCall::Read,
            6..8 => self.told.unwrap_or(ModelCall::Read),
            8..12 => {
                let descends = self.newest > 0 && rng.random_bool(0.7);
                let publish = ModelCall::Publish {
                    hash: super::any_hash(),
                    parent: descends.then(|| rng.random_range(1..=self.newest)),
                };
                self.told = Some(publish);
                publish
            }
            // One too far is one that another client may have published.
            12..17 => ModelCall::Promote {
                version: rng.random_range(1..=self.newest + 1),
            },
            17..19 => ModelCall::Rollback { to: None },
            _ => ModelCall::Rollback {
                to: Some(rng.random_range(1..=self.newest + 1)),
            },
        }
    }

    fn learn(&mut self, answer: &ModelAnswer) {
        match answer {
            ModelAnswer::Version(version) => self.newest = self.newest.max(*version),
            ModelAnswer::Seen(seen) => {
                self.newest = seen.versions.keys().next_back().copied().unwrap_or(0);
            }
            ModelAnswer::NoSuchModel
            | ModelAnswer::NoSuchVersion(_)
            | ModelAnswer::NothingBefore
            | ModelAnswer::Odd(_) => {}
        }
    }
}

/// What is proposed; none for a read.
pub(super) fn command(call: ModelCall, name: &str, holders: Vec<NodeId>) -> Option<Command> {
    let name = name.to_owned();
    Some(match call {
        ModelCall::Publish { hash, parent } => Command::Publish(NewVersion {
            name,
            parent,
            hash,
            size: 1,
            metrics: BTreeMap::new(),
            holders,
        }),
        ModelCall::Promote { version } => Command::Promote { name, version },
        ModelCall::Rollback { to } => Command::Rollback { name, to },
        ModelCall::Read => return None,
    })
}

/// In the words of the model.
pub(super) fn answer(outcome: Result<Outcome, ProposeError>) -> Heard<ModelAnswer> {
    Heard::Answer(match outcome {
        Ok(Outcome::Version { version, .. }) => ModelAnswer::Version(version),
        Ok(other) => ModelAnswer::Odd(format!("{other:?}")),
        Err(ProposeError::Rejected(Rejection::UnknownModel { .. })) => ModelAnswer::NoSuchModel,
        Err(ProposeError::Rejected(Rejection::UnknownVersion { version, .. })) => {
            ModelAnswer::NoSuchVersion(version)
        }
        Err(ProposeError::Rejected(Rejection::NothingBefore { .. })) => ModelAnswer::NothingBefore,
        // A holder that is no member any more, a ledger that is full: not of the model itself.
        Err(error) if surely_not(&error) => return Heard::Refused,
        Err(_) => return Heard::Nothing,
    })
}

const KIND: &str = "shared model";
