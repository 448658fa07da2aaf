//! Batches: order, fan-out, faults, bounds, fairness, patience and cancellation. Time is virtual.

use super::fake::*;
use crate::{CallError, CallSource, DispatchOptions, Dispatcher, JobOptions, ModelEntry};
use base::{CallPath, JobId};
use engine::EngineError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_batch_fans_out_over_all_slots_and_keeps_its_order() {
    let (dispatcher, fake) = dispatcher(1000, &options()).await;
    let job = job(&dispatcher, 1).await;
    let start = Instant::now();
    let outcomes = dispatcher.ask_batch(&job, batch(numbered(1000))).await;
    assert_eq!(start.elapsed(), LATENCY, "all at once");
    let expected: Vec<String> = numbered(1000).iter().map(|text| said(text).text).collect();
    assert_eq!(texts(&outcomes), expected);
    assert_eq!(fake.most_running.load(Ordering::SeqCst), 1000);
    let last = &outcomes[999].as_ref().unwrap().record;
    assert_eq!(last.path, CallPath(vec![999]));
    assert_eq!((last.source, last.tries), (CallSource::Engine, 1));
    assert_eq!(
        (last.queue_ms, last.prefill_ms, last.decode_ms),
        (1.0, 20.0, 30.0)
    );
}

#[tokio::test(start_paused = true)]
async fn slots_and_the_jobs_own_cap_bound_what_runs() {
    for (slots, cap, most) in [(16, 10_000, 16), (16, 4, 4)] {
        let (dispatcher, fake) = dispatcher(slots, &options()).await;
        let options = JobOptions {
            max_concurrent: cap,
            cache: true,
        };
        let job = dispatcher.job(JobId(1), options).await;
        let start = Instant::now();
        let outcomes = dispatcher.ask_batch(&job, batch(numbered(64))).await;
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(fake.most_running.load(Ordering::SeqCst), most);
        assert_eq!(
            start.elapsed(),
            LATENCY * (64 / u32::try_from(most).unwrap())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn slots_come_from_the_engines_facts_when_they_are_not_given() {
    let dispatcher = Dispatcher::start(&options()).unwrap();
    let fake = Arc::new(Fake::default());
    let entry = ModelEntry {
        engine: fake.clone(),
        identity: "m".into(),
        slots: None,
    };
    dispatcher.add_model("m", entry).await.unwrap();
    assert_eq!(dispatcher.models(), ["m"]);
    let job = job(&dispatcher, 1).await;
    dispatcher.ask_batch(&job, batch(numbered(20))).await;
    assert_eq!(fake.most_running.load(Ordering::SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_stands_in_its_place_and_costs_no_other() {
    let (dispatcher, _) = dispatcher(8, &options()).await;
    let job = job(&dispatcher, 1).await;
    let mut asked = batch(["a", "fail", "panic", "die", "cut", "b"]);
    asked.calls[5].model = "n".into();
    asked.calls.push(asked.calls[0].clone());
    let outcomes = dispatcher.ask_batch(&job, asked).await;
    assert_eq!(
        texts(&outcomes),
        [
            "re: a",
            "the request was refused: test",
            "the engine died while it worked on the call: the engine's code panicked",
            "the engine died while it worked on the call: test",
            "the engine died while it worked on the call: it stopped before the reply was complete",
            "there is no model `n`; use one of: m",
            "re: a",
        ]
    );
    assert_eq!(
        outcomes[3].as_ref().unwrap_err().record.tries,
        2,
        "a death is tried again once"
    );
    assert_eq!(
        outcomes[1].as_ref().unwrap_err().record.tries,
        1,
        "a refusal is not"
    );
}

#[tokio::test(start_paused = true)]
async fn two_calls_that_kill_cost_two_processes_each_and_no_other_call() {
    // One slot: whoever comes last would meet an engine that has given up.
    let (dispatcher, fake) = dispatcher(1, &options()).await;
    let job = job(&dispatcher, 1).await;
    let asked = batch(["a", "kill 1", "b", "kill 2", "c", "d"]);
    let outcomes = dispatcher.ask_batch(&job, asked).await;
    let died = "the engine died while it worked on the call: test";
    assert_eq!(
        texts(&outcomes),
        ["re: a", died, "re: b", died, "re: c", "re: d"]
    );
    assert_eq!(fake.deaths.load(Ordering::SeqCst), MOST_DEATHS);
    assert_eq!(fake.asked(), 6, "the engine asked again by itself");
    assert_eq!(job.account().await.total.retries, 0);
}

#[tokio::test(start_paused = true)]
async fn faults_that_pass_are_ridden_over() {
    for (text, least) in [("flaky", 50), ("busy", 5000)] {
        let (dispatcher, fake) = dispatcher(1, &options()).await;
        let job = job(&dispatcher, 1).await;
        let start = Instant::now();
        let outcomes = dispatcher.ask_batch(&job, batch([text])).await;
        assert_eq!(texts(&outcomes), [said(text).text]);
        assert_eq!(
            (outcomes[0].as_ref().unwrap().record.tries, fake.asked()),
            (2, 2)
        );
        let rest = start.elapsed() - 2 * LATENCY;
        assert!(rest >= Duration::from_millis(least), "{rest:?}");
        assert_eq!(job.account().await.total.retries, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_ends_with_the_deadline_and_what_it_wrote() {
    let (dispatcher, fake) = dispatcher(2, &options()).await;
    let job = job(&dispatcher, 1).await;
    let outcomes = dispatcher.ask_batch(&job, batch(["hang", "slow"])).await;
    let deadline = |partial: &str| {
        CallError::Engine(EngineError::Deadline {
            partial: partial.to_owned(),
        })
    };
    assert_eq!(outcomes[0].as_ref().unwrap_err().error, deadline("beg"));
    assert_eq!(outcomes[1].as_ref().unwrap_err().error, deadline("par"));
    assert_eq!(fake.running.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_slot_does_not_use_up_a_calls_deadline() {
    let (dispatcher, _) = dispatcher(1, &options()).await;
    let job = job(&dispatcher, 1).await;
    let mut asked = batch(numbered(100));
    asked.call_deadline = LATENCY + Duration::from_millis(1);
    let outcomes = dispatcher.ask_batch(&job, asked).await;
    assert!(outcomes.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn when_patience_ends_what_is_done_is_kept() {
    let (dispatcher, _) = dispatcher(1, &options()).await;
    let job = job(&dispatcher, 1).await;
    let mut asked = batch(["a", "b", "c"]);
    asked.patience = Some(LATENCY + LATENCY / 2);
    let outcomes = dispatcher.ask_batch(&job, asked).await;
    assert_eq!(
        texts(&outcomes),
        [
            "re: a",
            "no reply within the deadline",
            "no reply in time: the call still waited for a free slot",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn cancelling_reaches_the_engine_and_keeps_what_is_done() {
    let (dispatcher, fake) = dispatcher(2, &options()).await;
    let job = job(&dispatcher, 1).await;
    let asked = batch(["a", "slow", "slow 2", "b"]);
    let cancel = asked.cancel.clone();
    let mut progress = job.progress();
    let cancels = async {
        progress
            .wait_for(|progress| progress.done == 1)
            .await
            .unwrap();
        cancel.cancel();
    };
    let (outcomes, ()) = tokio::join!(dispatcher.ask_batch(&job, asked), cancels);
    let cancelled = "the call was cancelled";
    assert_eq!(texts(&outcomes), ["re: a", cancelled, cancelled, cancelled]);
    until(async || dispatcher.stats().await.running == 0).await;
    assert_eq!(
        fake.cancelled.load(Ordering::SeqCst),
        2,
        "the engine was told"
    );
    assert_eq!(dispatcher.stats().await.stopped, 2);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_batch_cancels_its_calls() {
    let (dispatcher, fake) = dispatcher(2, &options()).await;
    let job = job(&dispatcher, 1).await;
    let mut progress = job.progress();
    tokio::select! {
        outcomes = dispatcher.ask_batch(&job, batch(["slow 1", "slow 2", "slow 3"])) => {
            panic!("{outcomes:?}");
        }
        running = progress.wait_for(|progress| progress.running == 2) => drop(running),
    }
    until(async || dispatcher.stats().await.open == 0).await;
    until(async || fake.running.load(Ordering::SeqCst) == 0).await;
    assert_eq!(
        (fake.asked(), fake.cancelled.load(Ordering::SeqCst)),
        (2, 2)
    );
    let outcomes = dispatcher.ask_batch(&job, batch(["a"])).await;
    assert_eq!(texts(&outcomes), ["re: a"], "the slots are free again");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_of_a_job_ends_it() {
    let (dispatcher, fake) = dispatcher(2, &options()).await;
    let (first, second) = (job(&dispatcher, 1).await, job(&dispatcher, 1).await);
    let outcomes = dispatcher.ask_batch(&first, batch(["a"])).await;
    assert_eq!(texts(&outcomes), ["re: a"]);
    assert_eq!(
        second.account().await.total.calls,
        1,
        "handles share the account"
    );
    drop(first);
    let outcomes = dispatcher.ask_batch(&second, batch(["b"])).await;
    assert_eq!(texts(&outcomes), ["re: b"]);
    drop(second);
    let again = job(&dispatcher, 1).await;
    until(async || again.account().await.total.calls == 0).await;
    assert_eq!(fake.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_same_question_in_flight_is_asked_once() {
    let (dispatcher, fake) = dispatcher(8, &options()).await;
    let (first, second) = (job(&dispatcher, 1).await, job(&dispatcher, 2).await);
    let asked = batch(["same", "same", "own"]);
    let cancel = asked.cancel.clone();
    let mut progress = second.progress();
    let cancels = async {
        progress
            .wait_for(|progress| progress.asked == 2)
            .await
            .unwrap();
        cancel.cancel();
    };
    let (lost, kept, ()) = tokio::join!(
        dispatcher.ask_batch(&first, asked),
        dispatcher.ask_batch(&second, batch(["same", "same"])),
        cancels,
    );
    assert!(lost.iter().all(Result::is_err), "its asker cancelled");
    assert_eq!(
        texts(&kept),
        ["re: same", "re: same"],
        "the first asker's end is not theirs"
    );
    assert_eq!(fake.asked(), 2);
    let total = second.account().await.total;
    assert_eq!(
        (total.calls, total.coalesced, total.usage.prompt_tokens),
        (2, 1, 10)
    );
}

#[tokio::test(start_paused = true)]
async fn a_small_batch_does_not_wait_for_a_large_one() {
    let (dispatcher, _) = dispatcher(4, &options()).await;
    let (large, small) = (job(&dispatcher, 1).await, job(&dispatcher, 2).await);
    let mut progress = large.progress();
    let start = Instant::now();
    let second = async {
        progress
            .wait_for(|progress| progress.running == 4)
            .await
            .unwrap();
        let outcomes = dispatcher.ask_batch(&small, batch(["a", "b"])).await;
        (outcomes, start.elapsed())
    };
    let (all, (few, took)) =
        tokio::join!(dispatcher.ask_batch(&large, batch(numbered(100))), second);
    assert!(all.iter().chain(&few).all(Result::is_ok));
    assert_eq!(took, 2 * LATENCY, "the next free slots were theirs");
}

#[tokio::test(start_paused = true)]
async fn a_batch_larger_than_the_bounds_is_fed_in() {
    let options = DispatchOptions {
        waiting_per_job: 8,
        waiting_in_all: 12,
        ..options()
    };
    let (dispatcher, fake) = dispatcher(1000, &options).await;
    let (first, second) = (job(&dispatcher, 1).await, job(&dispatcher, 2).await);
    let (a, b) = tokio::join!(
        dispatcher.ask_batch(&first, batch(numbered(100))),
        dispatcher.ask_batch(&second, batch((0..100).map(|i| format!("other {i}")))),
    );
    assert!(a.iter().chain(&b).all(Result::is_ok));
    assert_eq!(fake.asked(), 200);
    let most = fake.most_running.load(Ordering::SeqCst);
    assert!(most <= 12, "{most} were let in");
}

#[tokio::test(start_paused = true)]
async fn the_account_sums_by_place_and_the_watch_follows() {
    let (dispatcher, _) = dispatcher(8, &options()).await;
    let job = job(&dispatcher, 1).await;
    dispatcher.ask_batch(&job, batch(["a", "b", "fail"])).await;
    let mut child = batch(["c"]);
    (child.parent, child.first) = (CallPath(vec![1]), 4);
    let outcomes = dispatcher.ask_batch(&job, child).await;
    assert_eq!(
        outcomes[0].as_ref().unwrap().record.path,
        CallPath(vec![1, 4])
    );
    let account = job.account().await;
    let sums = |path: &[u32]| account.by_path[&CallPath(path.to_vec())];
    assert_eq!(
        (sums(&[]).calls, sums(&[]).failed, sums(&[1]).calls),
        (3, 1, 1)
    );
    assert_eq!(
        (account.total.calls, account.total.usage.completion_tokens),
        (4, 9)
    );
    assert_eq!(
        (account.total.prefill_ms, account.total.decode_ms),
        (60.0, 90.0)
    );
    let progress = *job.progress().borrow();
    assert_eq!(
        (
            progress.asked,
            progress.done,
            progress.running,
            progress.waiting
        ),
        (4, 4, 0, 0)
    );
    assert_eq!(progress.sums, account.total);
}

#[tokio::test(start_paused = true)]
async fn after_the_end_calls_say_so() {
    let (dispatcher, _) = dispatcher(1, &options()).await;
    let job = job(&dispatcher, 1).await;
    let closing = dispatcher.clone();
    let mut progress = job.progress();
    let ends = async {
        progress
            .wait_for(|progress| progress.running == 1)
            .await
            .unwrap();
        closing.close().await;
    };
    let (outcomes, ()) = tokio::join!(dispatcher.ask_batch(&job, batch(["slow"])), ends);
    assert_eq!(outcomes[0].as_ref().unwrap_err().error, CallError::Stopped);
    let late = dispatcher.ask_batch(&job, batch(["a"])).await;
    assert_eq!(late[0].as_ref().unwrap_err().error, CallError::Stopped);
    assert!(
        dispatcher
            .ask_batch(&job, batch::<&str>([]))
            .await
            .is_empty()
    );
}
