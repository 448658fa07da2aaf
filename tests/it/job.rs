//! Whole jobs with a scripted model: the real program, REPL, trace and replay; only the words of
//! the model are the test's.

use crate::ctl::{Home, Run};
use crate::server::{Answer, Server};
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Read};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, Command};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A job that was cancelled ends within it; on a busy machine, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Text of the messages that the job added: what stands after the profile's own part.
pub(crate) fn said(messages: &[Value]) -> String {
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    messages.iter().map(text).collect::<Vec<_>>().join("\n")
}

pub(crate) fn is_root(messages: &[Value]) -> bool {
    messages
        .first()
        .is_some_and(|message| message["role"] == "system")
}

pub(crate) fn submit(home: &Home, server: &Server, more: &[&str], question: &str) -> Run {
    let output = submission(home, server, more, question).output();
    Run::of(output.expect("rlm-ctl starts"))
}

/// A job over some lines about lamps.
pub(crate) fn submission(home: &Home, server: &Server, more: &[&str], question: &str) -> Command {
    home.file(
        "notes.txt",
        "The red lamp stands in the hall.\nThe blue lamp is broken.\n".repeat(9),
    );
    let model = server.model();
    let mut args = vec![
        "submit",
        "--context",
        "notes.txt",
        "--model",
        &model,
        "-o",
        "json",
    ];
    args.extend_from_slice(more);
    args.push(question);
    home.command(&args)
}

/// The lines of a trace that a job wrote.
pub(crate) fn trace_lines(home: &Home, name: &str) -> Vec<Value> {
    let trace = std::fs::read_to_string(home.path(name)).expect("a trace");
    let read = |line| serde_json::from_str(line).expect("JSON");
    trace.lines().map(read).collect()
}

#[test]
fn a_job_runs_code_asks_sub_models_and_replays_to_the_byte() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let text = said(messages);
        Answer::Text(if !is_root(messages) {
            format!("reply to {}", text.len())
        } else if text.contains("first block says") {
            "Done.\n```repl\nFINAL(replies[2] + ' / ' + str(count))\n```".to_owned()
        } else {
            "Look.\n```repl\ncount = context.count('lamp')\n\
             replies = llm_query_batched([f'piece {i}' for i in range(5)])\n\
             print('first block says', len(replies), count)\n```\nand then I would"
                .to_owned()
        })
    });
    let run = submit(&home, &server, &["--trace", "job.jsonl"], "How many lamps?");
    run.expect(0, &[]);
    let report = run.json();
    assert_eq!(report["answer"], "reply to 7 / 18");
    assert_eq!(report["ending"], "answered");
    assert_eq!(report["tally"]["sub_calls"], 5);
    assert_eq!(
        server.chats.load(Ordering::SeqCst),
        7,
        "two root calls and five sub-calls"
    );

    home.run(&["trace", "show", "job.jsonl"]).expect(
        0,
        &[
            "first block says 5 18",
            "answer: reply to 7 / 18",
            "piece 3",
        ],
    );
    drop(server);
    home.run(&["trace", "replay", "job.jsonl"])
        .expect(0, &["2 root calls, 2 blocks", "same outcome"]);

    let trace = std::fs::read_to_string(home.path("job.jsonl")).expect("a trace");
    home.file("other.jsonl", trace.replace("'lamp')", "'hall')"));
    home.run(&["trace", "replay", "other.jsonl"])
        .expect(1, &["differs"]);
    home.file("notes.txt", "Another text.\n");
    home.run(&["trace", "replay", "job.jsonl"])
        .expect(1, &["not the one of the job"]);
}

#[test]
fn a_root_that_never_writes_code_is_nudged_then_stopped() {
    let home = Home::new();
    let server = Server::start(|_| Answer::Text("I would rather talk about it.".to_owned()));
    let run = submit(&home, &server, &["--max-errors", "2"], "How many lamps?");
    run.expect(7, &[]);
    let report = run.json();
    assert_eq!(report["ending"], "limit");
    assert!(
        server.chats.load(Ordering::SeqCst) >= 3,
        "two turns and the closing call"
    );
}

#[test]
fn a_batch_keeps_its_order_and_survives_failed_calls() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let text = said(messages);
        if is_root(messages) {
            let code = "r = llm_query_batched(['a', 'b', 'c'])\nFINAL(' | '.join(map(str, r)))";
            Answer::Text(format!("```repl\n{code}\n```"))
        } else if text == "b" {
            Answer::Status(400)
        } else {
            Answer::Text(format!("{text}!"))
        }
    });
    let run = submit(&home, &server, &[], "Which?");
    run.expect(0, &[]);
    let answer = run.json()["answer"].as_str().expect("an answer").to_owned();
    assert!(
        answer.starts_with("a! | ") && answer.ends_with(" | c!"),
        "{answer}"
    );
    assert_eq!(run.json()["tally"]["failed_sub_calls"], 1);
}

#[test]
fn every_sub_call_has_a_path_of_its_own() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let text = said(messages);
        Answer::Text(if !is_root(messages) {
            "yes".to_owned()
        } else if text.contains("first done") {
            "```repl\nllm_query('d')\nFINAL('end')\n```".to_owned()
        } else {
            "```repl\nllm_query_batched(['a', 'b'])\nllm_query('c')\nprint('first done')\n```"
                .to_owned()
        })
    });
    let run = submit(&home, &server, &["--trace", "job.jsonl"], "Which?");
    run.expect(0, &[]);
    let paths: Vec<(String, String)> = trace_lines(&home, "job.jsonl")
        .iter()
        .filter(|line| line["line"] == "sub_call")
        .map(|line| {
            let prompt = line["prompt_preview"].as_str().unwrap_or_default();
            (line["path"].to_string(), prompt.to_owned())
        })
        .collect();
    let expected = [("[0]", "a"), ("[1]", "b"), ("[2]", "c"), ("[3]", "d")];
    assert_eq!(paths, expected.map(|(at, said)| (at.into(), said.into())));
}

#[test]
fn a_child_has_a_session_and_a_context_of_its_own() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let text = said(messages);
        Answer::Text(if text.contains("Which lamp") {
            "```repl\na = rlm_query_batched(['one child', 'another child'])\n\
             FINAL(' and '.join(a))\n```"
                .to_owned()
        } else {
            "```repl\nFINAL('seen ' + str(context))\n```".to_owned()
        })
    });
    let more = ["--max-depth", "1", "--trace", "job.jsonl"];
    let run = submit(&home, &server, &more, "Which lamp?");
    run.expect(0, &[]);
    assert_eq!(
        run.json()["answer"],
        "seen one child and seen another child"
    );
    drop(server);
    home.run(&["trace", "replay", "job.jsonl"])
        .expect(0, &["3 root calls, 3 blocks in 3 levels", "same outcome"]);
    let trace = std::fs::read_to_string(home.path("job.jsonl")).expect("a trace");
    let changed = trace.replace(
        "FINAL('seen ' + str(context))",
        "FINAL('SEEN ' + str(context))",
    );
    assert_ne!(changed, trace);
    home.file("other.jsonl", changed);
    home.run(&["trace", "replay", "other.jsonl"])
        .expect(1, &["of level", "differs"]);
}

#[test]
fn endless_blocks_and_bombs_end_and_the_next_block_works() {
    const TOLD: [&str; 2] = ["TimeLimit: the block ran longer than 2 s", "[cut here; "];
    let home = Home::new();
    home.file("rlm.toml", "[repl]\nblock_time = \"2s\"\n");
    let server = Server::start(|messages| {
        let turns = messages
            .iter()
            .filter(|message| message["role"] == "assistant")
            .count();
        let code = [
            "while True: pass",
            "print('x' * 10**9)",
            "piece = 'x' * 10**6\nfor _ in range(10**3): print(piece)",
            "FINAL('still here')",
        ];
        let said = serde_json::to_string(messages).expect("JSON");
        let untold = TOLD
            .iter()
            .find(|told| turns == 3 && !said.contains(**told));
        let code = untold.map_or(code[turns.min(3)].to_owned(), |told| {
            format!("FINAL('the root was not told: {told}')")
        });
        Answer::Text(format!("```repl\n{code}\n```"))
    });
    let run = submit(&home, &server, &["--trace", "job.jsonl"], "What?");
    run.expect(0, &[]);
    assert_eq!(run.json()["answer"], "still here");
    assert_eq!(run.json()["tally"]["turns"], 4);

    let lines = trace_lines(&home, "job.jsonl");
    let blocks: Vec<&Value> = lines
        .iter()
        .filter(|line| line["line"] == "block")
        .map(|line| &line["outcome"])
        .collect();
    let faults: Vec<Option<&str>> = blocks
        .iter()
        .map(|outcome| outcome["error"]["kind"].as_str())
        .collect();
    assert_eq!(faults, [Some("TimeLimit"), Some("MemoryError"), None, None]);
    // A thousand lines of a million and one, of which the first 20 kB are kept.
    assert_eq!(blocks[2]["cut_bytes"], 999_981_000);
    let printed = blocks[2]["stdout"].as_str().expect("text");
    assert!(printed.len() < 21_000, "{} bytes", printed.len());
    assert!(printed.contains("999981000 more bytes were printed"));
}

#[test]
fn labels_are_asked_of_a_server_that_takes_no_grammar() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let said = serde_json::to_string(messages).expect("JSON");
        let reply = if !said.contains("Answer with one of") {
            "```repl\nlines = ['I was charged twice', 'It crashes']\n\
             FINAL(label(lines, 'What is it about?', ['billing', 'crash']))\n```"
        } else if said.contains("charged") {
            "Billing."
        } else {
            "crash, I think"
        };
        Answer::Text(reply.to_owned())
    });
    let run = submit(&home, &server, &[], "What?");
    run.expect(0, &[]);
    assert_eq!(run.json()["answer"], "['billing', 'crash']");
}

#[test]
fn the_time_of_a_job_ends_an_endless_block_and_leaves_a_closing_call() {
    let home = Home::new();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |_| {
        Answer::Text(match asked.fetch_add(1, Ordering::SeqCst) {
            0 => "```repl\nprint('seen')\nwhile True: pass\n```".to_owned(),
            _ => "a lamp, as far as I saw".to_owned(),
        })
    });
    let flags = ["--max-time", "8s", "--trace", "job.jsonl"];
    let run = submit(&home, &server, &flags, "What?");
    run.expect(7, &[]);
    assert_eq!(run.json()["answer"], "a lamp, as far as I saw");
    let trace = std::fs::read_to_string(home.path("job.jsonl")).expect("a trace");
    assert!(trace.contains("\"Stopped\""), "the block was stopped");
    // How far it came depends on the machine; the rest is the same again.
    home.run(&["trace", "replay", "job.jsonl"]).expect(0, &[]);
}

#[test]
fn servers_that_misbehave_are_named_and_nothing_hangs() {
    let home = Home::new();
    let garbage = Server::start(|_| Answer::Garbage);
    submit(&home, &garbage, &[], "What?").expect(1, &["cannot be understood", "a web page"]);

    let cut = Server::start(|_| Answer::Cut("Let me look at".to_owned()));
    let run = submit(&home, &cut, &[], "What?");
    run.expect(1, &["the root is asked again (attempt 2)"]);
    let report = run.json();
    assert_eq!(report["ending"], "failed");
    let reason = report["reason"].as_str().expect("a reason");
    let named = format!("the root model gave no reply: {} answered", cut.model());
    assert!(reason.starts_with(&named), "{reason}");
    assert!(reason.contains("error decoding"), "{reason}");
    assert_eq!(cut.chats.load(Ordering::SeqCst), 3, "two retries");

    let hang = Server::start(|_| Answer::Hang);
    let run = submit(&home, &hang, &["--max-time", "3s"], "What?");
    run.expect(7, &["the limit on wall time was reached"]);
    let report = run.json();
    assert_eq!(report["ending"], "limit");
    assert_eq!(report["limit"], "wall");
    assert!(
        hang.chats.load(Ordering::SeqCst) >= 1,
        "the server was asked"
    );
}

/// A job that was started, and what it says from then on.
struct Started {
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Started {
    /// Starts a job over a short text and waits until it has said `words`.
    fn new(home: &Home, model: &str, more: &[&str], words: &str) -> Started {
        home.file("notes.txt", "A lamp.\n");
        let job = ["submit", "--context", "notes.txt", "--model", model];
        let mut child = home.spawn(&[&job[..], more, &["What?"][..]].concat());
        let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let there = said
            .by_ref()
            .map(|line| line.expect("UTF-8"))
            .any(|line| line.contains(words));
        assert!(there, "the program ended too soon");
        Started { child, said }
    }

    /// Waits until something came from it elsewhere.
    fn until<T>(&mut self, mut there: impl FnMut() -> Option<T>) -> T {
        loop {
            if let Some(came) = there() {
                return came;
            }
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "the program ended too soon");
            std::thread::yield_now();
        }
    }

    fn end(mut self) -> Run {
        let rest: Vec<String> = self.said.map(|line| line.expect("UTF-8")).collect();
        let code = self.child.wait().expect("an end").code();
        let mut out = String::new();
        let mut answer = self.child.stdout.take().expect("a pipe");
        answer.read_to_string(&mut out).expect("UTF-8");
        Run {
            code: code.expect("rlm-ctl ended by itself"),
            out,
            err: rest.join("\n"),
        }
    }
}

/// A job that hangs in its first root call, and what it comes to after `stop`.
fn hanging(home: &Home, stop: impl FnOnce(&Child)) -> Run {
    let server = Server::start(|_| Answer::Hang);
    // Whoever asks has seen by then that the job began; what comes later may still be under way.
    let mut job = Started::new(home, &server.model(), &["-o", "json"], "turn 1/");
    // The job hangs in its first root call; by then the server has counted it.
    job.until(|| (server.chats.load(Ordering::SeqCst) > 0).then_some(()));
    stop(&job.child);
    job.end()
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(sent.success());
}

/// Where the report says that the trace is, and what `rlm-ctl trace show` tells of it.
fn shown(home: &Home, report: &Value) -> Run {
    let trace = report["trace"].as_str().expect("the trace's place");
    home.run(&["trace", "show", trace])
}

/// Waits until the job of this report has ended: who leaves a node does not wait for it.
#[expect(
    clippy::disallowed_methods,
    reason = "the test waits for real processes"
)]
fn await_end(report: &Value) {
    let trace = report["trace"].as_str().expect("the trace's place");
    let end = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(trace).expect("a trace");
        let last = text.lines().last().unwrap_or_default();
        if last.starts_with("{\"line\":\"end\"") && text.ends_with('\n') {
            return;
        }
        assert!(Instant::now() < end, "the job goes on: {text}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn an_interrupt_cancels_and_says_what_was_done_and_where_the_rest_is() {
    let home = Home::new();
    let alone = hanging(&home, interrupt);
    let mut node = home.node();
    let asked = hanging(&home, interrupt);
    for run in [&alone, &asked] {
        run.expect(8, &["\"ending\":\"cancelled\"", "\"turns\":1"]);
        let report = run.json();
        await_end(&report);
        shown(&home, &report).expect(0, &["question: What?", "] cancelled", "cancelled in "]);
    }
    node.kill().expect("the node runs");
    node.wait().expect("an end");
}

#[test]
fn an_interrupt_before_the_first_turn_ends_at_once_and_says_what_was_being_done() {
    let home = Home::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    silent.set_nonblocking(true).expect("an option");
    let address = silent.local_addr().expect("an address");
    let model = format!("openai:scripted@http://{address}/v1");
    let interrupted = || {
        let mut job = Started::new(&home, &model, &[], "loading the model");
        // Nobody tells it about its models.
        let asked = job.until(|| silent.accept().ok());
        interrupt(&job.child);
        let run = job.end();
        drop(asked);
        run
    };
    let alone = interrupted();
    let mut node = home.node();
    let by_node = interrupted();
    node.kill().expect("the node runs");
    node.wait().expect("an end");
    for run in [&alone, &by_node] {
        let why = "before the first turn, while loading the model";
        run.expect(8, &["error: cancelled [RLM-E0800]", why]);
        assert_eq!(run.out, "");
    }
}

#[test]
fn an_interrupt_during_a_batch_tells_what_was_done_in_plain_words() {
    let home = Home::new();
    let server = Server::start(|messages| {
        if is_root(messages) {
            let code = "print(llm_query_batched(['a', 'b', 'c']))";
            Answer::Text(format!("```repl\n{code}\n```"))
        } else {
            Answer::Hang
        }
    });
    let mut job = Started::new(&home, &server.model(), &[], "turn 1/");
    let asked = 1 + 3;
    job.until(|| (server.chats.load(Ordering::SeqCst) == asked).then_some(()));
    interrupt(&job.child);
    let run = job.end();
    run.expect(
        8,
        &["cancelled in ", " · 1 turn · 3 sub-calls · ", "trace: /"],
    );
    assert!(run.err.contains("no answer [RLM-E0800]"), "{}", run.err);
    assert_eq!(run.out, "");
}

#[test]
fn a_job_that_fails_at_a_node_leaves_its_trace_and_says_where() {
    let home = Home::new();
    let cut = Server::start(|_| Answer::Cut("Let me look at".to_owned()));
    let mut node = home.node();
    let failed = submit(&home, &cut, &[], "What?");
    let lost = hanging(&home, |_| {
        node.kill().expect("the node runs");
        node.wait().expect("an end");
    });
    failed.expect(1, &["\"ending\":\"failed\"", "`rlm-ctl trace show /"]);
    assert!(!failed.err.contains("no node is running"), "{}", failed.err);
    shown(&home, &failed.json()).expect(0, &["root call 0 failed at", "failed: the root model"]);

    // The node is gone in the middle of its job; what it had written by then is whole.
    lost.expect(10, &["the node gave no answer", "[RLM-E1000]"]);
    let named = lost.err.split("`rlm-ctl trace show ").nth(1);
    let trace = named.and_then(|rest| rest.split('`').next());
    let trace = trace.expect("the trace's place");
    let shown = home.run(&["trace", "show", trace]);
    shown.expect(0, &["question: What?"]);
    assert!(!shown.out.contains("cancelled"), "{}", shown.out);
}

/// What docs/trace.md promises: turns that print what a small model is shown, with sub-calls.
#[test]
fn a_trace_of_many_turns_stays_small() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let turns = messages.iter().filter(|it| it["role"] == "assistant");
        let turn = turns.count();
        Answer::Text(if !is_root(messages) {
            "yes".to_owned()
        } else if turn < 19 {
            format!(
                "```repl\nhere = {turn} * 1000\n\
                 asked = [f'{{here}} {{i}} ' + 'x' * 900 for i in range(8)]\n\
                 said = llm_query_batched(asked)\n\
                 print(context[here:here + 1200])\n```"
            )
        } else {
            "```repl\nFINAL('done')\n```".to_owned()
        })
    });
    let line = "A line of some forty characters it is.\n";
    home.file("big.txt", line.repeat(26_000));
    let model = server.model();
    let job = ["submit", "--context", "big.txt", "--model", &model, "What?"];
    let flags = ["--max-turns", "30", "--trace", "job.jsonl", "-o", "json"];
    let run = home.run(&[&job[..], &flags[..]].concat());
    run.expect(0, &[]);
    assert_eq!(run.json()["tally"]["turns"], 20);
    assert_eq!(run.json()["tally"]["sub_calls"], 152);

    let trace = std::fs::read_to_string(home.path("job.jsonl")).expect("a trace");
    let of_sub_call = |line: &&str| {
        line.starts_with("{\"line\":\"sub_call\"") || line.contains("\"input\":\"sub_call")
    };
    let (calls, turns): (Vec<&str>, Vec<&str>) = trace.lines().partition(of_sub_call);
    let bytes = |lines: &[&str]| lines.iter().map(|line| line.len() + 1).sum::<usize>();
    assert!(bytes(&turns) < 100_000, "{} bytes", bytes(&turns));
    assert!(bytes(&calls) < 152 * 1000, "{} bytes", bytes(&calls));

    // What the file has once is whole again for whoever reads it.
    assert_eq!(trace.matches("\"of\":\"printed\"").count(), 19);
    drop(server);
    let shown = home.run(&["trace", "show", "job.jsonl"]);
    let whole_lines = shown.out.matches(line.trim_end()).count();
    assert!(whole_lines >= 2 * 19 * 29, "{whole_lines}: {}", shown.err);
    home.run(&["trace", "replay", "job.jsonl"])
        .expect(0, &["20 root calls, 20 blocks", "same outcome"]);
}

#[test]
fn a_running_node_does_the_work_and_refuses_a_second_one() {
    let home = Home::new();
    let server = Server::start(|_| Answer::Text("```repl\nFINAL(len(context))\n```".to_owned()));
    let mut node = home.node();
    let run = submit(&home, &server, &[], "How long?");
    run.expect(0, &[]);
    assert_eq!(run.json()["answer"], "522");
    assert!(
        !run.err.contains("no node is running"),
        "the node was asked: {}",
        run.err
    );
    let unheard = "cache.enabled (environment RLM_CACHE_ENABLED)";
    assert!(run.err.contains(unheard), "{}", run.err);
    let missing = home.run(&["submit", "--context", "missing.txt", "What?"]);
    missing.expect(6, &["missing.txt", "does not exist"]);
    let second = home
        .node_command()
        .output()
        .expect("a second rlm-node starts");
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("already running"));

    let sent = std::process::Command::new("kill")
        .args(["-TERM", &node.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(sent.success());
    assert_eq!(node.wait().expect("an end").code(), Some(0));
    let alone = submit(&home, &server, &[], "How long?");
    alone.expect(0, &["no node is running"]);
}
