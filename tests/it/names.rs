//! What the names of the REPL do in a whole job: children of a batch work side by side, a call may
//! name its model, and names that a block takes for itself are given back.

use crate::ctl::Home;
use crate::job::{is_root, said, submit, trace_lines};
use crate::server::{Answer, Server};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Where two who ask wait for each other.
#[derive(Default)]
struct Meeting {
    there: Mutex<u32>,
    one_more: Condvar,
}

impl Meeting {
    /// Whether the other came, too, before this one's answer.
    fn meets(&self) -> bool {
        let mut there = self.there.lock().expect("no panic inside");
        *there += 1;
        self.one_more.notify_all();
        let waited = self
            .one_more
            .wait_timeout_while(there, PATIENCE, |there| *there < 2);
        let (there, _) = waited.expect("no panic inside");
        *there >= 2
    }
}

/// How long one waits for the other, on a busy machine, too.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn children_of_one_batch_work_side_by_side() {
    let home = Home::new();
    let meeting = Meeting::default();
    let server = Server::start(move |messages| {
        let code = if said(messages).contains("Which lamp") {
            "FINAL(rlm_query_batched(['one child', 'another child']))"
        } else if meeting.meets() {
            "FINAL('met')"
        } else {
            "FINAL('alone')"
        };
        Answer::Text(format!("```repl\n{code}\n```"))
    });
    let more = ["--max-depth", "1", "--max-time", "60s"];
    let run = submit(&home, &server, &more, "Which lamp?");
    run.expect(0, &[]);
    assert_eq!(run.json()["answer"], "['met', 'met']");
}

#[test]
fn sub_calls_go_to_the_sub_model_or_to_the_model_that_they_name() {
    let home = Home::new();
    let named = Server::start(|messages| Answer::Text(format!("named: {}", said(messages))));
    let sub = Server::start(|messages| Answer::Text(format!("sub: {}", said(messages))));
    let model = named.model();
    let root = Server::start(move |_| {
        let code = format!("FINAL([llm_query('one'), llm_query('two', model='{model}')])");
        Answer::Text(format!("```repl\n{code}\n```"))
    });
    let run = submit(&home, &root, &["--sub-model", &sub.model()], "Which?");
    run.expect(0, &[]);
    assert_eq!(run.json()["answer"], "['sub: one', 'named: two']");
    let chats = [&root, &sub, &named].map(|server| server.chats.load(Ordering::SeqCst));
    assert_eq!(chats, [1, 1, 1], "each is asked once");
}

#[test]
fn names_that_a_block_takes_are_given_back_and_the_job_goes_on() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let reply = if !is_root(messages) {
            "heard"
        } else if said(messages).contains("FINAL: reserved by the REPL and restored") {
            "```repl\nFINAL([context.count('lamp'), llm_query('Which lamp?')])\n```"
        } else {
            "```repl\ncontext = 'mine'\nllm_query = None\nFINAL = print\nFINAL('no', context)\n```"
        };
        Answer::Text(reply.to_owned())
    });
    let run = submit(&home, &server, &["--trace", "job.jsonl"], "Which?");
    run.expect(0, &[]);
    assert_eq!(run.json()["answer"], "[18, 'heard']");
    assert_eq!(run.json()["tally"]["turns"], 2);
    let lines = trace_lines(&home, "job.jsonl");
    let mut blocks = lines.iter().filter(|line| line["line"] == "block");
    let first = blocks.next().expect("a block");
    let printed = first["outcome"]["stdout"].as_str().expect("text");
    assert!(
        printed.starts_with("no mine\n[context, llm_query, FINAL: reserved"),
        "the block had them: {printed}"
    );
}
