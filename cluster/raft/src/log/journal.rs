//! Writes the log: one owner, one batch at a time, nothing acknowledged before its fsync returned.
//! Opens it too, and decides what a folder means: new, sound, to be repaired, or not ours.

use super::frame::{Batch, Check, Frame, Header, Kind, VERSION};
use super::scan::{Damage, End, Recovered, scan};
use super::votes::{self, Repair, SavedVote};
use super::{RESERVE_BYTES, SEGMENT_BYTES};
use crate::disk::{Disk, DiskError};
use crate::ledger::{LogPoint, VoterSets};
use crate::types::{Ballot, Entry};
use base::{Epoch, NodeId};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

pub(crate) struct Journal<D> {
    disk: D,
    node: NodeId,
    epoch: Epoch,
    /// Closed segments, each with the highest index of an entry in it.
    closed: VecDeque<(u64, Option<u64>)>,
    active: u64,
    active_len: u64,
    active_top: Option<u64>,
    batch: u64,
    prev: Check,
    last: Option<LogPoint>,
    purged: Option<LogPoint>,
    committed: Option<LogPoint>,
    /// Entries up to this index are in every snapshot that may be needed.
    floor: Option<u64>,
    /// The disk is full, and the reserve was given up to end what was begun.
    full: bool,
}

/// One thing to be made durable.
pub(crate) enum Op {
    Entries(Vec<Entry>),
    Truncate(Option<LogPoint>),
    Purge(LogPoint),
    Commit(LogPoint),
    /// Nothing but a further batch: proof that the ones before were durable.
    Seal,
}

/// What a folder holds.
pub(crate) struct Opened<D> {
    pub(crate) journal: Journal<D>,
    pub(crate) recovered: Recovered,
    pub(crate) vote: Option<Ballot>,
    /// Peers must make this node whole before it may vote.
    pub(crate) repair: Option<Repair>,
}

/// Why a folder cannot be opened. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("the log belongs to node {found}")]
    OtherNode { found: NodeId },
    #[error("the log or a snapshot has format {found}, which this version does not read")]
    Version { found: u16 },
    #[error("both copies of the vote are damaged")]
    VoteLost,
    #[error(transparent)]
    Damaged(#[from] Damage),
}

impl<D: Disk> Journal<D> {
    /// Reads what is there, or begins a log in an empty folder. On [`OpenError::Damaged`] the
    /// caller may go on with [`Journal::begin_repair`].
    pub(crate) fn open(mut disk: D, node: NodeId) -> Result<Opened<D>, OpenError> {
        let mut segments = Vec::new();
        let mut epochs = Vec::new();
        for sequence in sequences(&mut disk)? {
            let bytes = disk.read(&segment(sequence))?;
            if let Some((header, _)) = Header::decode(&bytes) {
                if header.version != VERSION {
                    return Err(OpenError::Version {
                        found: header.version,
                    });
                }
                if header.node != node {
                    return Err(OpenError::OtherNode { found: header.node });
                }
                epochs.push(header.epoch);
            }
            segments.push((sequence, bytes));
        }
        let newest = epochs.into_iter().max().unwrap_or(Epoch(1));
        let repair = Repair::load(&mut disk, node, newest)?;
        let vote = match votes::load(&mut disk, node)? {
            SavedVote::Lost => return Err(OpenError::VoteLost),
            SavedVote::Never => None,
            SavedVote::Cast(vote) => Some(vote),
        };
        let epoch = repair.map_or(newest, |repair| repair.epoch);
        if repair.is_some() {
            // A crash may have come between the mark and the end of the old log.
            segments.retain(|(_, bytes)| of_epoch(bytes, epoch));
            set_aside(&mut disk, epoch)?;
        } else if (segments.is_empty() || only_begun(&segments)) && vote.is_some() {
            // The first segment was durable before the first vote.
            return Err(Damage::Vanished.into());
        }
        if segments.is_empty() || only_begun(&segments) {
            let journal = Journal::begin(disk, node, epoch)?;
            let recovered = journal.nothing();
            return Ok(Opened {
                journal,
                recovered,
                vote,
                repair,
            });
        }
        let recovered = scan(node, epoch, &segments)?;
        let promised = recovered.last.map_or(0, |last| last.term);
        if promised > vote.map_or(0, |vote| vote.term) {
            return Err(OpenError::VoteLost);
        }
        let journal = Journal::resume(disk, node, epoch, &recovered)?;
        Ok(Opened {
            journal,
            recovered,
            vote,
            repair,
        })
    }

    /// The log is damaged: marks the folder durably as under repair, then puts the old segments
    /// aside. The next `open` starts an empty log of a new epoch.
    pub(crate) fn begin_repair(mut disk: D, node: NodeId) -> Result<(), DiskError> {
        let mut newest = Epoch(1);
        for sequence in sequences(&mut disk)? {
            if let Some((header, _)) = Header::decode(&disk.read(&segment(sequence))?) {
                newest = newest.max(header.epoch);
            }
        }
        let epoch = newest.next();
        Repair { epoch }.save(&mut disk, node)?;
        set_aside(&mut disk, epoch)
    }

    fn begin(mut disk: D, node: NodeId, epoch: Epoch) -> Result<Journal<D>, DiskError> {
        let mut journal = Journal {
            disk: disk.clone(),
            node,
            epoch,
            closed: VecDeque::new(),
            active: 0,
            active_len: 0,
            active_top: None,
            batch: 1,
            prev: [0; 16],
            last: None,
            purged: None,
            committed: None,
            floor: None,
            full: false,
        };
        for sequence in sequences(&mut disk)? {
            disk.remove(&segment(sequence))?;
        }
        journal.reserve();
        journal.new_segment(0)?;
        Ok(journal)
    }

    fn resume(
        disk: D,
        node: NodeId,
        epoch: Epoch,
        recovered: &Recovered,
    ) -> Result<Journal<D>, DiskError> {
        let End {
            batch,
            prev,
            active,
            active_len,
            closed,
            active_top,
            orphan,
        } = recovered.end.clone();
        let mut journal = Journal {
            disk,
            node,
            epoch,
            closed,
            active,
            active_len,
            active_top,
            batch,
            prev,
            last: recovered.last,
            purged: recovered.purged,
            committed: recovered.committed,
            floor: None,
            full: false,
        };
        if let Some(orphan) = orphan {
            journal.disk.remove(&segment(orphan))?;
            journal.disk.sync_dir()?;
        }
        if recovered.torn > 0 {
            journal.cut()?;
        }
        journal.reserve();
        Ok(journal)
    }

    /// Makes all of it durable, in this order, by one append and one fsync.
    pub(crate) fn write(&mut self, ops: &[Op]) -> Result<(), DiskError> {
        let mut batch = Batch::new(self.batch, self.prev);
        for op in ops {
            match op {
                Op::Entries(entries) => {
                    for entry in entries {
                        batch
                            .entry(entry)
                            .map_err(|error| self.unwritable(&error))?;
                    }
                }
                Op::Truncate(to) => batch.push(Kind::Truncate, *to, &[]),
                Op::Purge(to) => batch.push(Kind::Purge, Some(*to), &[]),
                Op::Commit(to) => batch.push(Kind::Commit, Some(*to), &[]),
                Op::Seal => batch.push(Kind::Seal, None, &[]),
            }
        }
        let (bytes, prev) = batch.finish();
        if bytes.is_empty() {
            return Ok(());
        }
        self.put(&bytes)?;
        self.batch += 1;
        self.prev = prev;
        for op in ops {
            self.note(op);
        }
        if self.active_len >= SEGMENT_BYTES && !self.full {
            self.roll()?;
        }
        self.drop_segments()
    }

    pub(crate) fn save_vote(&mut self, vote: Ballot) -> Result<(), DiskError> {
        match votes::save(&mut self.disk, self.node, vote) {
            Err(DiskError::Full { .. }) if !self.full => {
                self.full = true;
                self.disk.remove(RESERVE)?;
                votes::save(&mut self.disk, self.node, vote)
            }
            other => other,
        }
    }

    /// Snapshots reach up to here, so segments below are no longer needed.
    pub(crate) fn raise_floor(&mut self, floor: u64) -> Result<(), DiskError> {
        self.floor = self.floor.max(Some(floor));
        self.drop_segments()
    }

    /// How long the disk still works at what it was told to sync.
    pub(crate) fn lag(&self) -> Duration {
        self.disk.lag()
    }

    pub(crate) fn committed(&self) -> Option<LogPoint> {
        self.committed
    }

    pub(crate) fn last(&self) -> Option<LogPoint> {
        self.last
    }

    /// Whether the disk is full; tries first to have the reserve again.
    pub(crate) fn full(&mut self) -> bool {
        if self.full {
            self.reserve();
        }
        self.full
    }

    /// Appends and syncs. On a full disk the reserve goes first, so that a batch that openraft has
    /// already counted on is ended; then the node is read-only until there is room.
    fn put(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        let name = segment(self.active);
        match self.disk.append(&name, bytes) {
            Err(DiskError::Full { .. }) if !self.full => {
                tracing::warn!("the disk is full: this node turns read-only");
                self.full = true;
                self.cut()?;
                self.disk.remove(RESERVE)?;
                self.disk.append(&name, bytes)?;
            }
            other => other?,
        }
        self.disk.sync(&name)?;
        self.active_len += bytes.len() as u64;
        Ok(())
    }

    /// Cuts what stands behind the last whole batch.
    fn cut(&mut self) -> Result<(), DiskError> {
        let name = segment(self.active);
        self.disk.truncate(&name, self.active_len)?;
        self.disk.sync(&name)
    }

    fn note(&mut self, op: &Op) {
        match op {
            Op::Entries(entries) => {
                if let Some(entry) = entries.last() {
                    self.last = Some(crate::types::point(&entry.log_id));
                    self.active_top = self.active_top.max(Some(entry.log_id.index));
                }
            }
            Op::Truncate(to) => self.last = *to,
            Op::Purge(to) => {
                self.purged = self.purged.max(Some(*to));
                if self.last.is_none_or(|last| last.index <= to.index) {
                    self.last = Some(*to);
                }
            }
            Op::Commit(to) => self.committed = self.committed.max(Some(*to)),
            Op::Seal => {}
        }
    }

    /// Closes the active segment. The new one is durable before the old one names it, and the old
    /// one names it before anything is written there.
    fn roll(&mut self) -> Result<(), DiskError> {
        let before = (self.active, self.active_len, self.batch, self.prev);
        let mut batch = Batch::new(self.batch, self.prev);
        batch.push(Kind::Roll, None, &[]);
        let (bytes, prev) = batch.finish();
        self.batch += 1;
        self.prev = prev;
        let old = self.active;
        match self.new_segment(old + 1) {
            Err(DiskError::Full { .. }) => {
                // This segment simply gets longer.
                self.disk.remove(&segment(old + 1))?;
                self.disk.sync_dir()?;
                (self.active, self.active_len, self.batch, self.prev) = before;
                self.full = true;
                return Ok(());
            }
            other => other?,
        }
        let name = segment(old);
        self.disk.append(&name, &bytes)?;
        self.disk.sync(&name)?;
        self.closed.push_back((old, self.active_top.take()));
        Ok(())
    }

    fn new_segment(&mut self, sequence: u64) -> Result<(), DiskError> {
        let header = Header {
            version: VERSION,
            node: self.node,
            epoch: self.epoch,
            sequence,
            batch: self.batch,
            last: self.last,
            purged: self.purged,
            committed: self.committed,
            prev: self.prev,
        };
        let (bytes, check) = header.encode();
        let name = segment(sequence);
        self.disk.append(&name, &bytes)?;
        self.disk.sync(&name)?;
        self.disk.sync_dir()?;
        self.active = sequence;
        self.active_len = bytes.len() as u64;
        self.prev = check;
        Ok(())
    }

    /// Removes segments from the front, as long as a purge and a snapshot cover them.
    fn drop_segments(&mut self) -> Result<(), DiskError> {
        let covered = self.floor.min(self.purged.map(|purged| purged.index));
        let mut dropped = false;
        while let Some((sequence, top)) = self.closed.front().copied() {
            if top > covered {
                break;
            }
            self.disk.remove(&segment(sequence))?;
            self.closed.pop_front();
            dropped = true;
        }
        if dropped {
            self.disk.sync_dir()
        } else {
            Ok(())
        }
    }

    /// Has the reserve on the disk, or knows that there is no room for it.
    fn reserve(&mut self) {
        let there = self
            .disk
            .list()
            .is_ok_and(|names| names.iter().any(|name| name == RESERVE));
        let made = there
            || self
                .disk
                .write_new(RESERVE, &vec![0; RESERVE_BYTES])
                .is_ok();
        if !made {
            // Half a reserve only takes the room that the log may need. It may not be there at all.
            let _half = self
                .disk
                .remove(&format!("{RESERVE}{}", crate::disk::FRESH));
        }
        self.full = !made;
    }

    fn unwritable(&self, error: &wire::EncodeError) -> DiskError {
        DiskError::Failed {
            what: "encode an entry for",
            name: segment(self.active),
            reason: error.to_string(),
        }
    }

    fn nothing(&self) -> Recovered {
        Recovered {
            entries: VecDeque::new(),
            last: None,
            purged: None,
            committed: None,
            torn: 0,
            end: End {
                batch: self.batch,
                prev: self.prev,
                active: self.active,
                active_len: self.active_len,
                closed: VecDeque::new(),
                active_top: None,
                orphan: None,
            },
        }
    }
}

/// The very first segment, torn while it was made: nothing was ever promised from here.
fn only_begun(segments: &[(u64, Vec<u8>)]) -> bool {
    matches!(segments, [(0, bytes)] if bytes.len() <= super::frame::HEADER_BYTES
        && Header::decode(bytes).is_none())
}

fn of_epoch(bytes: &[u8], epoch: Epoch) -> bool {
    Header::decode(bytes).is_some_and(|(header, _)| header.epoch == epoch)
}

/// Renames segments that are not of this epoch, over what an earlier repair had put aside: a person
/// may want to look at them.
fn set_aside<D: Disk>(disk: &mut D, epoch: Epoch) -> Result<(), DiskError> {
    for sequence in sequences(disk)? {
        let name = segment(sequence);
        if !of_epoch(&disk.read(&name)?, epoch) {
            disk.rename(&name, &format!("damaged.{name}"))?;
        }
    }
    disk.sync_dir()
}

/// All who ever voted, as far as unharmed frames of a damaged log say.
pub(crate) fn voters_seen<D: Disk>(disk: &mut D) -> Result<BTreeSet<NodeId>, DiskError> {
    let mut seen = BTreeSet::new();
    for sequence in sequences(disk)? {
        let bytes = disk.read(&segment(sequence))?;
        let frames = (0..bytes.len()).filter_map(|at| Frame::decode(&bytes[at..]));
        for (frame, _) in frames.filter(|(frame, _)| frame.kind == Kind::Voters) {
            if let Ok(sets) = wire::from_bytes::<VoterSets>(frame.body, super::FRAME_BYTES) {
                seen.extend(sets.voters());
            }
        }
    }
    Ok(seen)
}

fn sequences<D: Disk>(disk: &mut D) -> Result<Vec<u64>, DiskError> {
    let mut found: Vec<u64> = disk
        .list()?
        .iter()
        .filter_map(|name| name.strip_prefix(SEGMENT)?.parse().ok())
        .collect();
    found.sort_unstable();
    Ok(found)
}

pub(super) fn segment(sequence: u64) -> String {
    format!("{SEGMENT}{sequence:012}")
}

const SEGMENT: &str = "log.";
const RESERVE: &str = "reserve";
