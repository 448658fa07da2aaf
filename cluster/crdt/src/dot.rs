//! Who writes, and the name of one write.

use base::NodeId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One life of one node's store. A node that lost its disk writes as another replica, so that a
/// count is never used for two events.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Replica {
    pub node: NodeId,
    /// The time at which this life began; only has to differ from the node's other lives.
    pub life: u64,
}

/// The name of one event.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dot {
    pub replica: Replica,
    /// From 1.
    pub count: u64,
}

impl Dot {
    /// 64 well-mixed bits. Part of the protocol: both sides of a comparison must get the same.
    pub(crate) fn hash(&self) -> u64 {
        let node = u128::from_le_bytes(self.replica.node.0);
        [
            node as u64,
            (node >> 64) as u64,
            self.replica.life,
            self.count,
        ]
        .into_iter()
        .fold(0, |hash, part| mix(hash ^ part))
    }
}

/// A round of SplitMix64.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:x}", self.node.short(), self.life)
    }
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}#{}", self.replica, self.count)
    }
}
