//! The layouts of the messages between nodes are frozen: a peer one version older reads them.

use super::*;
use crate::view::{NodeView, Part, StatusView};
use base::PeerRole;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use transport::{Revocations, Serial};

const A: NodeId = NodeId([1; 16]);
const B: NodeId = NodeId([2; 16]);
const CLUSTER: ClusterId = ClusterId([4; 8]);
const UNIX: Duration = Duration::new(1_763_000_000, 5);
const RTT: Duration = Duration::from_micros(250);

/// Writes, compares with what was written on the first day, and reads it back.
#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, frozen: &str) {
    let bytes = wire::to_bytes(value).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, frozen, "{value:?} is written in another layout now");
    assert_eq!(&wire::from_bytes::<T>(&bytes, 4096).unwrap(), value);
}

fn chain() -> Vec<Bytes> {
    vec![Bytes::from_static(b"leaf"), Bytes::from_static(b"root")]
}

#[test]
fn a_join_and_its_answer_are_frozen() {
    let request = JoinRequest {
        token: TokenId([3; 8]),
        csr: Bytes::from_static(b"csr"),
        node: A,
        name: "n2".to_owned(),
        pool: Some("gpu".to_owned()),
        address: "0.0.0.0:7411".to_owned(),
        version: 1,
        signature: Bytes::from_static(b"sig"),
    };
    check(&request, JOIN);
    // What the token's key signs is as much a layout as the bytes.
    let claim = format!("{A} 1 2:n2 3:gpu 12:0.0.0.0:7411");
    assert_eq!(request.claim(), claim);
    let peer = PeerAddress {
        node: B,
        name: "n1".to_owned(),
        address: "[fd00::1]:7411".parse().unwrap(),
    };
    let reply = JoinReply {
        cluster: CLUSTER,
        cluster_name: "lab".to_owned(),
        chain: chain(),
        roles: PeerRoles::of(&[PeerRole::VoterCandidate, PeerRole::Worker]),
        address: "10.0.0.5:7411".parse().unwrap(),
        peers: vec![peer],
        already: true,
        unix: UNIX,
    };
    check(&reply, JOIN_REPLY);
}

#[test]
fn renewals_and_revivals_are_frozen() {
    let csr = Bytes::from_static(b"csr");
    check(&RenewRequest { csr: csr.clone() }, RENEW);
    check(&RenewReply { chain: chain() }, RENEW_REPLY);
    let revive = ReviveRequest {
        chain: chain(),
        csr,
        signature: Bytes::from_static(b"sig"),
    };
    check(&revive, REVIVE);
    let revoked = Revocations {
        nodes: [B].into(),
        serials: [Serial::from_bytes([9; 16])].into(),
    };
    check(&revoked, REVOKED);
}

#[test]
fn path_checks_are_frozen() {
    check(&ProbeRequest { target: B }, PROBE);
    check(&ProbeReply { rtt: Some(RTT) }, PROBE_REPLY);
    let echo = EchoBody {
        payload: Bytes::from_static(b"abc"),
        unix: UNIX,
    };
    check(&echo, ECHO);
}

#[test]
fn a_status_is_frozen() {
    let node = NodeView {
        node: A,
        name: "n1".to_owned(),
        address: "10.0.0.5:7411".to_owned(),
        pool: Some("gpu".to_owned()),
        roles: PeerRoles::of(&[PeerRole::Voter]),
        part: Part::Leader,
        alive: true,
        ready: false,
        reasons: vec!["starting".to_owned()],
        slots: 4,
        cores: 16,
        memory_bytes: 64 << 30,
        numa_nodes: 2,
        gpus: vec!["H100".to_owned()],
        models: vec!["m".to_owned()],
        wire_version: 1,
        behind: Some(300),
        rtt: Some(RTT),
        certified_for: Some(Duration::from_secs(86_400)),
        issuer_for: None,
    };
    let status = StatusView {
        v: 1,
        cluster: CLUSTER,
        cluster_name: "lab".to_owned(),
        answered_by: A,
        confirmed: true,
        leader: Some(B),
        term: 7,
        applied: 70_000,
        voters: 3,
        can_lose: Some(-1),
        changing_voters: false,
        standing: "votes".to_owned(),
        nodes: vec![node],
        problems: vec!["n2 is down".to_owned()],
        jobs_open: 2,
    };
    check(&status, STATUS);
    for (number, part) in [Part::Leader, Part::Voter, Part::Learner, Part::Outside]
        .into_iter()
        .enumerate()
    {
        check(&part, &format!("{number:02x}"));
    }
}

#[test]
fn a_code_of_a_refusal_is_never_given_anew() {
    let codes = (1..=16).map(FailCode::of).collect::<Vec<_>>();
    let known = [
        FailCode::Token,
        FailCode::Signature,
        FailCode::Refused,
        FailCode::Version,
        FailCode::NoQuorum,
        FailCode::NoIssuer,
        FailCode::Garbled,
        FailCode::Unknown,
        FailCode::Internal,
        FailCode::NoBlob,
        FailCode::NoRoom,
        FailCode::NameTaken,
        FailCode::Retired,
        FailCode::Closed,
        FailCode::TokenBound,
        // The first that nobody has: a newer peer may.
        FailCode::Internal,
    ];
    assert_eq!(codes, known);
    for (code, known) in (1..=15).zip(known) {
        assert_eq!(known as u16, code);
    }
}

// Worked out from the layout's rules by hand, not copied from what the code wrote: integers below
// 251 in one byte, longer ones behind their width, little-endian; lengths before texts, bytes and
// lists; a variant is its number. A failing one is a new kind of message, never a new text here.
const JOIN: &str = "03030303030303030363737201010101010101010101010101010101026e3201036770750c302e3\
    02e302e303a373431310103736967";
const JOIN_REPLY: &str = "0404040404040404036c616202046c65616604726f6f7406000a000005fbf31c010202020\
    2020202020202020202020202026e3101fd000000000000000000000000000001fbf31c01fcc03e156905";
const RENEW: &str = "03637372";
const RENEW_REPLY: &str = "02046c65616604726f6f74";
const REVIVE: &str = "02046c65616604726f6f740363737203736967";
const PROBE: &str = "02020202020202020202020202020202";
const PROBE_REPLY: &str = "0100fc90d00300";
const ECHO: &str = "03616263fcc03e156905";
const REVOKED: &str = "01020202020202020202020202020202020149090909090909090909090909090909";
const STATUS: &str = "010404040404040404036c6162010101010101010101010101010101010101020202020202020\
    2020202020202020207fc701101000301010005766f7465730101010101010101010101010101010101026e310d313\
    02e302e302e353a3734313101036770750100010001087374617274696e670410fd000000001000000002010448313\
    03001016d0101fb2c010100fc90d0030001fc805101000000010a6e3220697320646f776e02";
