//! What one event says, and deltas: what one store tells another.

use crate::{Dot, Replica, Spans, Stamp};
use base::{ContentHash, NodeId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// An event. Its content never changes: a dot names it for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// What the replica's node says of itself. The latest stamp wins.
    Facts { stamp: Stamp, facts: NodeFacts },
    /// That node has those bytes. Add to an observed-remove set.
    Hold { hash: ContentHash, node: NodeId },
    /// The removal of exactly these [`Change::Hold`]s; one that nobody here had seen survives.
    Release { holds: Vec<Dot> },
    /// The replica's own total of a metric. Only grows.
    Count { metric: String, total: u64 },
    /// Grow-only: evicted by age and size, never changed.
    Record {
        stamp: Stamp,
        key: Bytes,
        value: Bytes,
    },
    /// An earlier life of the writer's node is over: all that it said, records excepted, is void.
    Retire { life: u64 },
}

/// What a node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFacts {
    pub name: String,
    /// Where its transport listens.
    pub address: String,
    pub cores: u32,
    pub memory_bytes: u64,
    pub numa_nodes: u32,
    pub gpus: Vec<GpuFacts>,
    /// Names of models that it can serve.
    pub models: Vec<String>,
    /// Sub-calls that it takes at a time.
    pub slots: u32,
    pub wire_version: u16,
    /// Why it takes no work; empty when it is ready.
    pub not_ready: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuFacts {
    pub name: String,
    pub memory_bytes: u64,
}

/// "Of that replica's events from `first` to `last`, these are live." The rest is dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub replica: Replica,
    pub first: u64,
    pub last: u64,
    /// Ascending.
    pub live: Vec<(u64, Change)>,
}

/// What one store tells another: true by itself, in any order, any number of times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    pub spans: Vec<Span>,
}

impl Delta {
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// About as many bytes as it takes on the wire.
    pub fn weight(&self) -> usize {
        let spans = self.spans.iter();
        spans
            .map(|span| SPAN_BYTES + span.live.iter().map(|(_, c)| c.weight()).sum::<usize>())
            .sum()
    }

    /// The dots that it speaks about, by replica.
    pub(crate) fn covers(&self) -> impl Iterator<Item = (Replica, Spans)> {
        self.spans.iter().map(|span| {
            let spans = [(span.first, span.last)].into_iter().collect();
            (span.replica, spans)
        })
    }
}

impl Change {
    /// About as many bytes as it takes on the wire.
    pub fn weight(&self) -> usize {
        let texts = |texts: &[String]| texts.iter().map(|text| text.len() + 1).sum::<usize>();
        CHANGE_BYTES
            + match self {
                Change::Facts { facts, .. } => {
                    let gpus: usize = facts.gpus.iter().map(|gpu| gpu.name.len() + 9).sum();
                    facts.name.len()
                        + facts.address.len()
                        + texts(&facts.models)
                        + texts(&facts.not_ready)
                        + gpus
                        + 40
                }
                Change::Hold { .. } => 48,
                Change::Release { holds } => holds.len() * SPAN_BYTES,
                Change::Count { metric, .. } => metric.len() + 9,
                Change::Record { key, value, .. } => key.len() + value.len() + 16,
                Change::Retire { .. } => 8,
            }
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        match self {
            Change::Facts { stamp, .. } | Change::Record { stamp, .. } => Some(*stamp),
            Change::Hold { .. }
            | Change::Release { .. }
            | Change::Count { .. }
            | Change::Retire { .. } => None,
        }
    }
}

/// A replica's name and two counts on the wire.
const SPAN_BYTES: usize = 32;
/// A count and a tag.
const CHANGE_BYTES: usize = 4;
