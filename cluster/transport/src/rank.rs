//! Which of several links between two nodes carries new requests. Pure.
//!
//! When both dial at once two links come up. Both nodes must choose the same, without talking: the
//! one that the lower id dialled. Among links of one dialler the newest wins, since a node dials
//! again only when it lost the old one. A link that rests on a certificate about to end gives way
//! to any that does not.

use std::cmp::Ordering;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkRank {
    /// Rests on a certificate in the last eighth of its life.
    pub(crate) stale: bool,
    /// Whether the node of the lower id dialled it.
    pub(crate) by_lower: bool,
    /// Counts up with each link of this node.
    pub(crate) number: u64,
}

impl LinkRank {
    fn key(&self) -> (bool, bool, u64) {
        (!self.stale, self.by_lower, self.number)
    }
}

impl PartialOrd for LinkRank {
    fn partial_cmp(&self, other: &LinkRank) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LinkRank {
    fn cmp(&self, other: &LinkRank) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests;
