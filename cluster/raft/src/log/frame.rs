//! The bytes of a segment: header and frames, little-endian, checksummed by BLAKE3 cut to 16 bytes
//! (accidents, not attackers). The layouts never change under one [`VERSION`]; `tests.rs` has them
//! frozen.

use super::FRAME_BYTES;
use crate::ledger::LogPoint;
use crate::types::{Entry, Proposal, voter_sets};
use base::{Epoch, NodeId};
use openraft::EntryPayload;

pub(super) type Check = [u8; 16];

/// First bytes of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u16,
    pub(super) node: NodeId,
    /// Raised by each repair: an older log cannot be taken for this one.
    pub(super) epoch: Epoch,
    /// Place in the sequence of segments.
    pub(super) sequence: u64,
    /// The first batch in here.
    pub(super) batch: u64,
    /// The last entry before this segment.
    pub(super) last: Option<LogPoint>,
    pub(super) purged: Option<LogPoint>,
    pub(super) committed: Option<LogPoint>,
    /// Checksum of the last frame of the segment before.
    pub(super) prev: Check,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Blank = 1,
    Command = 2,
    Voters = 3,
    /// Entries above the index are void.
    Truncate = 4,
    /// Entries up to the index are in a snapshot.
    Purge = 5,
    /// Entries up to the index are committed.
    Commit = 6,
    /// The log goes on in the next segment.
    Roll = 7,
    /// Proof that the batches before were durable, and nothing else.
    Seal = 8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    /// The last of its batch.
    pub(super) ends: bool,
    pub(super) batch: u64,
    /// `None` for a truncation that voids everything, a roll and a seal.
    pub(super) point: Option<LogPoint>,
    pub(super) prev: Check,
    pub(super) check: Check,
    pub(super) body: &'a [u8],
}

impl Header {
    pub(super) fn encode(&self) -> (Vec<u8>, Check) {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(SEGMENT_MAGIC);
        bytes.extend(self.version.to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(self.node.0);
        for number in [self.epoch.0, self.sequence, self.batch] {
            bytes.extend(number.to_le_bytes());
        }
        for point in [self.last, self.purged, self.committed] {
            put_point(&mut bytes, point);
        }
        bytes.extend(self.prev);
        let check = checksum(&[&bytes]);
        bytes.extend(check);
        (bytes, check)
    }

    /// `None` for anything but a whole, unharmed header, except that a newer version is let
    /// through to be named.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Header, Check)> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        let (content, check) = bytes.split_at(HEADER_BYTES - CHECK_BYTES);
        if content[..8] != SEGMENT_MAGIC || checksum(&[content]) != *check {
            return None;
        }
        let header = Header {
            version: u16::from_le_bytes([content[8], content[9]]),
            node: NodeId(chunk(content, 12)),
            epoch: Epoch(number(content, 28)),
            sequence: number(content, 36),
            batch: number(content, 44),
            last: get_point(content, 52),
            purged: get_point(content, 68),
            committed: get_point(content, 84),
            prev: chunk(content, 100),
        };
        Some((header, chunk(check, 0)))
    }
}

/// Builds the bytes of one batch; the frames hang on one another and on `prev`.
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    number: u64,
    prev: Check,
    /// Where the frame starts that is last so far.
    last: Option<usize>,
}

impl Batch {
    pub(super) fn new(number: u64, prev: Check) -> Batch {
        Batch {
            bytes: Vec::new(),
            number,
            prev,
            last: None,
        }
    }

    pub(super) fn entry(&mut self, entry: &Entry) -> Result<(), wire::EncodeError> {
        let at = Some(crate::types::point(&entry.log_id));
        match &entry.payload {
            EntryPayload::Blank => self.push(Kind::Blank, at, &[]),
            EntryPayload::Normal(Proposal(bytes)) => self.push(Kind::Command, at, bytes),
            EntryPayload::Membership(members) => {
                self.push(Kind::Voters, at, &wire::to_bytes(&voter_sets(members))?);
            }
        }
        Ok(())
    }

    pub(super) fn push(&mut self, kind: Kind, point: Option<LogPoint>, body: &[u8]) {
        self.close(0);
        let start = self.bytes.len();
        let len = u32::try_from(body.len()).expect("a body is under FRAME_BYTES");
        self.bytes.extend(FRAME_MAGIC);
        self.bytes.extend(len.to_le_bytes());
        self.bytes.extend([kind as u8, 0, 0, 0]);
        self.bytes.extend(self.number.to_le_bytes());
        put_point(&mut self.bytes, point);
        self.bytes.extend(self.prev);
        self.bytes.extend([0; CHECK_BYTES]);
        self.bytes.extend(body);
        self.last = Some(start);
    }

    /// The batch's bytes, and the checksum that the next one hangs on.
    pub(super) fn finish(mut self) -> (Vec<u8>, Check) {
        self.close(ENDS);
        (self.bytes, self.prev)
    }

    /// Only now it is known whether the last frame is the batch's last: checksum it.
    fn close(&mut self, flags: u8) {
        let Some(start) = self.last.take() else {
            return;
        };
        let frame = &mut self.bytes[start..];
        frame[9] = flags;
        let (head, rest) = frame.split_at_mut(CHECKED_BYTES);
        let (check, body) = rest.split_at_mut(CHECK_BYTES);
        self.prev = checksum(&[head, body]);
        check.copy_from_slice(&self.prev);
    }
}

impl Frame<'_> {
    /// The frame at the start of these bytes, with its whole length; `None` when there is no
    /// unharmed one. Says nothing about what it hangs on.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
        let head = bytes.first_chunk::<FRAME_HEAD_BYTES>()?;
        if head[..4] != FRAME_MAGIC {
            return None;
        }
        let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if len > FRAME_BYTES || head[9] & !ENDS != 0 {
            return None;
        }
        let body = bytes.get(FRAME_HEAD_BYTES..FRAME_HEAD_BYTES + len)?;
        let check: Check = chunk(head, CHECKED_BYTES);
        if checksum(&[&head[..CHECKED_BYTES], body]) != check {
            return None;
        }
        let frame = Frame {
            kind: Kind::from_u8(head[8])?,
            ends: head[9] == ENDS,
            batch: number(head, 12),
            point: get_point(head, 20),
            prev: chunk(head, 36),
            check,
            body,
        };
        Some((frame, FRAME_HEAD_BYTES + len))
    }
}

impl Kind {
    fn from_u8(number: u8) -> Option<Kind> {
        let all = [
            Kind::Blank,
            Kind::Command,
            Kind::Voters,
            Kind::Truncate,
            Kind::Purge,
            Kind::Commit,
            Kind::Roll,
            Kind::Seal,
        ];
        all.into_iter().find(|kind| *kind as u8 == number)
    }
}

pub(super) fn checksum(parts: &[&[u8]]) -> Check {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    chunk(hasher.finalize().as_bytes(), 0)
}

/// Index plus one, so that zero is none; then the term.
pub(super) fn put_point(bytes: &mut Vec<u8>, point: Option<LogPoint>) {
    let (index, term) = point.map_or((0, 0), |point| (point.index + 1, point.term));
    bytes.extend(index.to_le_bytes());
    bytes.extend(term.to_le_bytes());
}

pub(super) fn get_point(bytes: &[u8], at: usize) -> Option<LogPoint> {
    let index = number(bytes, at).checked_sub(1)?;
    let term = number(bytes, at + 8);
    Some(LogPoint { term, index })
}

pub(super) fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(chunk(bytes, at))
}

pub(super) fn chunk<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// Of segments, frames and vote files alike.
pub(super) const VERSION: u16 = 1;
const SEGMENT_MAGIC: [u8; 8] = *b"rlm-log\0";
const FRAME_MAGIC: [u8; 4] = *b"rlmF";
const CHECK_BYTES: usize = 16;
pub(super) const HEADER_BYTES: usize = 116 + CHECK_BYTES;
/// The part of a frame's head that its checksum covers.
const CHECKED_BYTES: usize = 52;
pub(super) const FRAME_HEAD_BYTES: usize = CHECKED_BYTES + CHECK_BYTES;
const ENDS: u8 = 1;
