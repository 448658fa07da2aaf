//! Stories of the endpoint's own loops: how they end, and that they can be run again.

use super::world::{Node, TTL, World, is_up};
use crate::{CallError, EndpointLoad, SocketLost};
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn loops_that_panicked_are_run_again_and_what_stood_stands() {
    let world = World::new();
    let (one, mut two, three) = (world.voter(1), world.voter(2), world.voter(3));
    two.diary.shy.store(true, Ordering::SeqCst);
    one.knows(&two);
    one.endpoint.reach(two.id(), TTL).await.unwrap();
    let ended = (&mut two.serving).await.unwrap_err();
    assert!(ended.is_panic(), "the fault happened: {ended}");
    assert_eq!(one.echo(two.id(), b"x").await.unwrap(), "x");
    three.knows(&two);
    let waiting = three.endpoint.reach(two.id(), Duration::from_millis(500));
    assert_eq!(waiting.await, Err(CallError::Deadline), "nobody lets it in");
    two.serving = tokio::spawn(two.endpoint.serve());
    three.endpoint.reach(two.id(), TTL).await.unwrap();
    assert_eq!(three.echo(two.id(), b"y").await.unwrap(), "y");
    two.diary.event(|event| is_up(event, three.id())).await;
    let idle = EndpointLoad {
        links: 2,
        requests_in: 0,
        requests_out: 0,
    };
    assert_eq!(two.endpoint.load(), idle);
}

#[tokio::test(start_paused = true)]
async fn a_lost_socket_is_told_from_an_end() {
    let world = World::new();
    let (mut one, mut two, three) = (world.voter(1), world.voter(2), world.voter(3));
    one.endpoint.close().await;
    assert_eq!((&mut one.serving).await.unwrap(), Ok(()));
    world.hub.break_socket(two.addr);
    assert_eq!((&mut two.serving).await.unwrap(), Err(SocketLost));
    assert_eq!(two.endpoint.serve().await, Err(SocketLost), "for good");
    let Node {
        endpoint, serving, ..
    } = three;
    drop(endpoint);
    assert_eq!(serving.await.unwrap(), Ok(()), "with its last handle");
}
