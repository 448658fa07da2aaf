use super::*;

#[tokio::test]
async fn work_runs_on_another_thread_only_where_there_are_threads() {
    let here = std::thread::current().id();
    let there = apart(Writer::Thread, || std::thread::current().id()).await;
    assert!(there.is_ok_and(|there| there != here));
    let inline = apart(Writer::Task, || std::thread::current().id()).await;
    assert_eq!(inline, Ok(here));
}

#[tokio::test]
async fn work_that_panics_is_told() {
    let work = apart(Writer::Thread, || -> () { panic!("the work fails") });
    assert_eq!(work.await, Err(Unanswered));
}
