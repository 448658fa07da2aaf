//! Members that come back changed: at another address, or with a newer program. The node itself
//! tells the ledger, and the others learn it from there. An older program than the cluster runs at
//! is told so and takes no part.

use crate::lab::{Machine, socket, token, until};
use base::NodeId;
use cluster::{EnterError, FailCode, Home, HomeError, Node, NodeEvent, NodeStartError};
use std::net::SocketAddr;
use std::time::Duration;
use transport::{JoinError, Refusal};

fn machines<const N: usize>() -> [Machine; N] {
    std::array::from_fn(|i| Machine::new(&format!("n{}", i + 1)))
}

fn linked(nodes: &[&Node]) -> bool {
    let others = nodes.len() - 1;
    nodes.iter().all(|node| node.links().len() == others)
}

/// Where the ledger has a member, as each of them knows it.
fn all_have(nodes: &[&Node], member: NodeId, address: SocketAddr) -> bool {
    nodes.iter().all(|node| {
        let state = node.state();
        let member = state.members.live.get(&member);
        member.is_some_and(|member| member.address == address.to_string())
    })
}

/// Where a machine would dial a member at its next start.
fn remembers(machine: &Machine, member: NodeId) -> Option<SocketAddr> {
    let record = machine.home().load_record().expect("a record");
    let mut peers = record.peers.into_iter();
    let found = peers.find(|(node, _)| *node == member);
    found.map(|(_, address)| address)
}

/// Where the link to a member leads.
fn at(node: &Node, member: NodeId) -> Option<SocketAddr> {
    let mut links = node.links().into_iter();
    let found = links.find(|link| link.peer == member);
    found.map(|link| link.addr)
}

async fn stop(node: Node) -> NodeId {
    node.stop().await;
    node.id()
}

#[tokio::test]
async fn a_member_that_moved_is_found_where_it_is_now() {
    let [one, two, three] = machines::<3>();
    let founder = one.founder().await;
    let token = token(&founder, 2, DAY).await;
    let second = two.joiner(&token).await;
    let third = three.joiner(&token).await;
    let nodes = [&founder, &second, &third];
    until("all are linked", || linked(&nodes)).await;
    let id = second.id();
    let old = two.home().load_record().expect("a record").address;
    until("all know where it is", || all_have(&nodes, id, old)).await;
    stop(second).await;

    let (second, new) = two.move_away().await;
    let nodes = [&founder, &second, &third];
    assert_ne!(new, old);
    until("all know its new address", || all_have(&nodes, id, new)).await;
    until("all are linked again", || linked(&nodes)).await;
    until("the links to it lead there", || {
        let mut others = [&founder, &third].into_iter();
        others.all(|node| at(node, id) == Some(new))
    })
    .await;
    for machine in [&one, &three] {
        until("it is dialled there from now on", || {
            remembers(machine, id) == Some(new)
        })
        .await;
    }
    let told = |event: &NodeEvent| matches!(event, NodeEvent::Corrected { .. });
    assert!(two.diary.saw(told), "the member told it");
    assert!(!one.diary.saw(told) && !three.diary.saw(told), "of itself");
    for node in [third, second, founder] {
        stop(node).await;
    }
}

#[tokio::test]
async fn the_cluster_takes_a_new_versions_commands_once_all_speak_it() {
    let next = wire::VERSION + 1;
    let [one, two] = machines::<2>();
    let founder = one.founder().await;
    let token = token(&founder, 1, DAY).await;
    let second = two.joiner(&token).await;
    until("they are linked", || linked(&[&founder, &second])).await;
    assert_eq!(founder.state().version, wire::VERSION);
    let id = stop(second).await;

    let second = two.upgrade(next).await;
    until("the ledger knows its new program", || {
        let state = founder.state();
        let member = state.members.live.get(&id);
        member.is_some_and(|member| member.version == next)
    })
    .await;
    assert_eq!(founder.state().version, wire::VERSION, "one is behind");
    let raised = |event: &NodeEvent| *event == NodeEvent::Version(next);
    assert!(!one.diary.saw(raised));
    stop(founder).await;

    let founder = one.upgrade(next).await;
    let nodes = [&founder, &second];
    until("the cluster's version is raised", || {
        nodes.iter().all(|node| node.state().version == next)
    })
    .await;
    until("the leader told it", || one.diary.saw(raised)).await;
    for node in [second, founder] {
        stop(node).await;
    }
}

#[tokio::test]
async fn a_program_older_than_its_cluster_neither_joins_nor_comes_back() {
    let (next, older) = (wire::VERSION + 1, wire::VERSION);
    let [one, two] = machines::<2>();
    one.init(socket().1).expect("founded");
    let founder = one.upgrade(next).await;
    assert_eq!(founder.state().version, next);
    let token = token(&founder, 1, DAY).await;

    // One apart is near enough to talk, and still too old to be a member.
    let listen = socket().1;
    let refused = two.enter_speaking(&token, listen, older).await;
    let Err(EnterError::Join(JoinError::Refused(Refusal::Failed { code, text }))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(FailCode::of(code), FailCode::Version, "{text}");
    let none = two.home().load_record();
    assert!(matches!(none, Err(HomeError::Empty { .. })), "{none:?}");
    let entered = two.enter_speaking(&token, listen, next).await;
    assert!(entered.is_ok(), "the token was not used up: {entered:?}");
    let second = two.upgrade(next).await;
    until("they are linked", || linked(&[&founder, &second])).await;
    until("the log has come", || second.state().version == next).await;
    stop(second).await;

    let back = two.try_speaking(older).await;
    let outgrown = raft::StartError::Outgrown {
        cluster: next,
        ours: older,
    };
    assert!(
        matches!(&back, Err(NodeStartError::Raft(why)) if *why == outgrown),
        "{:?}",
        back.err()
    );
    let second = two.upgrade(next).await;
    until("it is back", || linked(&[&founder, &second])).await;
    for node in [second, founder] {
        stop(node).await;
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
