use super::*;
use crate::scripted::{Scripted, chat};
use crate::testing::{LONG, ask};

fn busy() -> EngineError {
    EngineError::Busy {
        engine: "e".into(),
        reason: "full".into(),
        retry_after_ms: Some(3000),
    }
}

fn cut() -> EngineError {
    EngineError::Garbled {
        engine: "e".into(),
        reason: "cut".into(),
        partial: "ha".into(),
    }
}

fn retrying(turns: Vec<crate::scripted::Turn>) -> Retrying<Scripted> {
    Retrying::new(Scripted::new(turns), RetryPolicy::default(), 7)
}

#[tokio::test(start_paused = true)]
async fn a_busy_engine_is_asked_again_when_it_says() {
    let engine = retrying(vec![
        (vec![], Some(busy())),
        (vec![], Some(busy())),
        (vec!["ok"], None),
    ]);
    let watch = Stopwatch::start();
    let reply = chat(&engine, &ask("q")).await.unwrap();
    assert_eq!(reply.text, "ok");
    assert!(
        watch.elapsed() >= Duration::from_secs(6),
        "{:?}",
        watch.elapsed()
    );
    assert!(reply.timings.queue_ms >= 6000.0);
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_is_asked_again_only_where_nothing_comes_twice() {
    let turns = || vec![(vec!["ha"], Some(cut())), (vec!["half"], None)];
    let engine = retrying(turns());
    assert_eq!(chat(&engine, &ask("q")).await.unwrap().text, "half");

    let engine = retrying(turns());
    let mut pieces = Vec::new();
    let mut sink = |text: &str| {
        pieces.push(text.to_owned());
        true
    };
    let cancel = CancellationToken::new();
    let error = engine
        .chat(&ask("q"), &mut sink, LONG, &cancel)
        .await
        .unwrap_err();
    assert_eq!((error, pieces), (cut(), vec!["ha".to_owned()]));
    assert_eq!(engine.inner.left(), 1, "it was asked once");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_and_a_final_error_end_it() {
    let engine = retrying(vec![(vec![], Some(busy())), (vec!["late"], None)]);
    let cancel = CancellationToken::new();
    let short = Duration::from_secs(2);
    let error = engine
        .chat(&ask("q"), &mut crate::discard(), short, &cancel)
        .await
        .unwrap_err();
    assert_eq!(error, busy());

    let refused = EngineError::Refused {
        reason: "no".into(),
    };
    let engine = retrying(vec![(vec![], Some(refused.clone())), (vec!["late"], None)]);
    assert_eq!(chat(&engine, &ask("q")).await, Err(refused));
    assert_eq!(engine.inner.left(), 1);
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_a_wait() {
    let engine = retrying(vec![(vec![], Some(busy())), (vec!["late"], None)]);
    let cancel = CancellationToken::new();
    let request = ask("q");
    let mut sink = crate::discard();
    let call = engine.chat(&request, &mut sink, LONG, &cancel);
    let (reply, ()) = tokio::join!(call, async { cancel.cancel() });
    assert_eq!(reply.unwrap().finish, Finish::Cancelled);
    assert_eq!(engine.inner.left(), 1);
}
