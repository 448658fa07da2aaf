//! What is no longer believed although its date is not over. Only grows: an id or a serial is never
//! used again.

use crate::{NodeCertificate, Serial};
use base::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Whole nodes, and single certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocations {
    pub nodes: BTreeSet<NodeId>,
    pub serials: BTreeSet<Serial>,
}

impl Revocations {
    pub fn of_node(node: NodeId) -> Revocations {
        Revocations {
            nodes: BTreeSet::from([node]),
            serials: BTreeSet::new(),
        }
    }

    pub fn of_serial(serial: Serial) -> Revocations {
        Revocations {
            nodes: BTreeSet::new(),
            serials: BTreeSet::from([serial]),
        }
    }

    pub fn covers(&self, certificate: &NodeCertificate) -> bool {
        self.nodes.contains(&certificate.node) || self.serials.contains(&certificate.serial)
    }

    pub fn merge(&mut self, other: &Revocations) {
        self.nodes.extend(&other.nodes);
        self.serials.extend(&other.serials);
    }
}
