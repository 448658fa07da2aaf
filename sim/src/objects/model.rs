//! One name of the registry of models and training checkpoints: its versions are numbered as they
//! come, each made from one that was there, and none is ever lost; what was promoted last serves; a
//! rollback gives what served before.

use crate::history::Model;
use base::ContentHash;
use raft::ledger::State;
use std::collections::BTreeMap;

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelCall {
    Publish {
        hash: ContentHash,
        parent: Option<u32>,
    },
    Promote {
        version: u32,
    },
    /// To a version, or to what served before.
    Rollback {
        to: Option<u32>,
    },
    Read,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelAnswer {
    /// The version that was entered, or that serves now.
    Version(u32),
    NoSuchModel,
    NoSuchVersion(u32),
    NothingBefore,
    Seen(ModelView),
    /// What is no answer to a call on a model.
    Odd(String),
}

/// All that can be seen of a name; nothing before its first version.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelView {
    /// What each version was made from, and its hash.
    pub versions: BTreeMap<u32, (Option<u32>, ContentHash)>,
    /// What served, oldest first; the last one serves now.
    pub promoted: Vec<u32>,
}

/// A name of the registry as it should behave.
pub struct NamedModel;

impl Model for NamedModel {
    type State = ModelView;
    type Operation = ModelCall;
    type Answer = ModelAnswer;

    fn initial(&self) -> ModelView {
        ModelView::default()
    }

    fn step(&self, state: &ModelView, call: &ModelCall) -> (ModelView, ModelAnswer) {
        let mut after = state.clone();
        let answer = match *call {
            ModelCall::Publish { hash, parent } => after.publish(hash, parent),
            ModelCall::Promote { version } => after.promote(version),
            ModelCall::Rollback { to } => after.roll_back(to),
            ModelCall::Read => Err(ModelAnswer::Seen(state.clone())),
        };
        let answer = answer.map_or_else(|said| said, ModelAnswer::Version);
        (after, answer)
    }
}

impl ModelView {
    /// As the ledger has it.
    pub fn of(state: &State, name: &str) -> ModelView {
        let Some(model) = state.models.0.get(name) else {
            return ModelView::default();
        };
        let versions = model.versions.iter();
        ModelView {
            versions: versions
                .map(|(version, record)| (*version, (record.parent, record.hash)))
                .collect(),
            promoted: model.promoted.clone(),
        }
    }

    /// The same version told again is no other one.
    fn publish(&mut self, hash: ContentHash, parent: Option<u32>) -> Result<u32, ModelAnswer> {
        if let Some(parent) = parent
            && !self.versions.contains_key(&parent)
        {
            return Err(ModelAnswer::NoSuchVersion(parent));
        }
        let told = (parent, hash);
        let mut versions = self.versions.iter();
        if let Some((version, _)) = versions.find(|(_, known)| **known == told) {
            return Ok(*version);
        }
        let last = self.versions.keys().next_back().copied().unwrap_or(0);
        self.versions.insert(last + 1, told);
        Ok(last + 1)
    }

    fn promote(&mut self, version: u32) -> Result<u32, ModelAnswer> {
        self.check(version)?;
        self.serve(version);
        Ok(version)
    }

    fn roll_back(&mut self, to: Option<u32>) -> Result<u32, ModelAnswer> {
        if self.versions.is_empty() {
            return Err(ModelAnswer::NoSuchModel);
        }
        let mut served = self.promoted.iter().rev().copied();
        let (now, before) = (served.next(), served.next());
        let now = now.ok_or(ModelAnswer::NothingBefore)?;
        let to = to.or(before).ok_or(ModelAnswer::NothingBefore)?;
        self.check(to)?;
        if to != now {
            self.promoted.pop();
            self.serve(to);
        }
        Ok(to)
    }

    fn check(&self, version: u32) -> Result<(), ModelAnswer> {
        if self.versions.is_empty() {
            return Err(ModelAnswer::NoSuchModel);
        }
        if !self.versions.contains_key(&version) {
            return Err(ModelAnswer::NoSuchVersion(version));
        }
        Ok(())
    }

    fn serve(&mut self, version: u32) {
        if self.promoted.last() != Some(&version) {
            self.promoted.push(version);
        }
    }
}

#[cfg(test)]
mod tests;
