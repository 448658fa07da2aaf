//! The book of words and the order of lanes.

use super::{Book, Lanes};
use base::NodeId;
use std::time::Duration;
use tokio::time::Instant;

const PEER: NodeId = NodeId([1; 16]);

#[test]
fn a_word_is_what_was_acknowledged_and_committed() {
    let book = Book::default();
    assert_eq!(book.remind(PEER, 1, Some(5)), None);
    book.acknowledged(PEER, 1, Some(10));
    assert_eq!(book.remind(PEER, 1, Some(7)), Some(7));
    assert_eq!(book.remind(PEER, 1, Some(20)), Some(10));
    assert_eq!(book.known(PEER), Some(10));
}

#[test]
fn an_acknowledgement_of_an_old_term_proves_nothing_new() {
    let book = Book::default();
    book.acknowledged(PEER, 1, Some(10));
    // Entries 8 to 10 were voided by another leader; this node leads again.
    assert_eq!(book.remind(PEER, 3, Some(10)), None);
    book.acknowledged(PEER, 3, Some(8));
    assert_eq!(book.remind(PEER, 3, Some(10)), Some(8));
}

#[test]
fn a_broken_word_is_told_from_a_log_that_is_only_short() {
    let book = Book::default();
    book.acknowledged(PEER, 1, Some(10));
    book.remind(PEER, 1, Some(6));
    assert!(!book.conflicts(PEER, Some(9)), "9 was never committed");
    assert!(!book.conflicts(PEER, None));
    assert!(book.reverted().is_empty());
    assert!(book.conflicts(PEER, Some(6)));
    assert_eq!(book.reverted(), [PEER]);
    book.forget(PEER);
    assert!(!book.conflicts(PEER, Some(6)));
}

#[test]
fn the_slowest_acknowledgement_is_told_once() {
    let book = Book::default();
    for millis in [3, 9, 2] {
        book.took(PEER, Duration::from_millis(millis));
    }
    let slowest = book.slowest();
    assert_eq!(slowest.get(&PEER), Some(&Duration::from_millis(9)));
    assert!(book.slowest().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_early_message_waits_for_the_one_before_it() {
    let lanes = Lanes::default();
    let early = {
        let lanes = lanes.clone();
        tokio::spawn(async move {
            let turn = lanes.turn(PEER, 1, 1, 1).await;
            turn.over();
            Instant::now()
        })
    };
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(!early.is_finished());
    let first = Instant::now();
    lanes.turn(PEER, 1, 1, 0).await.over();
    assert_eq!(early.await.unwrap(), first);
}

#[tokio::test(start_paused = true)]
async fn a_lost_message_holds_nobody_up_for_long() {
    let lanes = Lanes::default();
    let start = Instant::now();
    lanes.turn(PEER, 1, 1, 3).await.over();
    let waited = start.elapsed();
    assert!(
        waited > Duration::ZERO && waited < Duration::from_millis(100),
        "{waited:?}"
    );
    // Those behind it do not wait again, nor does a new session.
    let start = Instant::now();
    lanes.turn(PEER, 1, 1, 4).await.over();
    lanes.turn(PEER, 1, 2, 0).await.over();
    assert_eq!(start.elapsed(), Duration::ZERO);
}
