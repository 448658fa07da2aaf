use super::*;

fn node(n: u8) -> NodeId {
    NodeId([n; 16])
}

fn nodes(all: &[u8]) -> BTreeSet<NodeId> {
    all.iter().map(|n| node(*n)).collect()
}

/// Node 1 leads alone; everybody is a member that may vote.
fn alone(members: &[u8]) -> DutyFacts {
    DutyFacts {
        leader: node(1),
        voters: nodes(&[1]),
        members: nodes(members),
        may_vote: nodes(members),
        certified: nodes(&[1]),
        ..DutyFacts::default()
    }
}

#[test]
fn a_member_learns_before_it_votes() {
    let mut facts = alone(&[1, 2]);
    assert_eq!(next_duty(&facts), Some(Duty::Learn(node(2))));
    facts.learners = nodes(&[2]);
    assert_eq!(
        next_duty(&facts),
        None,
        "its certificate does not say so yet"
    );
    facts.certified.insert(node(2));
    assert_eq!(next_duty(&facts), Some(Duty::Promote(node(2))));
}

#[test]
fn a_worker_never_votes() {
    let mut facts = alone(&[1, 2]);
    facts.learners = nodes(&[2]);
    facts.certified = nodes(&[1, 2]);
    facts.may_vote = nodes(&[1]);
    assert_eq!(next_duty(&facts), None);
}

#[test]
fn who_was_removed_leaves_by_way_of_a_learner() {
    let mut facts = alone(&[1, 2]);
    facts.voters = nodes(&[1, 2, 3]);
    assert_eq!(next_duty(&facts), Some(Duty::Demote(node(3))));
    facts.voters = nodes(&[1, 2]);
    facts.learners = nodes(&[3]);
    assert_eq!(next_duty(&facts), Some(Duty::Expel(node(3))));
}

#[test]
fn a_leader_that_may_not_vote_hands_over_and_the_last_voter_stays() {
    let mut facts = alone(&[1, 2]);
    facts.voters = nodes(&[1, 2]);
    facts.may_vote = nodes(&[2]);
    assert_eq!(next_duty(&facts), Some(Duty::HandOver));
    facts.voters = nodes(&[1]);
    facts.learners = nodes(&[2]);
    assert_eq!(next_duty(&facts), None, "nobody else votes yet");
}

#[test]
fn a_version_opens_when_every_member_speaks_it() {
    let mut facts = alone(&[1]);
    (facts.version, facts.spoken) = (2, 2);
    assert_eq!(next_duty(&facts), None);
    facts.spoken = 1;
    assert_eq!(next_duty(&facts), None, "a member is behind");
    facts.spoken = 3;
    assert_eq!(next_duty(&facts), Some(Duty::Raise(3)));
    facts.members = nodes(&[1, 2]);
    assert_eq!(next_duty(&facts), Some(Duty::Raise(3)), "nobody delays it");
}
