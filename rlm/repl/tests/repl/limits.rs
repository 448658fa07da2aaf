//! What a block cannot do: reach out, run for ever, fill memory, recurse without end. After each of
//! them the next block works and finds the state that it should.

use crate::world::{Echo, config, prints, run, runtime, session};
use repl::{ReplLimits, Session};
use std::time::Duration;

#[tokio::test]
async fn files_sockets_and_processes_are_denied() {
    let mut s = session("abc").await;
    for code in [
        "open('/etc/passwd')",
        "open('x', 'w')",
        "import os\nos.listdir('/')",
        "import os\nos.mkdir('/x')",
        "import pathlib\npathlib.Path('/etc/passwd').read_text()",
        "import socket\nsocket.create_connection(('127.0.0.1', 80), timeout=1)",
        "import subprocess\nsubprocess.run(['ls'])",
        "import os\nos.system('ls') == 0 or 1 / 0",
        "import os\nos.fork()",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1/')",
        "import ctypes",
        "import tempfile\ntempfile.mkdtemp()",
    ] {
        let outcome = run(&mut s, code).await;
        assert!(
            outcome.error.is_some(),
            "{code} was not denied: {:?}",
            outcome.value
        );
    }
    assert_eq!(
        prints(&mut s, "import os\nprint(dict(os.environ))").await,
        "{}\n"
    );
    // The state after all these attempts restores: none of them left a handle behind.
    let snapshot = s.snapshot().await.unwrap();
    let mut restored = runtime().restore(&snapshot, config("abc")).await.unwrap();
    assert_eq!(prints(&mut restored, "print(1)").await, "1\n");
    let again = run(&mut restored, "open('/etc/passwd')").await;
    assert!(!again.error.unwrap().rolled_back);
}

fn quick() -> repl::SessionConfig {
    let mut config = config("abc");
    config.limits = ReplLimits {
        block_time: Duration::from_millis(300),
        memory_bytes: 96 << 20,
        ..ReplLimits::default()
    };
    config
}

async fn check_stopped(s: &mut Session, code: &str, kind: &str) {
    let outcome = run(s, code).await;
    let error = outcome
        .error
        .unwrap_or_else(|| panic!("{code} was not stopped"));
    assert_eq!(error.kind, kind, "{code}: {}", error.message);
    assert!(error.rolled_back);
    assert_eq!(prints(s, "print(kept)").await, "['kept']\n");
}

#[tokio::test]
async fn endless_work_is_stopped_in_python_and_in_c_code() {
    let mut s = runtime().session(quick()).await.unwrap();
    run(&mut s, "kept = ['kept']").await;
    for code in [
        "kept.append(1)\nwhile True: pass",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "sum(range(10**12))",
        "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
        "import itertools\nfor _ in itertools.repeat(1): pass",
        "while True: print('x' * 1000)",
        "while True: context.count('b')",
        "import time\nwhile True: time.sleep(1)",
        "import threading\nlock = threading.Lock()\nwhile True: lock.acquire(timeout=1)",
    ] {
        check_stopped(&mut s, code, "TimeLimit").await;
    }
}

#[tokio::test]
async fn a_block_can_be_stopped_from_outside() {
    let mut s = session("abc").await;
    run(&mut s, "kept = ['kept']").await;
    let stopper = s.stopper();
    let stopping = async {
        // The block may not have started at the first of these.
        loop {
            stopper.stop();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let outcome = tokio::select! {
        outcome = run(&mut s, "kept.append(1)\nwhile True: pass") => outcome,
        () = stopping => unreachable!("it stops until the block has ended"),
    };
    let error = outcome.error.unwrap();
    assert_eq!(
        (error.kind.as_str(), error.rolled_back),
        (repl::STOPPED, true)
    );
    assert!(outcome.guest_time < ReplLimits::default().block_time);
    // The next block is not stopped, and finds what was before.
    assert_eq!(prints(&mut s, "print(kept)").await, "['kept']\n");
}

#[tokio::test]
async fn what_was_printed_before_a_stop_is_told() {
    let mut s = runtime().session(quick()).await.unwrap();
    let code = "print('a' * 3000)\nllm_query('q')\nprint('b' * 5000)\nwhile True: pass";
    let outcome = run(&mut s, code).await;
    assert_eq!(outcome.error.unwrap().kind, "TimeLimit");
    assert!(outcome.stdout.starts_with("aaa") && outcome.stdout.contains("bbb"));
    assert_eq!(outcome.host_calls, 1);
}

#[tokio::test]
async fn memory_bombs_are_errors_that_the_session_survives() {
    let mut s = runtime().session(quick()).await.unwrap();
    run(&mut s, "kept = ['kept']").await;
    for code in [
        "'x' * (1 << 30)",
        "bytearray(1 << 30)",
        "x = []\nwhile True: x.append('y' * 100000)",
    ] {
        let outcome = run(&mut s, code).await;
        assert_eq!(outcome.error.unwrap().kind, "MemoryError", "{code}");
        run(&mut s, "x = None").await;
        assert_eq!(prints(&mut s, "print(kept)").await, "['kept']\n");
    }
}

#[tokio::test]
async fn recursion_ends_and_the_next_block_works() {
    let mut s = session("abc").await;
    run(&mut s, "kept = ['kept']").await;
    let outcome = run(&mut s, "def f(n): return f(n + 1)\nf(0)").await;
    assert_eq!(outcome.error.unwrap().kind, "RecursionError");
    for code in [
        "x = []\nfor _ in range(100000): x = [x]\nrepr(x)",
        "import sys\nsys.setrecursionlimit(10**7)\ndef f(n): return f(n + 1)\nf(0)",
        "import json\njson.loads('[' * 100000)",
        "eval('(' * 5000 + ')' * 5000)",
    ] {
        let outcome = run(&mut s, code).await;
        assert!(outcome.error.is_some(), "{code}");
        assert_eq!(prints(&mut s, "print(kept)").await, "['kept']\n", "{code}");
    }
}

#[tokio::test]
async fn the_recursion_limit_is_the_sessions_own() {
    let deep = "def f(n): return 0 if n == 0 else f(n - 1)\nf(400)";
    for (limit, raised) in [(1000, None), (200, Some("RecursionError"))] {
        let mut config = config("abc");
        config.limits.recursion = limit;
        let mut s = runtime().session(config).await.unwrap();
        let error = run(&mut s, deep).await.error;
        assert_eq!(error.as_ref().map(|e| e.kind.as_str()), raised, "{limit}");
    }
}

#[tokio::test]
async fn model_calls_beyond_the_limit_raise() {
    let mut config = config("abc");
    config.limits.host_calls = 3;
    let mut s = runtime().session(config).await.unwrap();
    let host = Echo::default();
    let outcome = s
        .run("for i in range(9): llm_query(str(i))", &host)
        .await
        .unwrap();
    assert_eq!(
        (outcome.error.unwrap().kind.as_str(), outcome.host_calls),
        ("RuntimeError", 3)
    );
    let outcome = s.run("llm_query_batched(['a'] * 4)", &host).await.unwrap();
    assert!(outcome.error.unwrap().message.contains("4 model calls"));
    assert_eq!(s.run("llm_query('a')", &host).await.unwrap().error, None);
}

#[tokio::test]
async fn a_dropped_block_leaves_the_state_from_before_it() {
    struct Never;
    #[async_trait::async_trait]
    impl repl::Host for Never {
        async fn ask(&self, _: Vec<repl::LmCall>) -> Vec<Result<String, String>> {
            std::future::pending().await
        }
    }
    let mut s = session("abc").await;
    run(&mut s, "x = 1").await;
    tokio::select! {
        biased;
        _ = s.run("x = 2\nllm_query('q')", &Never) => panic!("nobody answers"),
        () = async { for _ in 0..200 { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(prints(&mut s, "print(x)").await, "1\n");
}

#[tokio::test]
async fn too_little_memory_for_python_is_said_at_the_start() {
    let mut config = config("abc");
    config.limits.memory_bytes = 1 << 20;
    let error = runtime().session(config).await.err().unwrap();
    assert!(
        matches!(error, repl::SessionError::TooLittleMemory { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn waiting_takes_no_time_and_moves_the_clock() {
    let mut s = session("abc").await;
    let code = "import time, select, threading, queue\nt = time.monotonic()\ntime.sleep(86400)\n\
        select.select([], [], [], 3600)\nthreading.Event().wait(3600)\n\
        print(86400 + 3600 <= time.monotonic() - t < 86400 + 3 * 3600)\n\
        try: queue.Queue().get(timeout=9)\nexcept queue.Empty: print('empty')";
    assert_eq!(prints(&mut s, code).await, "True\nempty\n");
}
