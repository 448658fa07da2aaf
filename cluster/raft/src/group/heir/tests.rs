use super::*;
use crate::net::Refusal;

fn node(number: u8) -> NodeId {
    NodeId([number; 16])
}

#[test]
fn the_furthest_voter_that_answers_comes_first() {
    let voters = BTreeSet::from([node(1), node(2), node(3), node(4)]);
    let lag = |entries, heard| Lag { entries, heard };
    let seen = BTreeMap::from([
        (node(2), lag(7, true)),
        (node(3), lag(0, true)),
        (node(4), lag(0, true)),
        // A learner, and a voter that is away.
        (node(5), lag(0, true)),
        (node(1), lag(0, false)),
    ]);
    assert_eq!(in_order(&voters, &seen), [node(3), node(4), node(2)]);
    assert!(in_order(&voters, &BTreeMap::new()).is_empty());
}

#[test]
fn who_refuses_or_does_not_answer_is_passed_over() {
    let ballot = Ballot {
        term: 7,
        node: node(1),
        committed: true,
    };
    let compared = TransferReply::VoteChanged {
        expected: ballot,
        actual: ballot,
    };
    let behind = TransferReply::NotFlushed {
        expected: None,
        actual: None,
    };
    let full = TransferReply::Refused(Refusal::Stopped("its disk is full".to_owned()));
    for (answer, expected) in [
        (Ok(compared), true),
        (Ok(behind), true),
        (Ok(full), false),
        (Ok(TransferReply::Refused(Refusal::NotSound)), false),
        (Err(CourierError::Timeout), false),
        (Err(CourierError::Unreachable("away".to_owned())), false),
    ] {
        assert_eq!(willing(&answer), expected, "{answer:?}");
    }
}
