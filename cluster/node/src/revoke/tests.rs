use super::*;
use base::PeerRoles;
use raft::ledger::{MemberRecord, Revocation};

fn node(n: u8) -> NodeId {
    NodeId([n; 16])
}

/// Three members; the revocations in the order of their epochs.
fn state(revoked: &[Revocation]) -> State {
    let mut state = State::default();
    for n in 1..=3 {
        let member = MemberRecord {
            name: format!("n{n}"),
            roles: PeerRoles::NONE,
            pool: None,
            address: "10.0.0.1:7411".to_owned(),
            serial: [n; 16],
            version: 1,
            joined: 1,
            token: None,
        };
        Arc::make_mut(&mut state.members)
            .live
            .insert(node(n), member);
    }
    let all = Arc::make_mut(&mut state.revoked);
    for (number, what) in revoked.iter().enumerate() {
        all.epoch = Epoch(number as u64 + 1);
        all.all.insert(what.clone(), all.epoch);
    }
    state
}

fn check(told: &mut Told, term: u64, state: &State, expected: &[(u8, u64)]) {
    let expected: Vec<Untold> = expected
        .iter()
        .map(|(n, since)| Untold {
            node: node(*n),
            since: Epoch(*since),
        })
        .collect();
    assert_eq!(told.untold((node(1), term), state), expected);
}

#[test]
fn each_member_is_told_what_it_was_not_told() {
    let mut told = Told::default();
    check(&mut told, 1, &state(&[]), &[]);
    let one = state(&[Revocation::Serial([9; 16])]);
    check(&mut told, 1, &one, &[(2, 0), (3, 0)]);
    told.tell(node(2), Epoch(1));
    check(&mut told, 1, &one, &[(3, 0)]);
    let two = state(&[Revocation::Serial([9; 16]), Revocation::Node(node(8))]);
    check(&mut told, 1, &two, &[(2, 1), (3, 0)]);
}

#[test]
fn a_new_leadership_tells_everything_again_and_who_left_is_told_nothing() {
    let mut told = Told::default();
    let mut now = state(&[Revocation::Node(node(8))]);
    check(&mut told, 1, &now, &[(2, 0), (3, 0)]);
    for n in [2, 3] {
        told.tell(node(n), Epoch(1));
    }
    check(&mut told, 1, &now, &[]);
    check(&mut told, 2, &now, &[(2, 0), (3, 0)]);
    Arc::make_mut(&mut now.members).live.remove(&node(3));
    check(&mut told, 2, &now, &[(2, 0)]);
}

#[test]
fn what_is_told_is_what_came_since() {
    let now = state(&[Revocation::Serial([9; 16]), Revocation::Node(node(8))]);
    let all = revoked_since(&now, Epoch(0));
    assert_eq!((all.nodes.len(), all.serials.len()), (1, 1));
    let newer = revoked_since(&now, Epoch(1));
    assert!(newer.nodes.contains(&node(8)) && newer.serials.is_empty());
}
