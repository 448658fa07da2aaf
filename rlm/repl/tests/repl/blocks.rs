//! One block after another: state, echo, answers, errors.

use crate::world::{prints, run, session};

#[tokio::test]
async fn state_lives_from_block_to_block_also_after_an_error() {
    let mut s = session("hello context").await;
    assert_eq!(
        prints(&mut s, "x = 2\nprint(x, context, query)").await,
        "2 hello context What is it?\n"
    );
    let failed = run(&mut s, "y = 5\nz = 1 / 0\nw = 1").await;
    let error = failed.error.unwrap();
    assert_eq!(
        (error.kind.as_str(), error.line),
        ("ZeroDivisionError", Some(2))
    );
    assert_eq!(error.source_line.as_deref(), Some("z = 1 / 0"));
    assert!(!error.rolled_back);
    assert!(
        error.traceback.contains("line 2, in <module>"),
        "{}",
        error.traceback
    );
    assert_eq!(run(&mut s, "x + y").await.value.as_deref(), Some("7"));
}

#[tokio::test]
async fn model_calls_reach_the_host() {
    let mut s = session("abc").await;
    let done = run(
        &mut s,
        "r = llm_query('q1')\nrs = llm_query_batched(['a', 'fail'])\nFINAL(r)",
    )
    .await;
    assert_eq!(done.error, None);
    assert_eq!(done.answer.as_deref(), Some("echo:2:q1"));
    assert_eq!((done.host_calls, done.journal.len()), (3, 2));
    assert_eq!(
        prints(&mut s, "print(rs, rs[1].error)").await,
        "['echo:1:a', '[error: llm backend down]'] llm backend down\n"
    );
}
