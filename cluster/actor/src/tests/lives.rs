//! Lives of actors: what is started again, when, and what a panic takes along.

use super::{
    ActorState, Backoff, Child, Diary, Intensity, Spec, Strategy, Tree, Wish, Worker, pass, see,
    servant, settle, start, three, until,
};
use crate::{ActorContext, ActorFailure, Cause, Restart};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

async fn check_strategy(strategy: Strategy, happened: &str) {
    let diary = Diary::default();
    let (tree, letters) = three(strategy, Restart::Permanent, &diary).await;
    assert_eq!(diary.read(), "+a +b +c");
    diary.clear();
    letters[1].try_send(Wish::Panic).expect("there is room");
    settle(&tree).await;
    assert_eq!(diary.read(), happened, "{strategy:?}");
    assert_eq!(see(&tree, "top/b").last_cause, Some(Cause::Panic));
    assert_eq!(see(&tree, "top/b").restarts, 1);
    for letters in &letters {
        let answer = letters.ask(SECOND, |reply| Wish::Echo(1, reply)).await;
        assert_eq!(answer, Ok(1), "{strategy:?}: all live");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_takes_along_whom_the_strategy_says() {
    check_strategy(Strategy::OneForOne, "+b").await;
    check_strategy(Strategy::OneForAll, "-c -a +a +b +c").await;
    check_strategy(Strategy::RestForOne, "-c +b +c").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_started_again_depends_on_how_it_ended() {
    let cases = [
        (Restart::Permanent, Wish::Finish, Cause::Finished, 1),
        (Restart::Permanent, Wish::Fail(3), Cause::Failed(3), 1),
        (Restart::Transient, Wish::Finish, Cause::Finished, 0),
        (Restart::Transient, Wish::Fail(4), Cause::Failed(4), 1),
        (Restart::Transient, Wish::Panic, Cause::Panic, 1),
        (Restart::Temporary, Wish::Panic, Cause::Panic, 0),
    ];
    for (restart, wish, cause, restarts) in cases {
        let (tree, letters) = three(Strategy::OneForOne, restart, &Diary::default()).await;
        letters[0].try_send(wish).expect("there is room");
        settle(&tree).await;
        let view = see(&tree, "top/a");
        assert_eq!(view.last_cause, Some(cause), "{restart:?}");
        assert_eq!(view.restarts, restarts, "{restart:?} after {cause:?}");
        let state = if restarts == 1 {
            ActorState::Running
        } else {
            ActorState::Ended
        };
        assert_eq!(view.state, state);
    }
}

#[tokio::test(start_paused = true)]
async fn who_ended_for_good_is_not_woken_by_a_sibling() {
    let diary = Diary::default();
    let (tree, letters) = three(Strategy::OneForAll, Restart::Transient, &diary).await;
    letters[0].try_send(Wish::Finish).expect("there is room");
    settle(&tree).await;
    diary.clear();
    letters[2].try_send(Wish::Panic).expect("there is room");
    settle(&tree).await;
    assert_eq!(diary.read(), "-b +b +c");
    assert_eq!(see(&tree, "top/a").state, ActorState::Ended);
}

/// `top` over `low` over one servant, with few restarts each.
async fn nested(diary: &Diary, low: Intensity, top: Intensity) -> (Tree, crate::Mailbox<Wish>) {
    let (worker, letters) = servant("a", Restart::Permanent, diary);
    let (beside, _) = servant("z", Restart::Permanent, diary);
    let low = Spec {
        intensity: low,
        ..Spec::new("low", Strategy::OneForOne, vec![worker.into()])
    };
    let top = Spec {
        intensity: top,
        ..Spec::new(
            "top",
            Strategy::OneForOne,
            vec![Child::Tree(low), beside.into()],
        )
    };
    (start(top).await, letters)
}

fn few(restarts: u32) -> Intensity {
    Intensity {
        restarts,
        span: SECOND * 60,
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_failures_end_the_supervisor_and_its_parent_starts_it_again() {
    let diary = Diary::default();
    let (tree, letters) = nested(&diary, few(2), few(5)).await;
    for round in 0..3 {
        assert_eq!(see(&tree, "top/low").restarts, 0, "round {round}");
        letters.try_send(Wish::Panic).expect("there is room");
        settle(&tree).await;
    }
    let low = see(&tree, "top/low");
    assert_eq!(low.last_cause, Some(Cause::Escalated));
    assert_eq!((low.restarts, low.state), (1, ActorState::Running));
    assert_eq!(
        see(&tree, "top/z").restarts,
        0,
        "its sibling did not notice"
    );
    let answer = letters.ask(SECOND, |reply| Wish::Echo(5, reply)).await;
    assert_eq!(answer, Ok(5), "the same mailbox reaches the new life");
}

#[tokio::test(start_paused = true)]
async fn when_the_root_gives_up_all_stops_and_the_node_is_told() {
    let diary = Diary::default();
    let (mut tree, letters) = nested(&diary, few(0), few(0)).await;
    let elsewhere = tree.watch_end();
    letters.try_send(Wish::Fail(9)).expect("there is room");
    assert_eq!(tree.ended().await, Cause::Escalated);
    assert_eq!(elsewhere.await, Cause::Escalated);
    assert_eq!(diary.read(), "+a +z -a -z");
    assert_eq!(see(&tree, "top/low/a").last_cause, Some(Cause::Failed(9)));
    let gone = tree
        .view()
        .iter()
        .all(|view| view.state == ActorState::Ended);
    assert!(gone, "{tree:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_lasts_is_retried_ever_more_slowly() {
    let tries = Diary::default();
    let diary = tries.clone();
    let broken = Worker::new("broken", Restart::Permanent, move |context| {
        diary.write('+', &context.now().to_string());
        async { Err(ActorFailure::new(1, "still broken")) }
    });
    let spec = Spec {
        intensity: few(u32::MAX),
        backoff: Backoff {
            first: Duration::from_millis(100),
            most: SECOND * 2,
        },
        ..Spec::new("top", Strategy::OneForOne, vec![broken.into()])
    };
    let tree = Tree::start(spec, 3).await.expect("it starts");
    pass(SECOND * 20).await;
    let restarts = see(&tree, "top/broken").restarts;
    assert!(
        (13..=24).contains(&restarts),
        "{restarts} in 20 s: {}",
        tries.read()
    );
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_shows_no_pulse_is_seen() {
    let (worker, letters) = servant("a", Restart::Permanent, &Diary::default());
    let worker = worker.pulse_within(SECOND * 3);
    let tree = start(Spec::new("top", Strategy::OneForOne, vec![worker.into()])).await;
    pass(SECOND * 30).await;
    assert_eq!(tree.stalled(), [""; 0], "an idle actor has a pulse");
    letters
        .try_send(Wish::Hang(SECOND * 10))
        .expect("there is room");
    until(|| tree.stalled() == ["top/a"]).await;
    until(|| tree.stalled().is_empty()).await;
    assert_eq!(see(&tree, "top/a").restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn long_work_keeps_its_pulse_until_it_is_told_to_stop() {
    let diary = Diary::default();
    let wrote = diary.clone();
    let run = move |context: ActorContext| {
        let diary = wrote.clone();
        async move {
            let done = context.pulsing(async { 7 }).await;
            diary.write('+', &format!("{done:?}"));
            let done = context.pulsing(std::future::pending::<u32>()).await;
            diary.write('-', &format!("{done:?}"));
            Ok(())
        }
    };
    let worker = Worker::new("a", Restart::Permanent, run)
        .pulse_within(SECOND * 3)
        .saying(|| "two links".to_owned());
    let tree = start(Spec::new("top", Strategy::OneForOne, vec![worker.into()])).await;
    pass(SECOND * 30).await;
    assert_eq!(tree.stalled(), [""; 0]);
    assert_eq!(see(&tree, "top/a").says.as_deref(), Some("two links"));
    assert_eq!(see(&tree, "top").says, None);
    assert_eq!(diary.read(), "+Some(7)");
    assert_eq!(tree.stop().await, Cause::Stopped);
    assert_eq!(diary.read(), "+Some(7) -None");
}

#[tokio::test(start_paused = true)]
async fn a_view_is_plain_data() {
    let (tree, _letters) = three(Strategy::OneForOne, Restart::Permanent, &Diary::default()).await;
    pass(SECOND * 5).await;
    let view = see(&tree, "top/a");
    assert!(view.uptime >= base::Time::from_millis(5000));
    let text = serde_json::to_string(&tree.view()).expect("it can be written");
    let read: Vec<crate::ActorView> = serde_json::from_str(&text).expect("it can be read");
    let paths: Vec<&str> = read.iter().map(|view| view.path.as_str()).collect();
    assert_eq!(paths, ["top", "top/a", "top/b", "top/c"]);
    assert!(read[0].supervisor && !read[1].supervisor);
}

#[tokio::test(start_paused = true)]
async fn several_trees_of_one_name_live_in_one_process() {
    let diary = Diary::default();
    let (first, letters) = three(Strategy::OneForOne, Restart::Permanent, &diary).await;
    let (second, _) = three(Strategy::OneForOne, Restart::Permanent, &diary).await;
    letters[0].try_send(Wish::Panic).expect("there is room");
    settle(&first).await;
    assert_eq!(see(&first, "top/a").restarts, 1);
    assert_eq!(see(&second, "top/a").restarts, 0);
    drop(first);
    pass(SECOND).await;
    assert_eq!(see(&second, "top/a").state, ActorState::Running);
}
