//! Stories of a node whose certificate has ended: it asks without one, and knows whom it asks.

use super::world::{DAY, Node, TTL, VOTER, World, is_up};
use crate::{CallError, CertificateRefusal, DialError, Refusal, WallClock};
use base::NodeId;
use std::sync::Mutex;
use wire::{Frame, Kind};

/// Asks as a stranger; returns the reply and the exporter that the request was made for.
async fn ask(
    node: &Node,
    to: (NodeId, &Node),
    kind: Kind,
) -> (Result<Frame, CallError>, Option<[u8; 32]>) {
    let made_for = Mutex::new(None);
    let frame = |exporter: &[u8; 32]| {
        *made_for.lock().unwrap() = Some(*exporter);
        super::world::frame(kind, b"x")
    };
    let to = (to.0, to.1.addr);
    let reply = node.endpoint.call_uncertified(to, kind, &frame, TTL).await;
    let made_for = *made_for.lock().unwrap();
    (reply, made_for)
}

fn theirs(peer: NodeId, why: CertificateRefusal) -> CallError {
    CallError::Unreachable {
        peer,
        why: DialError::TheirCertificate(why),
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_no_certificate_in_time_asks_as_a_stranger() {
    let world = World::new();
    let (member, voter) = (world.voter(1), world.voter(2));
    world.calendar.pass(3 * DAY);
    assert!(member.identity.renewal(world.calendar.unix()).is_void());
    // Nothing is said to a voter whose own certificate has ended.
    let (reply, made_for) = ask(&member, (voter.id(), &voter), Kind::Revive).await;
    let ended = theirs(voter.id(), CertificateRefusal::Expired);
    assert_eq!((reply, made_for), (Err(ended), None));
    assert_eq!(voter.diary.kinds(), []);

    let renewed = world.identity(2, 1, VOTER);
    voter.endpoint.set_identity(&renewed).unwrap();
    let (reply, made_for) = ask(&member, (voter.id(), &voter), Kind::Revive).await;
    assert_eq!(reply.unwrap().kind, Kind::Revive);
    {
        let calls = voter.diary.calls.lock().unwrap();
        let (caller, kind) = &calls[0];
        assert_eq!((caller.node, *kind), (None, Kind::Revive));
        assert_eq!(Some(caller.exporter), made_for);
    }
    assert!(member.endpoint.links().is_empty(), "it is no link");
    assert_eq!(voter.endpoint.metrics().strangers, 1);

    // The new certificate is used at the next dial.
    let renewed = world.identity(1, 1, VOTER);
    member.endpoint.set_identity(&renewed).unwrap();
    member.link_to(&voter).await;
    let id = member.id();
    voter.diary.event(|event| is_up(event, id)).await;
}

#[tokio::test(start_paused = true)]
async fn only_the_node_that_is_meant_is_asked_and_only_what_a_stranger_may() {
    let (world, mut elsewhere) = (World::new(), World::of(2));
    elsewhere.hub = world.hub.clone();
    let (member, voter) = (world.voter(1), world.voter(2));
    let other = NodeId([9; 16]);
    let (reply, made_for) = ask(&member, (other, &voter), Kind::Revive).await;
    let why = CertificateRefusal::OtherNode;
    assert_eq!((reply, made_for), (Err(theirs(other, why)), None));

    let foreign = elsewhere.voter(3);
    let (reply, made_for) = ask(&member, (foreign.id(), &foreign), Kind::Revive).await;
    let why = DialError::OtherCluster(foreign.addr);
    let peer = foreign.id();
    assert_eq!(
        (reply, made_for),
        (Err(CallError::Unreachable { peer, why }), None)
    );

    let (reply, _) = ask(&member, (voter.id(), &voter), Kind::Renew).await;
    let why = crate::Denial::NoCertificate;
    let refused = CallError::Refused(Refusal::Unauthorised(why));
    assert_eq!(reply, Err(refused));
    assert_eq!(voter.diary.kinds(), []);
}
