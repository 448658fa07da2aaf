//! The log's bytes: frozen, replayed as written, and every flip, cut and crash told apart.

use super::frame::{Batch, Frame, HEADER_BYTES, Header, Kind};
use super::journal::{Journal, Op, OpenError, Opened, segment};
use super::scan::Damage;
use crate::disk::Disk;
use crate::disk::tests::RamDisk;
use crate::ledger::{LogPoint, VoterSets};
use crate::types::{Ballot, Entry, Payload, Record};
use base::{Epoch, NodeId};
use bytes::Bytes;
use proptest::prelude::*;

/// Above all terms of the entries here.
const TERM: u64 = 99;
const ME: NodeId = NodeId([3; 16]);

fn at(term: u64, index: u64) -> LogPoint {
    LogPoint { term, index }
}

fn entry(term: u64, index: u64) -> Entry {
    let text = format!("entry {index} of term {term}");
    let payload = match index % 5 {
        0 => Payload::Blank,
        3 => Payload::Voters(VoterSets {
            configs: vec![vec![ME]],
            nodes: vec![ME],
        }),
        _ => Payload::Command(Bytes::from(text)),
    };
    Record {
        point: at(term, index),
        payload,
    }
    .entry()
    .unwrap()
}

fn open(disk: &RamDisk) -> Opened<RamDisk> {
    Journal::open(disk.clone(), ME).unwrap()
}

fn with_vote(disk: &RamDisk) -> Journal<RamDisk> {
    let mut journal = open(disk).journal;
    journal
        .save_vote(Ballot {
            term: TERM,
            node: ME,
            committed: true,
        })
        .unwrap();
    journal
}

/// Three batches of two entries and a seal.
fn sealed() -> RamDisk {
    let disk = RamDisk::default();
    let mut journal = with_vote(&disk);
    for batch in 0..3 {
        let entries = vec![entry(1, batch * 2), entry(1, batch * 2 + 1)];
        journal.write(&[Op::Entries(entries)]).unwrap();
    }
    journal.write(&[Op::Commit(at(1, 5))]).unwrap();
    disk
}

#[test]
fn the_layout_is_frozen() {
    let header = Header {
        version: 1,
        node: ME,
        epoch: Epoch(1),
        sequence: 2,
        batch: 3,
        last: Some(at(4, 5)),
        purged: None,
        committed: Some(at(6, 7)),
        prev: [8; 16],
    };
    let (bytes, check) = header.encode();
    assert_eq!(bytes.len(), HEADER_BYTES);
    assert_eq!(Header::decode(&bytes), Some((header, check)));
    let mut batch = Batch::new(9, [1; 16]);
    batch.entry(&entry(2, 1)).unwrap();
    batch.push(Kind::Truncate, Some(at(1, 1)), &[]);
    let (frames, _) = batch.finish();
    let golden = blake3::hash(&[bytes.as_slice(), &frames].concat());
    assert_eq!(golden.to_hex().as_str(), GOLDEN);
    let head: String = frames[..52]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(head, GOLDEN_HEAD);
}

#[test]
fn what_was_written_is_read_again() {
    let disk = sealed();
    let opened = open(&disk.crashed(0));
    assert_eq!(opened.recovered.entries.len(), 6);
    assert_eq!(opened.recovered.last, Some(at(1, 5)));
    assert_eq!(opened.recovered.committed, Some(at(1, 5)));
    assert_eq!(opened.recovered.torn, 0);
    assert_eq!(
        opened.vote,
        Some(Ballot {
            term: TERM,
            node: ME,
            committed: true
        })
    );
}

#[test]
fn a_batch_is_one_append_and_one_sync() {
    let disk = RamDisk::default();
    let mut journal = open(&disk).journal;
    let before = disk.counts();
    let entries = (0..100).map(|index| entry(1, index)).collect();
    journal
        .write(&[Op::Entries(entries), Op::Commit(at(1, 50))])
        .unwrap();
    let after = disk.counts();
    assert_eq!((after.0 - before.0, after.1 - before.1), (2, 1));
}

#[test]
fn every_flipped_bit_is_found() {
    let disk = sealed();
    let whole = disk.bytes(&segment(0)).unwrap();
    let seal = whole.len() - super::frame::FRAME_HEAD_BYTES;
    for byte in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << (byte % 8);
        let hurt = disk.image();
        hurt.overwrite(&segment(0), bytes);
        match Journal::open(hurt, ME) {
            Err(
                OpenError::Damaged(_) | OpenError::OtherNode { .. } | OpenError::Version { .. },
            ) => {
                assert!(byte < seal, "byte {byte}");
            }
            Err(other) => panic!("byte {byte}: {other}"),
            // Only the seal itself may be cut: no entry hangs on it.
            Ok(opened) => {
                assert!(byte >= seal, "byte {byte} was not noticed");
                assert_eq!(opened.recovered.entries.len(), 6);
            }
        }
    }
}

#[test]
fn a_log_cut_anywhere_is_whole_batches_or_damage() {
    let disk = sealed();
    let whole = disk.bytes(&segment(0)).unwrap();
    for len in 0..whole.len() {
        let cut = disk.image();
        cut.overwrite(&segment(0), whole[..len].to_vec());
        match Journal::open(cut, ME) {
            Ok(opened) => assert_eq!(opened.recovered.entries.len() % 2, 0, "cut to {len}"),
            Err(OpenError::Damaged(Damage::Vanished)) => assert!(len < HEADER_BYTES),
            Err(error) => panic!("cut to {len}: {error}"),
        }
    }
}

#[test]
fn lost_and_misdirected_writes_are_found() {
    let disk = sealed();
    let whole = disk.bytes(&segment(0)).unwrap();
    let frames = frames(&whole);
    let hurt = |bytes: Vec<u8>| {
        let hurt = disk.image();
        hurt.overwrite(&segment(0), bytes);
        Journal::open(hurt, ME).map(|opened| opened.recovered.entries.len())
    };
    for (start, end) in frames[..5].iter().copied() {
        let mut zeroed = whole.clone();
        zeroed[start..end].fill(0);
        assert!(
            matches!(hurt(zeroed), Err(OpenError::Damaged(_))),
            "lost at {start}"
        );
        let mut dropped = whole.clone();
        dropped.drain(start..end);
        assert!(
            matches!(hurt(dropped), Err(OpenError::Damaged(_))),
            "dropped at {start}"
        );
    }
    // Entries 1 and 4 are of one length: swapped, each is sound in itself.
    let (a, b) = (frames[1], frames[4]);
    assert_eq!(a.1 - a.0, b.1 - b.0);
    let mut swapped = whole.clone();
    swapped[a.0..a.1].copy_from_slice(&whole[b.0..b.1]);
    swapped[b.0..b.1].copy_from_slice(&whole[a.0..a.1]);
    assert!(matches!(hurt(swapped), Err(OpenError::Damaged(_))));
}

fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = HEADER_BYTES;
    while let Some((_, len)) = Frame::decode(&bytes[start..]) {
        found.push((start, start + len));
        start += len;
    }
    found
}

#[test]
fn a_torn_tail_is_cut_and_the_log_goes_on() {
    let disk = sealed();
    let mut journal = open(&disk).journal;
    let before = disk.bytes(&segment(0)).unwrap().len();
    disk.ram().failing_sync = true;
    assert!(
        journal
            .write(&[Op::Entries(vec![entry(1, 6), entry(1, 7)])])
            .is_err()
    );
    let full = disk.bytes(&segment(0)).unwrap().len() - before;
    for torn in 0..full {
        let after = disk.crashed(torn);
        let opened = open(&after);
        assert_eq!(opened.recovered.entries.len(), 6, "torn after {torn} bytes");
        assert_eq!(opened.recovered.torn, torn as u64);
        let mut journal = opened.journal;
        journal.write(&[Op::Entries(vec![entry(2, 6)])]).unwrap();
        assert_eq!(open(&after).recovered.last, Some(at(2, 6)));
    }
}

#[test]
fn segments_follow_one_another_and_go_when_they_are_covered() {
    let disk = RamDisk::default();
    let mut journal = with_vote(&disk);
    let big = |index| {
        let payload = Payload::Command(Bytes::from(vec![7; 700_000]));
        Record {
            point: at(1, index),
            payload,
        }
        .entry()
        .unwrap()
    };
    for index in 0..30 {
        journal.write(&[Op::Entries(vec![big(index)])]).unwrap();
    }
    let logs = |disk: &RamDisk| {
        disk.names()
            .iter()
            .filter(|name| name.starts_with("log."))
            .count()
    };
    assert_eq!(logs(&disk), 3);
    assert_eq!(open(&disk.crashed(0)).recovered.entries.len(), 30);
    for gone in 0..3 {
        let hurt = disk.image();
        hurt.clone().remove(&segment(gone)).unwrap();
        let opened = Journal::open(hurt, ME).map(|_| ());
        assert!(
            matches!(opened, Err(OpenError::Damaged(_))),
            "segment {gone}: {opened:?}"
        );
    }
    journal.write(&[Op::Purge(at(1, 20))]).unwrap();
    assert_eq!(logs(&disk), 3, "no snapshot reaches there yet");
    journal.raise_floor(20).unwrap();
    assert_eq!(logs(&disk), 2);
    let opened = open(&disk.crashed(0));
    assert_eq!(opened.recovered.purged, Some(at(1, 20)));
    assert_eq!(opened.recovered.last, Some(at(1, 29)));
}

#[test]
fn either_vote_file_is_enough_and_both_damaged_is_fatal() {
    for name in ["vote.a", "vote.b"] {
        let disk = sealed();
        let mut bytes = disk.bytes(name).unwrap();
        bytes[30] ^= 1;
        disk.overwrite(name, bytes.clone());
        assert_eq!(open(&disk).vote.map(|vote| vote.term), Some(TERM), "{name}");
        for both in ["vote.a", "vote.b"] {
            disk.overwrite(both, bytes.clone());
        }
        assert_eq!(
            Journal::open(disk, ME).map(|_| ()),
            Err(OpenError::VoteLost)
        );
    }
    let disk = sealed();
    disk.clone().remove(&segment(0)).unwrap();
    let gone = Journal::open(disk, ME).map(|_| ());
    assert_eq!(gone, Err(OpenError::Damaged(Damage::Vanished)));
    let other = Journal::open(sealed(), NodeId([4; 16])).map(|_| ());
    assert!(matches!(
        other,
        Err(OpenError::OtherNode { .. }) | Err(OpenError::VoteLost)
    ));
}

#[test]
fn a_vote_survives_a_crash_at_every_step() {
    let new = Ballot {
        term: TERM + 1,
        node: NodeId([5; 16]),
        committed: false,
    };
    for step in 0..14 {
        let disk = sealed();
        let mut journal = open(&disk).journal;
        disk.ram().dies_after = Some(step);
        let done = journal.save_vote(new).is_ok();
        let vote = open(&disk.crashed(0)).vote.unwrap();
        assert!(
            vote == new || (!done && vote.term == TERM),
            "step {step}: {vote:?}"
        );
    }
}

/// What a test log does, and the model of it.
#[derive(Clone, Debug)]
enum Act {
    Append(u8),
    Truncate(u8),
    Purge(u8),
    Commit,
    Reopen,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (1..6_u8).prop_map(Act::Append),
        1 => (0..4_u8).prop_map(Act::Truncate),
        1 => (0..8_u8).prop_map(Act::Purge),
        1 => Just(Act::Commit),
        2 => Just(Act::Reopen),
    ];
    proptest::collection::vec(act, 1..40)
}

#[derive(Clone, Default)]
struct Model {
    entries: Vec<Entry>,
    purged: Option<LogPoint>,
    term: u64,
}

impl Model {
    fn last(&self) -> Option<LogPoint> {
        self.entries
            .last()
            .map(|entry| crate::types::point(&entry.log_id))
            .or(self.purged)
    }

    /// The operation, and the model after it.
    fn op(&mut self, act: &Act) -> Option<Op> {
        let next = self.last().map_or(0, |last| last.index + 1);
        match act {
            Act::Append(count) => {
                let fresh: Vec<Entry> = (next..next + u64::from(*count))
                    .map(|index| entry(self.term, index))
                    .collect();
                self.entries.extend(fresh.clone());
                Some(Op::Entries(fresh))
            }
            Act::Truncate(count) => {
                let keep = self.entries.len().saturating_sub(usize::from(*count));
                self.entries.truncate(keep);
                self.term += 1;
                Some(Op::Truncate(self.last()))
            }
            Act::Purge(count) => {
                let count = usize::from(*count).min(self.entries.len());
                let upto = self.entries.drain(..count).next_back()?;
                self.purged = Some(crate::types::point(&upto.log_id));
                self.purged.map(Op::Purge)
            }
            Act::Commit => None,
            Act::Reopen => None,
        }
    }
}

fn check(recovered: &super::Recovered, model: &Model) -> Result<(), TestCaseError> {
    let purged = recovered.purged.map_or(0, |purged| purged.index + 1);
    let kept: Vec<Entry> = recovered
        .entries
        .iter()
        .filter(|entry| entry.log_id.index >= purged)
        .cloned()
        .collect();
    prop_assert_eq!(&kept, &model.entries);
    prop_assert_eq!(recovered.purged, model.purged);
    prop_assert_eq!(recovered.last, model.last());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_log_is_what_was_done_to_it(acts in acts()) {
        let disk = RamDisk::default();
        let mut journal = with_vote(&disk);
        let mut model = Model { term: 1, ..Model::default() };
        for act in &acts {
            if matches!(act, Act::Reopen) {
                let opened = open(&disk);
                check(&opened.recovered, &model)?;
                journal = opened.journal;
            } else if let Some(op) = model.op(act) {
                journal.write(&[op]).unwrap();
            }
        }
        check(&open(&disk.crashed(0)).recovered, &model)?;
    }

    #[test]
    fn a_crash_at_any_step_loses_only_what_was_not_acknowledged(
        acts in acts(), dies in 0..60_u64, torn in 0..200_usize,
    ) {
        let disk = RamDisk::default();
        let mut journal = with_vote(&disk);
        let mut model = Model { term: 1, ..Model::default() };
        let mut before = model.clone();
        disk.ram().dies_after = Some(dies);
        for act in &acts {
            before = model.clone();
            let Some(op) = model.op(act) else { continue };
            if journal.write(&[op]).is_err() {
                break;
            }
            before = model.clone();
        }
        let opened = Journal::open(disk.crashed(torn), ME);
        let opened = opened.map_err(|error| TestCaseError::fail(error.to_string()))?;
        // The last operation may have become durable without anybody knowing.
        let either = check(&opened.recovered, &before).or(check(&opened.recovered, &model));
        either?;
    }
}

const GOLDEN: &str = "2e5b1f2ed37d45e7448f3fef66378396df25ca89b61a49a7e6871726f44ece6d";
const GOLDEN_HEAD: &str = "726c6d46110000000200000009000000000000000200000000000000\
    020000000000000001010101010101010101010101010101";
