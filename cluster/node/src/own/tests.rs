use super::*;
use base::PeerRoles;
use raft::ledger::MemberRecord;

const ME: NodeId = NodeId([1; 16]);

/// This node as the ledger has it.
fn state(address: &str, version: u16) -> State {
    let mut state = State::default();
    let member = MemberRecord {
        name: "n1".to_owned(),
        roles: PeerRoles::NONE,
        pool: None,
        address: address.to_owned(),
        serial: [1; 16],
        version,
        joined: 1,
        token: None,
    };
    Arc::make_mut(&mut state.members).live.insert(ME, member);
    state
}

fn check(state: &State, node: NodeId, expected: Option<(Option<&str>, Option<u16>)>) {
    let is = (SocketAddr::from(([10, 0, 0, 2], 7411)), 2);
    let expected = expected.map(|(address, version)| Command::UpdateMember {
        node,
        address: address.map(str::to_owned),
        serial: None,
        version,
    });
    assert_eq!(correction(state, node, is), expected);
}

#[test]
fn only_what_is_wrong_is_put_right() {
    let here = "10.0.0.2:7411";
    check(&state(here, 2), ME, None);
    check(&state("10.0.0.1:7411", 2), ME, Some((Some(here), None)));
    check(&state(here, 1), ME, Some((None, Some(2))));
    // Also a program that is older again.
    check(&state(here, 3), ME, Some((None, Some(2))));
    check(&state("nowhere", 1), ME, Some((Some(here), Some(2))));
}

#[test]
fn who_is_no_member_says_nothing() {
    check(&state("10.0.0.1:7411", 1), NodeId([2; 16]), None);
}
