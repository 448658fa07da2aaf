//! Orders of start and stop, and stops that take too long.

use super::{
    ActorState, Diary, Restart, Spec, Strategy, Tree, Wish, Worker, pass, see, servant, start,
    three,
};
use crate::{ActorFailure, Cause, StartFault, TreeError};
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Takes a second to become ready, and may fail instead.
fn slow(name: &str, diary: &Diary, fails: Option<u16>) -> Worker {
    let (diary, named) = (diary.clone(), name.to_owned());
    let run = move |context: crate::ActorContext| {
        let (diary, name) = (diary.clone(), named.clone());
        async move {
            diary.write('.', &name);
            tokio::time::sleep(SECOND).await;
            if let Some(code) = fails {
                return Err(ActorFailure::new(code, "as wished"));
            }
            diary.write('+', &name);
            context.ready();
            context.stopping().await;
            diary.write('-', &name);
            Ok(())
        }
    };
    Worker::new(name, Restart::Permanent, run).ready_within(SECOND * 5)
}

#[tokio::test(start_paused = true)]
async fn all_start_in_order_and_stop_in_reverse() {
    let diary = Diary::default();
    let low = Spec::new(
        "low",
        Strategy::OneForOne,
        vec![
            slow("b", &diary, None).into(),
            slow("c", &diary, None).into(),
        ],
    );
    let children = vec![
        slow("a", &diary, None).into(),
        low.into(),
        slow("d", &diary, None).into(),
    ];
    let tree = start(Spec::new("top", Strategy::OneForOne, children)).await;
    assert_eq!(diary.read(), ".a +a .b +b .c +c .d +d");
    diary.clear();
    assert_eq!(tree.stop().await, Cause::Stopped);
    assert_eq!(diary.read(), "-d -c -b -a");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_names_its_actor_and_undoes_the_rest() {
    let diary = Diary::default();
    let low = Spec::new(
        "low",
        Strategy::OneForOne,
        vec![
            slow("b", &diary, None).into(),
            slow("c", &diary, Some(7)).into(),
        ],
    );
    let children = vec![
        slow("a", &diary, None).into(),
        low.into(),
        slow("d", &diary, None).into(),
    ];
    let error = Tree::start(Spec::new("top", Strategy::OneForOne, children), 1).await;
    let expected = TreeError::Start {
        path: "top/low/c".to_owned(),
        cause: Cause::Startup(StartFault::Failed(7)),
    };
    assert_eq!(error.expect_err("it fails"), expected);
    assert_eq!(diary.read(), ".a +a .b +b .c -b -a");
}

#[tokio::test(start_paused = true)]
async fn who_is_never_ready_is_given_up() {
    let late = Worker::new("late", Restart::Permanent, |_| std::future::pending());
    let late = late.ready_within(SECOND * 3);
    let begin = Instant::now();
    let error = Tree::start(Spec::new("top", Strategy::OneForOne, vec![late.into()]), 1).await;
    let expected = TreeError::Start {
        path: "top/late".to_owned(),
        cause: Cause::Startup(StartFault::Late),
    };
    assert_eq!(error.expect_err("it fails"), expected);
    assert_eq!(begin.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_stop_in_time_is_cut_off() {
    let diary = Diary::default();
    let (tree, letters) = three(Strategy::OneForOne, Restart::Permanent, &diary).await;
    letters[1]
        .try_send(Wish::Hang(SECOND * 1000))
        .expect("there is room");
    pass(SECOND).await;
    let begin = Instant::now();
    diary.clear();
    assert_eq!(tree.stop().await, Cause::Stopped);
    assert!(begin.elapsed() < SECOND * 4, "{:?}", begin.elapsed());
    assert_eq!(diary.read(), "-c -a", "b never came to say it");
}

#[tokio::test(start_paused = true)]
async fn the_view_tells_who_was_cut_off() {
    let (worker, letters) = servant("b", Restart::Permanent, &Diary::default());
    let worker = worker.stop_within(SECOND / 2);
    let (other, wishes) = servant("a", Restart::Permanent, &Diary::default());
    let children = vec![other.into(), worker.into()];
    let tree = start(Spec::new("top", Strategy::OneForAll, children)).await;
    letters
        .try_send(Wish::Hang(SECOND * 1000))
        .expect("there is room");
    pass(SECOND / 10).await;
    wishes.try_send(Wish::Panic).expect("there is room");
    super::until(|| see(&tree, "top/b").last_cause == Some(Cause::Killed)).await;
    super::settle(&tree).await;
    let view = see(&tree, "top/b");
    assert_eq!((view.state, view.restarts), (ActorState::Running, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_interrupts_a_restart() {
    let diary = Diary::default();
    let (worker, letters) = servant("a", Restart::Permanent, &diary);
    let children = vec![worker.into(), slow("b", &diary, None).into()];
    let tree = start(Spec::new("top", Strategy::OneForAll, children)).await;
    letters.try_send(Wish::Panic).expect("there is room");
    pass(SECOND / 2).await;
    assert_eq!(
        see(&tree, "top/b").state,
        ActorState::Starting,
        "in the middle of it"
    );
    let begin = Instant::now();
    assert_eq!(tree.stop().await, Cause::Stopped);
    assert!(begin.elapsed() < SECOND / 2, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn two_children_of_one_name_are_refused() {
    let worker = |name: &str| Worker::new(name, Restart::Temporary, |_| async { Ok(()) }).into();
    for names in [["a", "a"], ["a", ""], ["a", "b/c"]] {
        let children = names.map(worker).to_vec();
        let error = Tree::start(Spec::new("top", Strategy::OneForOne, children), 1).await;
        assert!(matches!(error, Err(TreeError::Name { .. })), "{names:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_life() {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (tree, letters) =
                three(Strategy::RestForOne, Restart::Permanent, &Diary::default()).await;
            for round in 0..4 {
                letters[round % 3]
                    .try_send(Wish::Panic)
                    .expect("there is room");
                pass(SECOND / 3).await;
            }
            tree.view()
        })
    };
    assert_eq!(run(), run());
}
