//! What a block cannot do: reach out, run for ever, fill memory, recurse or ask models without end.
//! After each of them the next block works and finds the state from before it.

use crate::world::{config, prints, run, runtime, session};
use repl::{BlockError, GuestStyle, ReplLimits, Session};
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

/// Runs a block that passes a limit, after a line that changes `kept` and one that makes `mine`.
/// Both are undone.
async fn check_undone(s: &mut Session, code: &str) -> BlockError {
    prints(s, "kept = ['kept']").await;
    let outcome = run(s, &format!("kept.append(1)\nmine = 1\n{code}")).await;
    let error = outcome
        .error
        .unwrap_or_else(|| panic!("{code} was not stopped"));
    assert!(error.rolled_back, "{code}: {}", error.text);
    let told = error.text.lines().next_back().unwrap();
    assert!(told.contains("The block was rolled back"), "{code}: {told}");
    assert_eq!((outcome.answer, outcome.variables.len()), (None, 0));
    assert_eq!(
        prints(s, "print(kept, 'mine' in globals())").await,
        "['kept'] False\n",
        "{code}"
    );
    error
}

async fn check_stopped(s: &mut Session, code: &str, kind: &str) -> BlockError {
    let error = check_undone(s, code).await;
    assert_eq!(error.kind, kind, "{code}: {}", error.message);
    error
}

#[tokio::test]
async fn endless_work_is_stopped_in_python_and_in_c_code() {
    let mut s = runtime().session(quick()).await.unwrap();
    for code in [
        "while True: pass",
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
    for code in [
        "'x' * (1 << 30)",
        "x = []\nwhile True: x.append('y' * 100000)",
    ] {
        check_stopped(&mut s, code, "MemoryError").await;
    }
    let error = check_stopped(&mut s, "bytearray(1 << 30)", "MemoryError").await;
    assert_eq!(error.line, Some(3));
    assert_eq!(error.source_line.as_deref(), Some("bytearray(1 << 30)"));
    let frame = "line 3, in <module>";
    assert!(error.traceback.contains(frame), "{}", error.traceback);
    // C code that cannot go on without memory ends the whole guest. So does this.
    let code = "try: bytearray(1 << 30)\nexcept MemoryError: pass\nimport os\nos._exit(1)";
    let error = check_stopped(&mut s, code, "MemoryLimit").await;
    assert!(error.message.contains("96 MiB"), "{}", error.message);
    check_stopped(&mut s, "import os\nos._exit(1)", "Crash").await;
}

#[tokio::test]
async fn recursion_ends_and_the_next_block_works() {
    let mut s = session("abc").await;
    let code = "def f(n): return f(n + 1)\nf(0)";
    let error = check_stopped(&mut s, code, "RecursionError").await;
    assert_eq!(error.line, Some(3));
    let source = error.source_line.as_deref();
    assert_eq!(source, Some("def f(n): return f(n + 1)"));
    let frame = "line 4, in <module>";
    assert!(error.traceback.contains(frame), "{}", error.traceback);
    for code in [
        "x = []\nfor _ in range(100000): x = [x]\nrepr(x)",
        "import sys\nsys.setrecursionlimit(10**7)\ndef f(n): return f(n + 1)\nf(0)",
        "import json\njson.loads('[' * 100000)",
    ] {
        check_undone(&mut s, code).await;
    }
    // Python does not count this recursion: the stack of the guest itself ends.
    let code = "import itertools\nit = iter(())\n\
        for _ in range(200000): it = itertools.chain(it)\nnext(it)";
    check_stopped(&mut s, code, "StackLimit").await;
    let outcome = run(&mut s, "eval('(' * 5000 + ')' * 5000)").await;
    assert!(outcome.error.is_some());
    assert_eq!(prints(&mut s, "print(kept)").await, "['kept']\n");
}

#[tokio::test]
async fn a_block_that_catches_the_error_of_a_limit_goes_on() {
    let mut config = quick();
    config.limits.host_calls = 1;
    config.style = GuestStyle::Small;
    let mut s = runtime().session(config).await.unwrap();
    let caught = "told = []\ndef f(n): return f(n + 1)\n\
        works = [lambda: f(0), lambda: bytearray(1 << 30), lambda: llm_query_batched(['a', 'b'])]\n\
        for work in works:\n \
        try: work()\n except Exception as error: told.append(type(error).__name__)\n\
        print(told)";
    let names = "['RecursionError', 'MemoryError', 'RuntimeError']\n";
    assert_eq!(prints(&mut s, caught).await, names);
    assert_eq!(prints(&mut s, "print(told)").await, names);
    // What fails after it is an error like any other, and so is a call that a model did not answer.
    let own = "made = 1\ntry: llm_query_batched(['a', 'b'])\n\
        except RuntimeError: raise RuntimeError('own') from None";
    for (code, made) in [(own, "1"), ("made = 2\nllm_query('fail')", "2")] {
        let error = run(&mut s, code).await.error.unwrap();
        assert_eq!(
            (error.kind.as_str(), error.rolled_back),
            ("RuntimeError", false)
        );
        assert_eq!(run(&mut s, "made").await.value.as_deref(), Some(made));
    }
    // Of several errors in one group it is enough that one passed a limit.
    let group = "made = 3\nraise ExceptionGroup('both', [ValueError('v'), RecursionError('r')])";
    let error = run(&mut s, group).await.error.unwrap();
    assert!(error.rolled_back && error.text.ends_with("\nThe block was undone."));
    assert_eq!(run(&mut s, "made").await.value.as_deref(), Some("2"));
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
    let code = "print('asking')\nfor i in range(9): llm_query(str(i))";
    let error = check_stopped(&mut s, code, "RuntimeError").await;
    assert_eq!(error.line, Some(4));
    let source = error.source_line.as_deref();
    assert_eq!(source, Some("for i in range(9): llm_query(str(i))"));
    // What was asked and printed stays known.
    let outcome = run(&mut s, code).await;
    assert_eq!((outcome.host_calls, outcome.journal.len()), (3, 3));
    assert_eq!(outcome.stdout, "asking\n");
    for code in [
        "llm_query_batched(['a'] * 4)",
        "import asyncio\nawait asyncio.gather(*[allm_query('a') for _ in range(4)])",
    ] {
        let error = check_stopped(&mut s, code, "RuntimeError").await;
        assert!(error.message.contains("4 model calls"), "{}", error.message);
    }
    assert_eq!(run(&mut s, "llm_query('a')").await.error, None);
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
