//! The layouts of Raft's frames are frozen: a peer one version older reads them.

use super::*;
use crate::group::{ProposeError, ReadError};
use crate::ledger::{NewMember, Outcome, Rejection, VoterSets};
use crate::types::Payload;
use base::{ContentHash, JobId, PeerRoles};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

const A: NodeId = NodeId([1; 16]);
const B: NodeId = NodeId([2; 16]);
const LAST: LogPoint = LogPoint { term: 6, index: 4 };
const BALLOT: Ballot = Ballot {
    term: 7,
    node: A,
    committed: true,
};

/// Writes, compares with what was written on the first day, and reads it back.
#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, frozen: &str) {
    let bytes = wire::to_bytes(value).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, frozen, "{value:?} is written in another layout now");
    assert_eq!(&wire::from_bytes::<T>(&bytes, 4096).unwrap(), value);
}

fn at(index: u64) -> LogPoint {
    LogPoint { term: 7, index }
}

#[test]
fn an_append_and_its_answers_are_frozen() {
    let record = |index, payload| Record {
        point: at(index),
        payload,
    };
    let sets = VoterSets {
        configs: vec![vec![A, B], vec![B]],
        nodes: vec![A, B],
    };
    let append = Append {
        from: A,
        lane: 1,
        session: 300,
        number: 70_000,
        known: Some(5),
        voter: true,
        ballot: BALLOT,
        prev: Some(LAST),
        commit: None,
        records: vec![
            record(5, Payload::Blank),
            record(6, Payload::Command(Bytes::from_static(b"cmd"))),
            record(7, Payload::Voters(sets)),
        ],
    };
    check(&append, APPEND);
    let stopped = Refusal::Stopped("full".to_owned());
    for (repairing, answer, frozen) in [
        (false, AppendAnswer::Success, SUCCESS),
        (true, AppendAnswer::Partial(Some(at(6))), PARTIAL),
        (false, AppendAnswer::Conflict, CONFLICT),
        (false, AppendAnswer::Higher(BALLOT), HIGHER),
        (false, AppendAnswer::Refused(stopped), REFUSED),
    ] {
        check(&AppendReply { repairing, answer }, frozen);
    }
}

#[test]
fn votes_and_transfers_are_frozen() {
    let vote = AskVote {
        from: A,
        ballot: BALLOT,
        last: Some(LAST),
        transfer: true,
    };
    check(&vote, VOTE);
    let granted = VoteReply::Answer {
        ballot: BALLOT,
        granted: true,
        last: Some(LAST),
    };
    check(&granted, GRANTED);
    check(&VoteReply::Refused(Refusal::NotSound), NO_VOTE);
    let transfer = Transfer {
        from: A,
        ballot: BALLOT,
        to: B,
        last: Some(LAST),
    };
    check(&transfer, TRANSFER);
    check(&TransferReply::Taken, TAKEN);
    let changed = TransferReply::VoteChanged {
        expected: BALLOT,
        actual: BALLOT,
    };
    check(&changed, VOTE_CHANGED);
    let not_flushed = TransferReply::NotFlushed {
        expected: Some(LAST),
        actual: None,
    };
    check(&not_flushed, NOT_FLUSHED);
    let odd = Refusal::Garbled("odd".to_owned());
    check(&TransferReply::Refused(odd), NO_TRANSFER);
}

#[test]
fn a_piece_of_an_image_is_frozen() {
    let piece = Piece {
        from: A,
        ballot: BALLOT,
        hash: [7; 32],
        total: 70_000,
        offset: 300,
        bytes: Bytes::from_static(b"abc"),
    };
    check(&piece, PIECE);
    check(&PieceReply::Next(303), NEXT);
    check(&PieceReply::Installed(BALLOT), INSTALLED);
    check(&PieceReply::Refused(Refusal::RolledBack), NO_PIECE);
}

#[test]
fn a_proposal_and_its_answers_are_frozen() {
    let propose = |by: &str, command| Propose {
        by: by.to_owned(),
        command,
    };
    let member = NewMember {
        node: B,
        name: "n2".to_owned(),
        roles: PeerRoles::NONE,
        pool: Some("gpu".to_owned()),
        address: "10.0.0.5:7411".to_owned(),
        serial: [9; 16],
        version: 1,
    };
    let token = [3; 8];
    check(
        &propose("token 1", Command::Join { token, member }),
        PROPOSE_JOIN,
    );
    let update = Command::UpdateMember {
        node: B,
        address: None,
        serial: Some([9; 16]),
        version: Some(2),
    };
    check(&propose("b", update), PROPOSE_UPDATE);
    let job = Command::AcceptJob {
        job: JobId(1 << 40),
        key: "k".to_owned(),
        body: ContentHash([7; 32]),
    };
    check(&propose("b", job), PROPOSE_JOB);
    // The last of the commands: none before it may come or go.
    let (name, to) = ("m".to_owned(), Some(3));
    check(
        &propose("ada", Command::Rollback { name, to }),
        PROPOSE_ROLLBACK,
    );
    let applied = |result| -> ProposeReply {
        Ok(Applied {
            point: at(8),
            result,
        })
    };
    let (index, already) = (8, false);
    check(&applied(Ok(Outcome::Joined { index, already })), APPLIED);
    check(&applied(Err(Rejection::Closed)), REJECTED);
    let (have, need) = (1, 300);
    check(&applied(Err(Rejection::FewHolders { have, need })), FEW);
    let elsewhere: ProposeReply = Err(ProposeError::NotLeader { leader: Some(B) });
    check(&elsewhere, NO_LEADER);
}

#[test]
fn reads_are_frozen() {
    check(&Ask::Barrier, BARRIER);
    check(&Ask::MyWord { node: B }, MY_WORD);
    check(&AskReply::Barrier(Ok(at(8))), REACHED);
    check(&AskReply::Barrier(Err(ReadError::NoQuorum)), NO_QUORUM);
    check(&AskReply::YourWord { known: Some(5) }, YOUR_WORD);
}

// Worked out from the layout's rules by hand, not copied from what the code wrote: integers below
// 251 in one byte, longer ones behind their width, little-endian; lengths before texts, bytes and
// lists; a variant is its number. A failing one is a new kind of message, never a new text here.
const APPEND: &str = "0101010101010101010101010101010101fb2c01fc70110100010501070101010101010101010\
    101010101010101010604000307050007060103636d640707020202010101010101010101010101010101010202020\
    2020202020202020202020202010202020202020202020202020202020202010101010101010101010101010101010\
    2020202020202020202020202020202";
const SUCCESS: &str = "0000";
const PARTIAL: &str = "0101010706";
const CONFLICT: &str = "0002";
const HIGHER: &str = "0003070101010101010101010101010101010101";
const REFUSED: &str = "0004020466756c6c";
const VOTE: &str = "0101010101010101010101010101010107010101010101010101010101010101010101060401";
const GRANTED: &str = "0007010101010101010101010101010101010101010604";
const NO_VOTE: &str = "0100";
const PIECE: &str = "010101010101010101010101010101010701010101010101010101010101010101010707070707\
    070707070707070707070707070707070707070707070707070707fc70110100fb2c0103616263";
const NEXT: &str = "00fb2f01";
const INSTALLED: &str = "01070101010101010101010101010101010101";
const NO_PIECE: &str = "0201";
const TRANSFER: &str = "010101010101010101010101010101010701010101010101010101010101010101010202020\
    2020202020202020202020202010604";
const TAKEN: &str = "00";
const VOTE_CHANGED: &str = "01070101010101010101010101010101010101070101010101010101010101010101010\
    101";
const NOT_FLUSHED: &str = "0201060400";
const NO_TRANSFER: &str = "0303036f6464";
const PROPOSE_JOIN: &str = "07746f6b656e203103030303030303030302020202020202020202020202020202026e3\
    20001036770750d31302e302e302e353a373431310909090909090909090909090909090901";
const PROPOSE_UPDATE: &str = "016204020202020202020202020202020202020001090909090909090909090909090\
    909090102";
const PROPOSE_JOB: &str = "01620cfd0000000000010000016b07070707070707070707070707070707070707070707\
    07070707070707070707";
const PROPOSE_ROLLBACK: &str = "0361646114016d0103";
const APPLIED: &str = "00070800010800";
const REJECTED: &str = "000708010b";
const FEW: &str = "000708011f01fb2c01";
const NO_LEADER: &str = "01000102020202020202020202020202020202";
const BARRIER: &str = "00";
const MY_WORD: &str = "0102020202020202020202020202020202";
const REACHED: &str = "00000708";
const NO_QUORUM: &str = "000101";
const YOUR_WORD: &str = "010105";
