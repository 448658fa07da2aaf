//! The caches as callers see them: what is kept, what is not, and what survives the process.

use super::fake::*;
use crate::{Batch, CallSource, DiskOptions, DispatchOptions, Dispatcher, JobHandle, JobOptions};
use base::JobId;
use std::path::Path;

fn on_disk(dir: &Path) -> DispatchOptions {
    let disk = DiskOptions {
        dir: dir.to_owned(),
        most_bytes: 1 << 20,
    };
    DispatchOptions {
        disk: Some(disk),
        ..options()
    }
}

async fn sources(dispatcher: &Dispatcher, job: &JobHandle, batch: Batch) -> Vec<CallSource> {
    let outcomes = dispatcher.ask_batch(job, batch).await;
    outcomes
        .iter()
        .map(|outcome| outcome.as_ref().unwrap().record.source)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_answered_from_memory() {
    let (dispatcher, fake) = dispatcher(8, &options()).await;
    let job = job(&dispatcher, 1).await;
    let first = dispatcher.ask_batch(&job, batch(["a", "long b"])).await;
    let again = dispatcher
        .ask_batch(&job, batch(["long b", "c", "a"]))
        .await;
    assert_eq!(texts(&again), ["re: long b", "re: c", "re: a"]);
    let hit = again[2].as_ref().unwrap();
    assert_eq!(
        (hit.record.source, hit.record.tries),
        (CallSource::Memory, 0)
    );
    assert_eq!(hit.reply, first[0].as_ref().unwrap().reply);
    assert_eq!(fake.asked(), 3);
    let total = job.account().await.total;
    assert_eq!(
        (total.calls, total.cache_hits(), total.usage.prompt_tokens),
        (5, 2, 30)
    );
    assert_eq!(job.progress().borrow().done, 5);
}

#[tokio::test(start_paused = true)]
async fn only_complete_and_repeatable_replies_are_kept() {
    let (dispatcher, fake) = dispatcher(8, &options()).await;
    let job = job(&dispatcher, 1).await;
    let mut random = batch(["drawn", "drawn"]);
    random
        .calls
        .iter_mut()
        .for_each(|call| call.request.sampling.temperature = 0.7);
    let mut seeded = random.clone();
    seeded
        .calls
        .iter_mut()
        .for_each(|call| call.request.sampling.seed = 9);
    for _ in 0..2 {
        assert_eq!(
            sources(&dispatcher, &job, random.clone()).await,
            [CallSource::Engine; 2]
        );
    }
    assert_eq!(fake.asked(), 4, "each asker of a random reply gets its own");
    let [asked, joined] = [CallSource::Engine, CallSource::Coalesced];
    assert_eq!(
        sources(&dispatcher, &job, seeded.clone()).await,
        [asked, joined]
    );
    assert_eq!(
        sources(&dispatcher, &job, seeded).await,
        [CallSource::Memory; 2]
    );
    for _ in 0..2 {
        assert!(dispatcher.ask_batch(&job, batch(["fail"])).await[0].is_err());
    }
    assert_eq!(fake.asked(), 4 + 1 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_without_cache_neither_reads_nor_writes_it() {
    let (dispatcher, fake) = dispatcher(8, &options()).await;
    let cached = job(&dispatcher, 1).await;
    let without = JobOptions {
        max_concurrent: 9,
        cache: false,
    };
    let without = dispatcher.job(JobId(2), without).await;
    dispatcher.ask_batch(&cached, batch(["a"])).await;
    dispatcher.ask_batch(&without, batch(["a", "b"])).await;
    dispatcher.ask_batch(&cached, batch(["a", "b"])).await;
    assert_eq!(fake.asked(), 1 + 2 + 1);
}

#[tokio::test(start_paused = true)]
async fn replies_survive_the_process_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = dispatcher(8, &on_disk(dir.path())).await;
    let asker = job(&first, 1).await;
    first.ask_batch(&asker, batch(["a", "b"])).await;
    first.close().await;
    let (second, fake) = dispatcher(8, &on_disk(dir.path())).await;
    let asker = job(&second, 1).await;
    let found = sources(&second, &asker, batch(["a", "c", "b"])).await;
    assert_eq!(
        found,
        [CallSource::Disk, CallSource::Engine, CallSource::Disk]
    );
    assert_eq!(
        sources(&second, &asker, batch(["a"])).await,
        [CallSource::Memory]
    );
    assert_eq!(fake.asked(), 1);
    assert_eq!(asker.account().await.total.disk_hits, 2);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_dropped_counted_and_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = dispatcher(8, &on_disk(dir.path())).await;
    let asker = job(&first, 1).await;
    first.ask_batch(&asker, batch(["a"])).await;
    first.close().await;
    let folder = std::fs::read_dir(dir.path().join("v1"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let file = std::fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let (second, fake) = dispatcher(8, &on_disk(dir.path())).await;
    let asker = job(&second, 1).await;
    assert_eq!(
        sources(&second, &asker, batch(["a"])).await,
        [CallSource::Engine]
    );
    assert_eq!((fake.asked(), second.stats().await.disk_damaged), (1, 1));
    second.close().await;
    assert_eq!(std::fs::read(&file).unwrap(), bytes, "written anew");
}

#[test]
fn a_cache_folder_that_cannot_be_used_is_told_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let error = Dispatcher::start(&on_disk(&file))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("cannot be used"), "{error}");
}
