//! Mailboxes: bounds, refusals, and letters that outlive a reader.

use super::{Diary, Wish, pass, see, servant, start};
use crate::{AskError, MailboxView, Restart, Spec, Strategy, Undelivered, mailbox};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_refuses_and_counts() {
    let (letters, seat) = mailbox::<u32>(2);
    assert!(letters.try_send(1).is_ok());
    assert!(letters.send(2, SECOND).await.is_ok());
    let refused = letters.try_send(3);
    assert!(
        matches!(refused, Err(Undelivered::Full(3))),
        "the letter comes back"
    );
    let start = tokio::time::Instant::now();
    let refused = letters.send(4, SECOND).await;
    assert!(matches!(refused, Err(Undelivered::Full(4))));
    assert_eq!(start.elapsed().as_secs(), 1, "it waited for room");
    let expected = MailboxView {
        depth: 2,
        bound: 2,
        refused: 2,
    };
    assert_eq!(letters.view(), expected);
    let mut inbox = seat.take().expect("nobody has it");
    assert!(seat.take().is_none(), "one life at a time");
    assert_eq!(inbox.recv().await, Some(1));
    assert!(letters.try_send(5).is_ok(), "room again");
    drop((inbox, seat));
    assert!(matches!(letters.try_send(6), Err(Undelivered::Closed(6))));
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_or_told_why_not() {
    let (worker, letters) = servant("a", Restart::Permanent, &Diary::default());
    let tree = start(Spec::new("top", Strategy::OneForOne, vec![worker.into()])).await;
    let answer = letters.ask(SECOND, |reply| Wish::Echo(7, reply)).await;
    assert_eq!(answer, Ok(7));
    letters
        .try_send(Wish::Hang(SECOND * 10))
        .expect("there is room");
    let late = letters.ask(SECOND, |reply| Wish::Echo(8, reply)).await;
    assert_eq!(late, Err(AskError::Late));
    while letters.try_send(Wish::Finish).is_ok() {}
    let full = letters.ask(SECOND, |reply| Wish::Echo(9, reply)).await;
    assert_eq!(full, Err(AskError::Full));
    tree.stop().await;
    let closed = letters.ask(SECOND, |reply| Wish::Echo(10, reply)).await;
    assert_eq!(closed, Err(AskError::Closed));
}

#[tokio::test(start_paused = true)]
async fn letters_outlive_the_actor_that_reads_them() {
    let (worker, letters) = servant("a", Restart::Permanent, &Diary::default());
    let tree = start(Spec::new("top", Strategy::OneForOne, vec![worker.into()])).await;
    letters.try_send(Wish::Hang(SECOND)).expect("there is room");
    letters.try_send(Wish::Panic).expect("there is room");
    let dropped = letters.ask(SECOND * 10, |reply| Wish::Echo(3, reply));
    assert_eq!(dropped.await, Ok(3), "it waited for the next life");
    let view = see(&tree, "top/a");
    assert_eq!(view.restarts, 1);
    assert_eq!(view.mailbox.map(|mailbox| mailbox.bound), Some(4));
}

#[tokio::test(start_paused = true)]
async fn ten_times_too_much_is_refused_and_the_rest_is_done() {
    let (worker, letters) = servant("a", Restart::Permanent, &Diary::default());
    let tree = start(Spec::new("top", Strategy::OneForOne, vec![worker.into()])).await;
    let (mut done, mut refused) = (0, 0);
    for _ in 0..100 {
        // A room of four, a service of one letter each 100 ms, and ten letters in that time.
        for _ in 0..10 {
            match letters.try_send(Wish::Hang(SECOND / 10)) {
                Ok(()) => done += 1,
                Err(_) => refused += 1,
            }
        }
        pass(SECOND / 10).await;
        let depth = see(&tree, "top/a").mailbox.map(|mailbox| mailbox.depth);
        assert!(depth <= Some(4));
    }
    assert!(
        (95..=110).contains(&done),
        "{done} of a hundred that it can do"
    );
    assert_eq!(done + refused, 1000);
    let counted = see(&tree, "top/a").mailbox.map(|mailbox| mailbox.refused);
    assert_eq!(counted, Some(refused));
    assert_eq!(see(&tree, "top/a").restarts, 0);
}
