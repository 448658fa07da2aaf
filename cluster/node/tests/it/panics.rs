//! A panic in one of a node's actors costs a life of that actor: not the node, and not what its peers
//! think of it.

use crate::lab::{Diary, Machine, token, until};
use actor::{ActorContext, Cause, Inbox, Restart, Worker, mailbox};
use base::Time;
use cluster::{EventSink, Node, NodeEvent, Parts};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Keeps the diary, and panics over the first link, of which the endpoint's own loops tell.
struct Shy {
    diary: Arc<Diary>,
    panicked: AtomicBool,
}

impl EventSink for Shy {
    fn event(&self, now: Time, event: &NodeEvent) {
        if matches!(event, NodeEvent::LinkUp(_)) {
            let before = self.panicked.swap(true, Ordering::SeqCst);
            assert!(before, "as wished");
        }
        self.diary.event(now, event);
    }
}

/// Restarts and the last end of one actor.
fn lives(node: &Node, path: &str) -> (u64, Option<Cause>) {
    let tree = node.tree();
    let found = tree.iter().find(|actor| actor.path == path);
    let actor = found.unwrap_or_else(|| panic!("no {path} in {tree:#?}"));
    (actor.restarts, actor.last_cause)
}

/// That no other actor had more than one life.
fn check_others(node: &Node, path: &str) {
    for actor in node.tree().iter().filter(|actor| actor.path != path) {
        assert_eq!((actor.restarts, actor.last_cause), (0, None), "{actor:?}");
    }
}

fn living_peers(node: &Node) -> usize {
    let view = node.membership();
    let living = view.peers.iter().filter(|peer| peer.liveness.is_active());
    living.count()
}

#[tokio::test]
async fn a_panic_in_the_transport_costs_neither_the_node_nor_its_membership() {
    let [one, two, three] = ["n1", "n2", "n3"].map(Machine::new);
    let events = Arc::new(Shy {
        diary: one.diary.clone(),
        panicked: AtomicBool::new(false),
    });
    let first = one.founder_of(|parts| Parts { events, ..parts }).await;
    let token = token(&first, 2, DAY).await;
    let second = two.joiner(&token).await;
    until("the transport has another life", || {
        lives(&first, TRANSPORT) == (1, Some(Cause::Panic))
    })
    .await;
    // Knocks at the first node, which alone admits.
    let third = three.joiner(&token).await;
    until("the first node tells of links again", || {
        one.diary
            .saw(|event| *event == NodeEvent::LinkUp(third.id()))
    })
    .await;
    for node in [&first, &second, &third] {
        until("each sees both others", || living_peers(node) == 2).await;
    }
    assert_eq!(lives(&first, TRANSPORT).0, 1, "one life more was enough");
    check_others(&first, TRANSPORT);
    for node in [third, second, first] {
        node.stop().await;
    }
}

#[tokio::test]
async fn a_panic_in_an_added_actor_costs_neither_the_node_nor_its_membership() {
    let (one, two) = (Machine::new("n1"), Machine::new("n2"));
    let (letters, seat) = mailbox(1);
    let run = |context: ActorContext, mut inbox: Inbox<()>| async move {
        let told = inbox.next(&context).await;
        assert!(told.is_none(), "as wished");
        Ok(())
    };
    let api = Worker::reading("api", Restart::Transient, (&letters, seat), run);
    let actors = vec![api.into()];
    let first = one.founder_of(|parts| Parts { actors, ..parts }).await;
    let token = token(&first, 1, DAY).await;
    let second = two.joiner(&token).await;
    let both_live = || (living_peers(&first), living_peers(&second)) == (1, 1);
    until("they see each other", both_live).await;
    letters.try_send(()).unwrap();
    until("the actor has another life", || {
        lives(&first, ADDED) == (1, Some(Cause::Panic))
    })
    .await;
    check_others(&first, ADDED);
    until("they see each other still", both_live).await;
    let count = crdt::Write::Count {
        metric: "m".to_owned(),
        add: 1,
    };
    first.write(count).await.unwrap();
    second.stop().await;
    first.stop().await;
    assert!(first.tree().is_empty(), "all have stopped");
}

const TRANSPORT: &str = "node/transport";
const ADDED: &str = "node/api";
const DAY: Duration = Duration::from_secs(24 * 3600);
