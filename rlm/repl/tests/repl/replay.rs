//! The same blocks with the same answers give the same bytes: in another session, from the journal,
//! and after a snapshot was restored in another process.

use crate::world::{Echo, config, prints, run, runtime, session};
use repl::{BlockOutcome, Host, JournalEntry, Replay, Session};
use std::process::Command;
use std::time::Duration;

const JOB: &[&str] = &[
    r#"import time, uuid, os, secrets
print(random.random(), time.time(), uuid.uuid4(), os.urandom(4).hex())"#,
    r#"t = time.time()
time.sleep(3600)
print(time.time() - t > 3599, datetime.datetime.now(), hash('x'))"#,
    "rs = llm_query_batched([f'part {i}' for i in range(3)])\nprint(rs, {'b', 'a', 'c'})",
    "found = [llm_query(r) for r in rs]\n1 / 0",
    // Passes a limit, so that it is undone.
    "found = llm_query('deep')\ndef f(n): return f(n + 1)\nf(random.random())",
    "print(id(found) % 16, found)\nFINAL(found[-1])",
];

fn bare(mut outcome: BlockOutcome) -> BlockOutcome {
    outcome.guest_time = Duration::ZERO;
    outcome
}

async fn play(session: &mut Session, host: &dyn Host) -> Vec<BlockOutcome> {
    let mut outcomes = Vec::new();
    for code in JOB {
        outcomes.push(bare(session.run(code, host).await.unwrap()));
    }
    outcomes
}

#[tokio::test]
async fn a_job_run_again_from_its_journal_gives_the_same_bytes() {
    let mut first = session("some context").await;
    let seen = play(&mut first, &Echo::default()).await;
    let journal: Vec<JournalEntry> = seen.iter().flat_map(|o| o.journal.clone()).collect();
    assert_eq!(journal.len(), 5);
    let undone = seen.iter().filter_map(|o| o.error.as_ref());
    let undone: Vec<bool> = undone.map(|error| error.rolled_back).collect();
    assert_eq!(undone, [false, true]);
    let mut second = session("some context").await;
    let replay = Replay::new(journal);
    assert_eq!(play(&mut second, &replay).await, seen);
    assert_eq!((replay.diverged(), replay.left()), (None, 0));
    assert_eq!(
        first.snapshot().await.unwrap(),
        second.snapshot().await.unwrap()
    );
}

#[tokio::test]
async fn another_seed_gives_other_random_numbers() {
    let mut other = config("some context");
    other.seed = 8;
    let mut s = runtime().session(other).await.unwrap();
    let mut same = session("some context").await;
    let code = "print(random.random())";
    assert_ne!(prints(&mut s, code).await, prints(&mut same, code).await);
}

#[tokio::test]
async fn a_replay_that_leaves_its_journal_says_so() {
    let mut s = session("").await;
    let journal = run(&mut s, "llm_query('a')").await.journal;
    let replay = Replay::new(journal.clone());
    let outcome = s.run("llm_query('b')", &replay).await.unwrap();
    assert!(outcome.error.is_some());
    assert!(replay.diverged().unwrap().contains("something else"));
    let replay = Replay::new(journal);
    s.run("llm_query('a')\nllm_query('a')", &replay)
        .await
        .unwrap();
    assert!(replay.diverged().unwrap().contains("used up"));
}

#[tokio::test]
async fn a_block_goes_on_live_where_its_records_end() {
    let mut s = session("").await;
    let journal = run(&mut s, "llm_query('a')").await.journal;
    let live = Echo::default();
    let replay = Replay::new(journal).then(&live);
    let outcome = s
        .run("print(llm_query('a'), llm_query('bb'))", &replay)
        .await
        .unwrap();
    assert_eq!(outcome.stdout, "echo:1:a echo:2:bb\n");
    assert_eq!((live.sizes(), outcome.journal.len()), (vec![1], 2));
}

const ROLE: &str = "RLM_REPL_TEST_SNAPSHOT";
const STATE: &str = "import re\ndef gen():\n    yield 1\n    yield 2\ng = gen()\nnext(g)\n\
    class K:\n    def __init__(self): self.z = [1]\nk = K()\np = re.compile('a+')\n\
    big = {i: str(i) for i in range(20000)}";
const GO_ON: &str = "k.z.append(2)\nprint(next(g), k.z, p.findall('aab'), len(big), big[19999], \
    random.random(), context, llm_query('after'))";

/// One test in two roles: the child, which the environment names, restores what the parent wrote.
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the child process learns its role from the environment"
)]
async fn a_snapshot_restores_in_another_process() {
    if let Ok(path) = std::env::var(ROLE) {
        let snapshot = std::fs::read(&path).unwrap();
        let mut s = runtime()
            .restore(&snapshot, config("some context"))
            .await
            .unwrap();
        let printed = prints(&mut s, GO_ON).await;
        std::fs::write(format!("{path}.out"), printed).unwrap();
        assert!(s.snapshot().await.unwrap().len() > 100_000);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot");
    let mut s = session("some context").await;
    prints(&mut s, STATE).await;
    std::fs::write(&path, s.snapshot().await.unwrap()).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "replay::a_snapshot_restores_in_another_process"])
        .env(ROLE, &path)
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
    let there = std::fs::read_to_string(folder.path().join("snapshot.out")).unwrap();
    assert_eq!(there, prints(&mut s, GO_ON).await);
    assert!(there.starts_with("2 [1, 2] ['aa'] 20000 19999 "), "{there}");
}

#[tokio::test]
async fn damaged_snapshots_are_refused() {
    let mut s = session("").await;
    let good = s.snapshot().await.unwrap();
    for at in [0, 5, 20, 60, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(
            runtime().restore(&bad, config("")).await.is_err(),
            "byte {at}"
        );
    }
    for len in [0, 3, 100, good.len() - 1] {
        assert!(
            runtime().restore(&good[..len], config("")).await.is_err(),
            "length {len}"
        );
    }
    assert!(runtime().restore(&good, config("")).await.is_ok());
}
