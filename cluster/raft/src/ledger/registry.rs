//! Models, adapters and training checkpoints: names, versions, lineage, and which version serves.
//! Only hashes live here; the bytes travel by them.

use super::{Outcome, Rejection, rejection};
use base::{ContentHash, NodeId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is to be entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVersion {
    pub name: String,
    /// The version of the same name that this one was made from.
    pub parent: Option<u32>,
    /// BLAKE3 of the bytes.
    pub hash: ContentHash,
    pub size: u64,
    /// In millionths, since floating point has no order that all agree on.
    pub metrics: BTreeMap<String, i64>,
    /// Members that have the bytes on their disks.
    pub holders: Vec<NodeId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersion {
    pub parent: Option<u32>,
    pub hash: ContentHash,
    pub size: u64,
    pub metrics: BTreeMap<String, i64>,
    pub holders: Vec<NodeId>,
    pub published: Time,
    pub stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    Published,
    Promoted,
    /// Served once, and another was promoted since.
    Retired,
    RolledBack,
}

/// All versions of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    pub versions: BTreeMap<u32, ModelVersion>,
    /// What served, oldest first; the last serves now.
    pub promoted: Vec<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Models(pub BTreeMap<String, Model>);

impl Model {
    pub fn current(&self) -> Option<(u32, &ModelVersion)> {
        let version = *self.promoted.last()?;
        Some((version, self.versions.get(&version)?))
    }

    /// A version and what it was made from, newest first.
    pub fn lineage(&self, version: u32) -> Vec<u32> {
        let mut line = Vec::new();
        let mut next = Some(version);
        while let Some((version, record)) =
            next.and_then(|version| Some((version, self.versions.get(&version)?)))
        {
            line.push(version);
            // A parent was there first, so it has a smaller number and this ends.
            next = record.parent;
        }
        line
    }

    fn stage(&mut self, version: u32, stage: Stage) {
        if let Some(record) = self.versions.get_mut(&version) {
            record.stage = stage;
        }
    }
}

impl Models {
    pub(super) fn publish(&mut self, new: &NewVersion, now: Time) -> Result<Outcome, Rejection> {
        let name = &new.name;
        rejection::text("the model's name", name, NAME_CHARS)?;
        rejection::room("metrics", new.metrics.len(), MAX_METRICS)?;
        for metric in new.metrics.keys() {
            rejection::text("a metric's name", metric, NAME_CHARS)?;
        }
        let known = self.0.get(name);
        let versions = known.map(|model| &model.versions);
        if let Some(parent) = new.parent
            && !versions.is_some_and(|versions| versions.contains_key(&parent))
        {
            return Err(Rejection::UnknownVersion {
                name: name.clone(),
                version: parent,
            });
        }
        // Told again after a lost answer.
        let same = |record: &ModelVersion| record.hash == new.hash && record.parent == new.parent;
        let again = versions.and_then(|all| all.iter().find(|(_, record)| same(record)));
        if let Some((version, _)) = again {
            return Ok(Outcome::Version {
                name: name.clone(),
                version: *version,
            });
        }
        match known {
            None => rejection::room("models", self.0.len(), MAX_MODELS)?,
            Some(model) => rejection::room("versions", model.versions.len(), MAX_VERSIONS)?,
        }
        let model = self.0.entry(name.clone()).or_default();
        let version = model
            .versions
            .last_key_value()
            .map_or(1, |(last, _)| last + 1);
        let record = ModelVersion {
            parent: new.parent,
            hash: new.hash,
            size: new.size,
            metrics: new.metrics.clone(),
            holders: new.holders.clone(),
            published: now,
            stage: Stage::Published,
        };
        model.versions.insert(version, record);
        Ok(Outcome::Version {
            name: name.clone(),
            version,
        })
    }

    pub(super) fn promote(&mut self, name: &str, version: u32) -> Result<Outcome, Rejection> {
        let model = self.model(name)?;
        known(model, name, version)?;
        if let Some(old) = model.promoted.last().copied()
            && old != version
        {
            model.stage(old, Stage::Retired);
        }
        if model.promoted.last() != Some(&version) {
            model.promoted.push(version);
        }
        if model.promoted.len() > MAX_HISTORY {
            model.promoted.remove(0);
        }
        model.stage(version, Stage::Promoted);
        Ok(Outcome::Version {
            name: name.to_owned(),
            version,
        })
    }

    /// Takes effect where the entry applies: nothing is copied, all versions' bytes are there.
    pub(super) fn rollback(&mut self, name: &str, to: Option<u32>) -> Result<Outcome, Rejection> {
        let model = self.model(name)?;
        let before = model.promoted.iter().rev().nth(1).copied();
        let nothing = || Rejection::NothingBefore {
            name: name.to_owned(),
        };
        let from = model.promoted.last().copied().ok_or_else(nothing)?;
        let to = to.or(before).ok_or_else(nothing)?;
        known(model, name, to)?;
        if to == from {
            return Ok(Outcome::Version {
                name: name.to_owned(),
                version: to,
            });
        }
        model.stage(from, Stage::RolledBack);
        model.promoted.pop();
        if model.promoted.last() != Some(&to) {
            model.promoted.push(to);
        }
        model.stage(to, Stage::Promoted);
        Ok(Outcome::Version {
            name: name.to_owned(),
            version: to,
        })
    }

    fn model(&mut self, name: &str) -> Result<&mut Model, Rejection> {
        let unknown = || Rejection::UnknownModel {
            name: name.chars().take(NAME_CHARS).collect(),
        };
        self.0.get_mut(name).ok_or_else(unknown)
    }
}

fn known(model: &Model, name: &str, version: u32) -> Result<(), Rejection> {
    if model.versions.contains_key(&version) {
        Ok(())
    } else {
        Err(Rejection::UnknownVersion {
            name: name.to_owned(),
            version,
        })
    }
}

const NAME_CHARS: usize = 128;
const MAX_METRICS: usize = 32;
const MAX_MODELS: usize = 256;
const MAX_VERSIONS: usize = 1024;
/// Promotions that can be taken back one by one.
const MAX_HISTORY: usize = 64;
