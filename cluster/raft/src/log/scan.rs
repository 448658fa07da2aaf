//! Reads segments back: what the log holds, or what is wrong with it. Pure. The rule that tells a
//! torn tail from damage is in the module's head.

use super::frame::{Check, Frame, HEADER_BYTES, Header, Kind};
use super::journal::segment as file;
use crate::ledger::{LogPoint, VoterSets};
use crate::types::{Entry, Payload, Record};
use base::{Epoch, NodeId};
use bytes::Bytes;
use std::collections::VecDeque;

/// What a log's bytes say.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Everything that is physically there and not truncated; may begin below `purged`.
    pub(crate) entries: VecDeque<Entry>,
    pub(crate) last: Option<LogPoint>,
    pub(crate) purged: Option<LogPoint>,
    pub(crate) committed: Option<LogPoint>,
    /// Bytes of a torn tail that were not taken.
    pub(crate) torn: u64,
    pub(super) end: End,
}

/// Where the next batch goes.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) batch: u64,
    pub(super) prev: Check,
    pub(super) active: u64,
    pub(super) active_len: u64,
    /// Closed segments, each with the highest index of an entry in it.
    pub(super) closed: VecDeque<(u64, Option<u64>)>,
    pub(super) active_top: Option<u64>,
    /// A segment that was being made when the node died; it holds nothing.
    pub(super) orphan: Option<u64>,
}

/// Something durable was lost. The node must not vote until peers have made it whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("`{}` is damaged at byte {offset}, and later batches were durable", file(*segment))]
    Frame { segment: u64, offset: u64 },
    #[error("the header of `{}` is damaged", file(*segment))]
    Header { segment: u64 },
    #[error("`{}` is missing", file(*segment))]
    Missing { segment: u64 },
    #[error("`{}` does not continue the segment before it", file(*segment))]
    Chain { segment: u64 },
    #[error("`{}` holds an entry out of place at byte {offset}", file(*segment))]
    Order { segment: u64, offset: u64 },
    #[error("entry {committed} is known to be committed, but the log ends before it")]
    Committed { committed: u64 },
    #[error("the log begins after entry {purged:?}, but no snapshot reaches that far")]
    Snapshot { purged: Option<u64> },
    #[error("the segments are gone, but this node has voted")]
    Vanished,
}

/// A segment's number and bytes, in the sequence's order; at least one.
pub(super) fn scan(
    node: NodeId,
    epoch: Epoch,
    segments: &[(u64, Vec<u8>)],
) -> Result<Recovered, Damage> {
    let Some((first, bytes)) = segments.first() else {
        return Err(Damage::Missing { segment: 0 });
    };
    let header = sound_header(node, epoch, *first, bytes);
    let (header, check) = header.ok_or(Damage::Header { segment: *first })?;
    let mut scan = Scan {
        entries: VecDeque::new(),
        base: header.last,
        last: header.last,
        purged: header.purged,
        committed: header.committed,
        staged: Vec::new(),
        batch: header.batch,
        prev: check,
        whole: check,
        rolled: false,
        top: None,
        closed: VecDeque::new(),
    };
    for (i, (sequence, bytes)) in segments.iter().enumerate() {
        let later = &segments[i + 1..];
        if i > 0 && !scan.enter(node, epoch, *sequence, bytes)? {
            return scan.orphan(segments, i);
        }
        let stopped = scan.read(*sequence, bytes)?;
        if stopped < bytes.len() {
            return scan.torn(*sequence, bytes, stopped, later);
        }
        if !scan.rolled && scan.staged.is_empty() && later.is_empty() {
            return scan.finish(*sequence, stopped as u64, 0, None);
        }
        if !scan.staged.is_empty() {
            // The batch's end is missing, though the file ends between two frames.
            let whole = scan.whole_end(stopped);
            return scan.torn(*sequence, bytes, whole, later);
        }
        if scan.rolled && later.is_empty() {
            return Err(Damage::Missing {
                segment: sequence + 1,
            });
        }
    }
    let (sequence, bytes) = &segments[segments.len() - 1];
    scan.finish(*sequence, bytes.len() as u64, 0, None)
}

struct Scan {
    entries: VecDeque<Entry>,
    /// The last entry before all segments.
    base: Option<LogPoint>,
    last: Option<LogPoint>,
    purged: Option<LogPoint>,
    committed: Option<LogPoint>,
    /// Of a batch whose end was not seen yet, with the bytes that they take.
    staged: Vec<(Step, usize)>,
    /// The batch that comes next.
    batch: u64,
    prev: Check,
    /// What the last frame of the last whole batch had for its checksum.
    whole: Check,
    rolled: bool,
    top: Option<u64>,
    closed: VecDeque<(u64, Option<u64>)>,
}

enum Step {
    Entry(Box<Entry>),
    Truncate(Option<LogPoint>),
    Purge(LogPoint),
    Commit(LogPoint),
    Roll,
    Seal,
}

impl Scan {
    /// Goes on with the next segment; `false` when it was only being made.
    fn enter(
        &mut self,
        node: NodeId,
        epoch: Epoch,
        sequence: u64,
        bytes: &[u8],
    ) -> Result<bool, Damage> {
        let found = sound_header(node, epoch, sequence, bytes);
        if !self.rolled {
            let empty = bytes.len() <= HEADER_BYTES;
            return if empty {
                Ok(false)
            } else {
                Err(Damage::Chain { segment: sequence })
            };
        }
        let (header, check) = found.ok_or(Damage::Header { segment: sequence })?;
        if header.prev != self.prev || header.batch != self.batch {
            return Err(Damage::Chain { segment: sequence });
        }
        self.closed.push_back((sequence - 1, self.top.take()));
        self.rolled = false;
        self.prev = check;
        self.whole = check;
        Ok(true)
    }

    /// Reads frames until one is not sound; returns where.
    fn read(&mut self, sequence: u64, bytes: &[u8]) -> Result<usize, Damage> {
        let mut at = HEADER_BYTES;
        while let Some((frame, len)) = Frame::decode(&bytes[at..]) {
            if frame.prev != self.prev || frame.batch != self.batch || self.rolled {
                return Ok(self.whole_end(at));
            }
            let offset = at as u64;
            let step = step(&frame).ok_or(Damage::Order {
                segment: sequence,
                offset,
            })?;
            self.prev = frame.check;
            self.staged.push((step, len));
            at += len;
            if frame.ends {
                for (step, _) in std::mem::take(&mut self.staged) {
                    self.take(step).ok_or(Damage::Order {
                        segment: sequence,
                        offset,
                    })?;
                }
                self.batch += 1;
                self.whole = frame.check;
            }
        }
        Ok(if at == bytes.len() {
            at
        } else {
            self.whole_end(at)
        })
    }

    /// Where the last whole batch ends, given where the last whole frame does.
    fn whole_end(&self, at: usize) -> usize {
        at - self.staged.iter().map(|(_, len)| len).sum::<usize>()
    }

    fn take(&mut self, step: Step) -> Option<()> {
        match step {
            Step::Entry(entry) => {
                let point = crate::types::point(&entry.log_id);
                let expected = self.last.map_or(0, |last| last.index + 1);
                if point.index != expected || Some(point.term) < self.last.map(|last| last.term) {
                    return None;
                }
                self.last = Some(point);
                self.top = self.top.max(Some(point.index));
                self.entries.push_back(*entry);
            }
            Step::Truncate(to) => {
                let keep = to.map_or(0, |to| to.index + 1);
                while self
                    .entries
                    .back()
                    .is_some_and(|entry| entry.log_id.index >= keep)
                {
                    self.entries.pop_back();
                }
                if self.last.is_some_and(|last| last.index >= keep) {
                    self.last = to;
                }
            }
            Step::Purge(to) => {
                self.purged = self.purged.max(Some(to));
                if self.last.is_none_or(|last| last.index <= to.index) {
                    if self.last.is_none_or(|last| last.index < to.index) {
                        self.entries.clear();
                    }
                    self.last = Some(to);
                }
            }
            Step::Commit(to) => self.committed = self.committed.max(Some(to)),
            Step::Roll => self.rolled = true,
            Step::Seal => {}
        }
        Some(())
    }

    /// Frames stop being sound at `stopped`: a torn tail, unless something later proves otherwise.
    fn torn(
        self,
        sequence: u64,
        bytes: &[u8],
        stopped: usize,
        later: &[(u64, Vec<u8>)],
    ) -> Result<Recovered, Damage> {
        // The batch that is not whole is `self.batch`. A frame of the one after it can only have
        // been written when that one was durable.
        let proof = self.batch + 1;
        let rest = &bytes[stopped..];
        let offset = stopped as u64;
        if holds_batch(rest, proof) || later.iter().any(|(_, bytes)| bytes.len() > HEADER_BYTES) {
            return Err(Damage::Frame {
                segment: sequence,
                offset,
            });
        }
        let orphan = later.first().map(|(sequence, _)| *sequence);
        self.finish(sequence, offset, rest.len() as u64, orphan)
    }

    fn orphan(self, segments: &[(u64, Vec<u8>)], i: usize) -> Result<Recovered, Damage> {
        if i + 1 < segments.len() {
            return Err(Damage::Chain {
                segment: segments[i].0,
            });
        }
        let (sequence, bytes) = &segments[i - 1];
        self.finish(*sequence, bytes.len() as u64, 0, Some(segments[i].0))
    }

    fn finish(
        self,
        active: u64,
        active_len: u64,
        torn: u64,
        orphan: Option<u64>,
    ) -> Result<Recovered, Damage> {
        // Segments before the first are gone, so a purge must have covered what they held.
        if self.base.map(|base| base.index) > self.purged.map(|purged| purged.index) {
            return Err(Damage::Missing {
                segment: self
                    .closed
                    .front()
                    .map_or(active, |(first, _)| *first)
                    .saturating_sub(1),
            });
        }
        if let Some(committed) = self.committed
            && self.last.is_none_or(|last| last.index < committed.index)
        {
            return Err(Damage::Committed {
                committed: committed.index,
            });
        }
        Ok(Recovered {
            entries: self.entries,
            last: self.last,
            purged: self.purged,
            committed: self.committed,
            torn,
            end: End {
                batch: self.batch,
                // What was staged after the last whole batch is not taken.
                prev: self.whole,
                active,
                active_len,
                closed: self.closed,
                active_top: self.top,
                orphan,
            },
        })
    }
}

fn sound_header(
    node: NodeId,
    epoch: Epoch,
    sequence: u64,
    bytes: &[u8],
) -> Option<(Header, Check)> {
    Header::decode(bytes).filter(|(header, _)| {
        header.node == node && header.epoch == epoch && header.sequence == sequence
    })
}

/// Whether a sound frame of this batch or a later one begins anywhere in these bytes.
fn holds_batch(bytes: &[u8], batch: u64) -> bool {
    (0..bytes.len())
        .filter_map(|at| Frame::decode(&bytes[at..]))
        .any(|(frame, _)| frame.batch >= batch)
}

/// `None` for a frame whose checksum holds but whose content makes no sense.
fn step(frame: &Frame<'_>) -> Option<Step> {
    let body = frame.body;
    let entry = |payload: Payload| {
        let record = Record {
            point: frame.point?,
            payload,
        };
        Some(Step::Entry(Box::new(record.entry()?)))
    };
    match frame.kind {
        Kind::Blank => entry(Payload::Blank),
        Kind::Command => entry(Payload::Command(Bytes::copy_from_slice(body))),
        Kind::Voters => {
            let sets: VoterSets = wire::from_bytes(body, super::FRAME_BYTES).ok()?;
            entry(Payload::Voters(sets))
        }
        Kind::Truncate => Some(Step::Truncate(frame.point)),
        Kind::Purge => frame.point.map(Step::Purge),
        Kind::Commit => frame.point.map(Step::Commit),
        Kind::Roll => Some(Step::Roll),
        Kind::Seal => Some(Step::Seal),
    }
}
