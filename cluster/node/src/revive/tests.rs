use super::*;
use base::{ClusterId, Epoch, PeerRoles};
use raft::ledger::{Retired, Revocation};
use std::sync::Arc;
use transport::Serial;

const DAY: Duration = Duration::from_secs(24 * 3600);
const ISSUER_UNTIL: Duration = Duration::from_secs(90 * 24 * 3600);
const VOTER: PeerRoles = PeerRoles::of(&[PeerRole::Voter, PeerRole::Worker]);
const WORKER: PeerRoles = PeerRoles::of(&[PeerRole::Worker]);

fn node(n: u8) -> NodeId {
    NodeId([n; 16])
}

fn serial(n: u8) -> Serial {
    Serial::from_bytes([n; 16])
}

/// Node 1 votes, node 2 works; each has the certificate of its number.
fn state() -> State {
    let mut state = State::default();
    for (n, roles) in [(1, VOTER), (2, WORKER)] {
        let record = MemberRecord {
            name: format!("n{n}"),
            roles,
            pool: None,
            address: "10.0.0.1:7411".to_owned(),
            serial: *serial(n).bytes(),
            version: 1,
            joined: 1,
            token: None,
        };
        let members = Arc::make_mut(&mut state.members);
        members.live.insert(node(n), record);
    }
    state
}

fn revoke(state: &mut State, what: Revocation) {
    let revoked = Arc::make_mut(&mut state.revoked);
    revoked.epoch = Epoch(1);
    revoked.all.insert(what, Epoch(1));
}

fn retire(state: &mut State, n: u8) {
    let members = Arc::make_mut(&mut state.members);
    let name = members.live.remove(&node(n)).map(|member| member.name);
    let name = name.expect("a member");
    members.retired.insert(node(n), Retired { name, at: 9 });
}

/// Of the first day, for that node.
fn certificate(n: u8, number: u8) -> NodeCertificate {
    NodeCertificate {
        cluster: ClusterId([1; 8]),
        node: node(n),
        roles: VOTER,
        name: format!("n{n}"),
        serial: serial(number),
        not_before: Duration::ZERO,
        not_after: DAY,
        key: [n; 32],
    }
}

/// Node 2 comes with the certificate of that serial.
fn check(state: &State, number: u8, now: Duration) -> Result<String, NoReturn> {
    let past = PastCertificate {
        certificate: certificate(2, number),
        issuer_until: ISSUER_UNTIL,
    };
    may_return(state, &past, now).map(|member| member.name.clone())
}

/// Node 1 holds the issuer.
fn check_itself(state: &State) -> Result<PeerRoles, NoReturn> {
    may_serve_itself(state, &certificate(1, 1)).map(|member| member.roles)
}

#[test]
fn a_member_comes_back_whatever_its_last_certificate() {
    let state = state();
    assert_eq!(check(&state, 2, 3 * DAY), Ok("n2".to_owned()));
    // An answer that got lost: the ledger knows a later certificate than the member has.
    assert_eq!(check(&state, 7, 3 * DAY), Ok("n2".to_owned()));
}

#[test]
fn who_was_removed_or_revoked_does_not_come_back() {
    let mut retired = state();
    retire(&mut retired, 2);
    assert_eq!(check(&retired, 2, 3 * DAY), Err(NoReturn::Retired));
    let mut revoked = state();
    revoke(&mut revoked, Revocation::Node(node(2)));
    assert_eq!(check(&revoked, 2, 3 * DAY), Err(NoReturn::Revoked));
    let mut revoked = state();
    revoke(&mut revoked, Revocation::Serial(*serial(2).bytes()));
    assert_eq!(check(&revoked, 2, 3 * DAY), Err(NoReturn::Revoked));
    assert!(check(&revoked, 7, 3 * DAY).is_ok(), "another certificate");
    let nobody = State::default();
    assert_eq!(check(&nobody, 2, 3 * DAY), Err(NoReturn::Unknown));
}

#[test]
fn an_ended_issuers_key_makes_no_members() {
    let state = state();
    let late = ISSUER_UNTIL + DAY;
    assert_eq!(check(&state, 7, late), Err(NoReturn::OldIssuer));
    let last = check(&state, 2, late);
    assert!(last.is_ok(), "the ledger knows that very certificate");
    assert!(check(&state, 7, ISSUER_UNTIL + CLOCK_LEEWAY).is_ok());
}

#[test]
fn a_voter_serves_itself_with_the_ledgers_roles_unless_they_were_taken() {
    let mut state = state();
    assert_eq!(check_itself(&state), Ok(VOTER));
    let members = Arc::make_mut(&mut state.members);
    let member = members.live.get_mut(&node(1)).expect("a member");
    member.roles = WORKER;
    assert_eq!(check_itself(&state), Err(NoReturn::NoVoter));
    revoke(&mut state, Revocation::Node(node(1)));
    assert_eq!(check_itself(&state), Err(NoReturn::Revoked));
    retire(&mut state, 1);
    assert_eq!(check_itself(&state), Err(NoReturn::Retired));
    assert_eq!(check_itself(&State::default()), Err(NoReturn::Unknown));
}
