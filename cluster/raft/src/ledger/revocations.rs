//! Certificates and nodes that lost their standing, numbered, so that a node can ask for what is
//! newer than what it knows.

use super::{Outcome, Rejection, Revocation, rejection};
use base::{Epoch, NodeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A certificate's serial number.
pub type Serial = [u8; 16];

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocations {
    /// The number of the newest one.
    pub epoch: Epoch,
    pub all: BTreeMap<Revocation, Epoch>,
}

impl Revocations {
    pub fn revoked_node(&self, node: NodeId) -> bool {
        self.all.contains_key(&Revocation::Node(node))
    }

    pub fn revoked_serial(&self, serial: Serial) -> bool {
        self.all.contains_key(&Revocation::Serial(serial))
    }

    /// What came after `known`, in order.
    pub fn since(&self, known: Epoch) -> Vec<(Revocation, Epoch)> {
        let newer = self.all.iter().filter(|(_, epoch)| **epoch > known);
        let mut found: Vec<_> = newer.map(|(what, epoch)| (what.clone(), *epoch)).collect();
        found.sort_by_key(|(_, epoch)| *epoch);
        found
    }

    pub(super) fn revoke(&mut self, what: &Revocation, reason: &str) -> Result<Outcome, Rejection> {
        rejection::text("the reason", reason, REASON_CHARS)?;
        if self.all.contains_key(what) {
            return Err(Rejection::Revoked { what: what.clone() });
        }
        // Certificates live a day, so an old serial is void by itself. Nodes are never forgotten.
        while self.all.len() >= MAX_REVOCATIONS {
            let oldest = self
                .all
                .iter()
                .filter(|(what, _)| matches!(what, Revocation::Serial(_)))
                .min_by_key(|(_, epoch)| **epoch)
                .map(|(what, _)| what.clone());
            let oldest = oldest.ok_or(Rejection::TooMany {
                what: "revoked nodes".into(),
                max: MAX_REVOCATIONS as u64,
            })?;
            self.all.remove(&oldest);
        }
        self.epoch = self.epoch.next();
        self.all.insert(what.clone(), self.epoch);
        Ok(Outcome::Revoked { epoch: self.epoch })
    }
}

pub(super) const REASON_CHARS: usize = 256;
const MAX_REVOCATIONS: usize = 16_384;
