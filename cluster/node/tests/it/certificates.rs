//! Certificates as days and months go by: renewed in time, regained by those who were off for
//! longer than one lives, refused to those who were removed meanwhile; and the issuer behind them.
//! Only the calendars are moved.

use crate::lab::{Machine, token, until};
use cluster::{Node, NodeEvent};
use raft::ledger::Command;
use std::time::Duration;
use transport::{Authority, Renewal};

fn machines<const N: usize>() -> [Machine; N] {
    std::array::from_fn(|i| Machine::new(&format!("n{}", i + 1)))
}

fn renewal(machine: &Machine) -> Renewal {
    machine.identity().renewal(machine.unix())
}

fn renewed(machine: &Machine) -> bool {
    let wanted = |event: &NodeEvent| matches!(event, NodeEvent::Renewed { .. });
    machine.diary.saw(wanted)
}

/// What the machine issues with, as it lies on the disk.
fn issuer(machine: &Machine) -> Option<Authority> {
    Authority::load(&machine.path().join("authority")).ok()
}

fn linked(nodes: &[&Node]) -> bool {
    let others = nodes.len() - 1;
    nodes.iter().all(|node| node.links().len() == others)
}

/// Whether the ledger, as each of them has it, names the certificate that each machine has.
fn recorded(nodes: &[&Node], machines: &[Machine]) -> bool {
    nodes.iter().all(|node| {
        let state = node.state();
        machines.iter().all(|machine| {
            let identity = machine.identity();
            let member = state.members.live.get(&identity.node());
            member.is_some_and(|member| member.serial == *identity.certificate().serial.bytes())
        })
    })
}

/// Makes a voter of a member, and waits until it can issue.
async fn promote(founder: &Node, node: &Node, machine: &Machine) {
    let promoted = founder.promote("test", node.id(), PATIENCE).await;
    promoted.expect("promoted");
    until("the voter has the issuer", || issuer(machine).is_some()).await;
}

#[tokio::test]
async fn certificates_are_renewed_after_two_thirds_of_their_life() {
    let [one, two] = machines::<2>();
    let founder = one.founder().await;
    let token = token(&founder, 1, DAY).await;
    let second = two.joiner(&token).await;
    until("they are linked", || linked(&[&founder, &second])).await;
    let before = [&one, &two].map(Machine::identity);
    assert!(!renewed(&one) && !renewed(&two));
    for machine in [&one, &two] {
        machine.pass(DAY * 2 / 3 + MINUTE);
    }
    for old in &before {
        let due = old.renewal(one.unix());
        assert!(matches!(due, Renewal::Due { .. }), "{due:?}");
    }
    until("both are renewed", || renewed(&one) && renewed(&two)).await;
    for (machine, old) in [&one, &two].into_iter().zip(&before) {
        let new = machine.identity();
        assert!(renewal(machine).is_fresh());
        assert_eq!((new.node(), new.roles()), (old.node(), old.roles()));
        assert_ne!(new.certificate().serial, old.certificate().serial);
    }
    assert!(linked(&[&founder, &second]), "no link was lost");
    second.stop().await;
    founder.stop().await;
}

#[tokio::test]
async fn a_cluster_that_was_off_for_three_days_comes_back_by_itself() {
    let machines = machines::<4>();
    let [one, two, three, four] = &machines;
    {
        let founder = one.founder().await;
        let token = token(&founder, 3, DAY).await;
        let second = two.joiner(&token).await;
        let third = three.joiner(&token).await;
        let worker = four.joiner(&token).await;
        promote(&founder, &second, two).await;
        promote(&founder, &third, three).await;
        let nodes = [&founder, &second, &third, &worker];
        until("all know what was agreed", || recorded(&nodes, &machines)).await;
        for node in nodes {
            node.stop().await;
        }
    }
    assert!(!renewed(four));
    for machine in &machines {
        assert!(renewal(machine).is_fresh());
        machine.pass(DAY * 3);
        assert_eq!(renewal(machine), Renewal::Ended, "{}", machine.name);
    }

    let worker = four.restart().await;
    let (first, second) = (one.restart().await, two.restart().await);
    let third = three.restart().await;
    let nodes = [&first, &second, &third, &worker];
    until("they link up", || linked(&nodes)).await;
    until("they elect", || {
        nodes.iter().all(|node| node.raft().leader.is_some())
    })
    .await;
    for machine in &machines {
        assert!(renewal(machine).is_fresh(), "{}", machine.name);
    }
    assert!(renewed(four), "the worker got its own");
    let note = Command::Note {
        what: "three days later".to_owned(),
    };
    second.submit("test", note).await.expect("committed");
    until("the ledger knows the certificates in force", || {
        recorded(&nodes, &machines)
    })
    .await;
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test]
async fn who_was_removed_meanwhile_is_refused_after_three_days() {
    let [one, two, three] = machines::<3>();
    let founder = one.founder().await;
    let token = token(&founder, 2, DAY).await;
    for machine in [&two, &three] {
        let node = machine.joiner(&token).await;
        until("they are linked", || linked(&[&founder, &node])).await;
        node.stop().await;
    }
    let gone = two.identity();
    let removed = founder.remove("test", gone.node(), ("sold", PATIENCE));
    removed.await.expect("removed");
    let before = [&one, &two, &three].map(Machine::identity);
    for (machine, old) in [&one, &two, &three].into_iter().zip(before) {
        machine.pass(DAY * 3);
        assert_eq!(old.renewal(machine.unix()), Renewal::Ended);
    }
    until("the voter has a certificate again", || renewed(&one)).await;

    let back = two.restart().await;
    until("it is refused", || {
        two.diary.saw(|event| {
            let NodeEvent::RenewalFailed { why } = event else {
                return false;
            };
            why.contains("was revoked: join as a new one")
        })
    })
    .await;
    assert!(founder.transport_metrics().strangers > 0, "it has knocked");
    let still = two.identity();
    assert_eq!(still.certificate(), gone.certificate());
    assert_eq!(renewal(&two), Renewal::Ended);
    assert!(back.links().is_empty() && founder.links().is_empty());

    // Who was not removed comes the same way, and gets in.
    let third = three.restart().await;
    until("the other one is back", || linked(&[&founder, &third])).await;
    assert!(renewal(&three).is_fresh() && !renewed(&two));
    for node in [back, third, founder] {
        node.stop().await;
    }
}

#[tokio::test]
async fn a_voter_whose_clock_jumped_ahead_and_back_is_believed_again() {
    let [one, two] = machines::<2>();
    let founder = one.founder().await;
    let token = token(&founder, 1, DAY).await;
    let second = two.joiner(&token).await;
    let nodes = [&founder, &second];
    until("they are linked", || linked(&nodes)).await;
    one.pass(DAY * 3);
    until("it certified itself under the wrong clock", || {
        renewed(&one) && nodes.iter().all(|node| node.links().is_empty())
    })
    .await;
    let wrong = one.identity();
    assert!(wrong.renewal(one.unix()).is_fresh());
    one.go_back(DAY * 3);
    assert_eq!(wrong.renewal(one.unix()), Renewal::Early);
    until("they are linked again", || linked(&nodes)).await;
    assert!(renewal(&one).is_fresh());
    assert!(!renewed(&two), "its own was good all the time");
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test]
async fn the_issuer_is_renewed_by_the_roots_key_and_fetched_by_the_other_voters() {
    let [one, two] = machines::<2>();
    let founder = one.founder().await;
    let token = token(&founder, 1, DAY).await;
    let second = two.joiner(&token).await;
    promote(&founder, &second, &two).await;
    let until_of = |machine: &Machine| issuer(machine).map(|held| held.issuer_until());
    let old = until_of(&one).expect("an issuer");
    assert_eq!(until_of(&two), Some(old));
    for machine in [&one, &two] {
        machine.pass(DAY * 61);
    }
    until("both have the next issuer", || {
        let next = until_of(&one);
        next > Some(old) && until_of(&two) == next
    })
    .await;
    let holds = |machine: &Machine| issuer(machine).is_some_and(|held| held.holds_root_key());
    assert!(holds(&one) && !holds(&two));
    // The second voter certified itself before it had the next issuer, and is believed.
    until("they are linked", || linked(&[&founder, &second])).await;
    assert_eq!(two.identity().issuer_until(), old);
    assert!(renewal(&two).is_fresh());
    let status = founder.status(false).await;
    let shown = status.nodes.iter().find(|node| node.node == founder.id());
    let left = shown.and_then(|node| node.issuer_for).expect("an issuer");
    assert!(left > DAY * 89, "{left:?}");
    second.stop().await;
    founder.stop().await;
}

#[tokio::test]
async fn an_issuer_that_nobody_renews_is_told_in_time() {
    let [one] = machines::<1>();
    let founder = one.founder().await;
    founder.stop().await;
    drop(founder);
    // The root's key is in a safe.
    std::fs::remove_file(one.path().join("authority/root.key")).expect("the key");
    let founder = one.restart().await;
    let warned = |problems: &[String]| problems.iter().any(|text| text.contains("root's key"));
    assert!(!warned(&founder.status(false).await.problems));
    one.pass(DAY * 80);
    until("the voter certified itself", || renewed(&one)).await;
    let status = founder.status(false).await;
    assert!(warned(&status.problems), "{:?}", status.problems);
    let left = status.nodes[0].issuer_for.expect("an issuer");
    assert!(left < DAY * 10 && left > DAY * 9, "{left:?}");
    founder.stop().await;
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
const PATIENCE: Duration = Duration::from_secs(60);
