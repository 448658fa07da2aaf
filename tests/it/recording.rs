//! `rlm-ctl submit --record` and `--replay`: a job once with a model server and then without one,
//! what a recording that is not the right one or not whole is told as, and who does not record.

use crate::ctl::{Home, Run};
use crate::job::{is_root, said};
use crate::server::{Answer, Server};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// A server whose root asks a sub-model once: three calls a job.
fn lamps() -> Server {
    Server::start(|messages| {
        let reply = if !is_root(messages) {
            "red"
        } else if said(messages).contains("heard red") {
            "```repl\nFINAL('the ' + heard + ' one')\n```"
        } else {
            "```repl\nheard = llm_query('Which lamp?')\nprint('heard', heard)\n```"
        };
        Answer::Text(reply.to_owned())
    })
}

/// Asks `model` with the reply cache on, as it is for a user who sets nothing.
fn ask(home: &Home, model: &str, more: &[&str], question: &str) -> Run {
    home.file("notes.txt", "The red lamp stands in the hall.\n".repeat(9));
    let mut args = vec!["submit", "--context", "notes.txt", "--model", model];
    args.extend(["-o", "json"]);
    args.extend_from_slice(more);
    args.push(question);
    let mut command = home.command(&args);
    let output = command.env("RLM_CACHE_ENABLED", "true").output();
    Run::of(output.expect("rlm-ctl starts"))
}

const QUESTION: &str = "Which lamp stands in the hall?";

/// A recording of the job, and the model that is gone by now.
fn recorded(home: &Home) -> (String, PathBuf) {
    let server = lamps();
    let model = server.model();
    ask(home, &model, &["--record", "tape"], QUESTION).expect(0, &[]);
    (model, tape(home))
}

/// The file of the only model that was recorded.
fn tape(home: &Home) -> PathBuf {
    let mut files = std::fs::read_dir(home.path("tape")).expect("the recording's folder");
    let file = files.next().expect("a file").expect("an entry").path();
    assert!(files.next().is_none(), "root and sub-model are the same");
    file
}

#[test]
fn what_was_recorded_is_answered_again_without_its_server() {
    let home = Home::new();
    let server = lamps();
    let model = server.model();
    let chats = || server.chats.load(Ordering::SeqCst);
    // The reply cache knows the sub-call, and would hide it.
    ask(&home, &model, &[], QUESTION).expect(0, &[]);
    let known = ask(&home, &model, &[], QUESTION);
    known.expect(0, &[]);
    assert_eq!(known.json()["tally"]["cache_hits"], 1);

    let before = chats();
    let record = ask(&home, &model, &["--record", "tape"], QUESTION);
    record.expect(0, &["recorded in /", "the reply cache is off"]);
    assert_eq!(chats() - before, 3, "every call goes to the server");
    let report = record.json();
    assert_eq!(report["answer"], "the red one");

    drop(server);
    ask(&home, &model, &[], QUESTION).expect(3, &["cannot be reached"]);
    // A recording may be replayed as often as one likes.
    for _ in 0..2 {
        let replay = ask(&home, &model, &["--replay", "tape"], QUESTION);
        replay.expect(0, &["not asked: replies come from /"]);
        assert!(!replay.err.contains("warning:"), "{}", replay.err);
        let again = replay.json();
        assert_eq!(again["answer"], report["answer"]);
        for count in ["turns", "sub_calls", "cache_hits", "failed_sub_calls"] {
            let counted = |report: &Value| report["tally"][count].clone();
            assert_eq!(counted(&again), counted(&report), "{count}");
        }
    }
}

#[test]
fn a_request_that_was_not_recorded_says_where_it_differs_and_what_to_do() {
    let home = Home::new();
    let (model, file) = recorded(&home);
    let replay = ["--replay", "tape"];
    let other = ask(&home, &model, &replay, "Which lamp is broken?");
    let file = file.display().to_string();
    let words = [
        file.as_str(),
        "does not hold the request",
        "differs from character",
        "--record DIR in place of --replay DIR",
        "error: the replay is not that of the recording [RLM-E0108]",
    ];
    other.expect(1, &words);
    assert_eq!(other.json()["ending"], "failed");

    let seeded = ["--replay", "tape", "--seed", "7"];
    ask(&home, &model, &seeded, QUESTION).expect(1, &["`request.sampling.seed` is 7, and was 0"]);

    let stranger = "openai:other@http://127.0.0.1:9/v1";
    let words = ["`openai:other@", "was not recorded", "--sub-model"];
    ask(&home, stranger, &replay, QUESTION).expect(6, &words);
}

#[test]
fn a_replay_that_lacks_a_sub_call_has_failed_whatever_it_answers() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let reply = if is_root(messages) {
            "```repl\nllm_query_batched(['Which lamp?'])\nFINAL('a lamp')\n```"
        } else {
            "red"
        };
        Answer::Text(reply.to_owned())
    });
    let model = server.model();
    ask(&home, &model, &["--record", "tape"], QUESTION).expect(0, &[]);
    let replay = || ask(&home, &model, &["--replay", "tape"], QUESTION);
    replay().expect(0, &["a lamp"]);

    let file = tape(&home);
    let whole = std::fs::read_to_string(&file).expect("the recording");
    let is_sub_call = |line: &&str| line.contains("\"text\":\"red\"");
    assert_eq!(whole.lines().filter(is_sub_call).count(), 1);
    let rest = whole.lines().filter(|line| !is_sub_call(line));
    let rest: String = rest.map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, rest).expect("the recording");
    let lacking = replay();
    let what = "error: the replay is not that of the recording [RLM-E0108]";
    lacking.expect(1, &[what, "does not hold the request", "--record DIR"]);
    let report = lacking.json();
    assert_eq!(report["answer"], "a lamp", "its block goes on without it");
    assert_eq!(report["ending"], "answered");
    assert_eq!(report["tally"]["failed_sub_calls"], 1);
    assert_eq!(report["error"], "RLM-E0108");
    let why = report["why"].as_str().expect("the call that was missed");
    assert!(why.contains("does not hold the request"), "{why}");
}

#[test]
fn a_replay_that_lacks_the_model_of_a_sub_call_has_failed_too() {
    let home = Home::new();
    let sub = Server::start(|_| Answer::Text("red".to_owned()));
    let named = sub.model();
    let root = Server::start(move |_| {
        let call = format!("llm_query_batched(['Which lamp?'], model='{named}')");
        Answer::Text(format!("```repl\n{call}\nFINAL('a lamp')\n```"))
    });
    let model = root.model();
    ask(&home, &model, &["--record", "tape"], QUESTION).expect(0, &[]);
    let replay = || ask(&home, &model, &["--replay", "tape"], QUESTION);
    replay().expect(0, &["a lamp"]);

    let files = std::fs::read_dir(home.path("tape")).expect("the recording's folder");
    let mut files = files.map(|entry| entry.expect("an entry").path());
    let is_sub = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).expect("a recording");
        text.contains("\"text\":\"red\"")
    };
    let file = files.find(is_sub).expect("the sub-model's recording");
    std::fs::remove_file(file).expect("it is there");
    let lacking = replay();
    let what = "error: the replay is not that of the recording [RLM-E0108]";
    let why = format!("`{}` was not recorded", sub.model());
    lacking.expect(1, &[what, why.as_str()]);
    assert_eq!(lacking.json()["answer"], "a lamp");
}

#[test]
fn a_folder_that_has_a_recording_is_not_recorded_into() {
    let home = Home::new();
    let (model, file) = recorded(&home);
    let before = std::fs::read(&file).expect("the recording");
    let record = ["--record", "tape"];
    let words = [
        "the recording cannot be used [RLM-E0900]",
        "holds a recording already",
        "record into another folder",
    ];
    // The model of the recording, which is gone by now, is not even asked.
    ask(&home, &model, &record, QUESTION).expect(9, &words);
    let other = lamps();
    ask(&home, &other.model(), &record, QUESTION).expect(9, &words);
    assert_eq!(other.chats.load(Ordering::SeqCst), 0);
    assert_eq!(tape(&home), file);
    assert_eq!(std::fs::read(&file).expect("the recording"), before);
    ask(&home, &model, &["--replay", "tape"], QUESTION).expect(0, &["the red one"]);
}

#[test]
fn a_damaged_or_cut_recording_is_named_before_anything_is_answered() {
    let home = Home::new();
    let (model, file) = recorded(&home);
    let whole = std::fs::read_to_string(&file).expect("the recording");
    let said = "\"text\":\"red\"";
    let line = whole.lines().position(|line| line.contains(said));
    let place = format!("line {}: ", line.expect("the sub-call") + 1);
    let replay = || ask(&home, &model, &["--replay", "tape"], QUESTION);
    let next = "record the job again into another folder";
    for (content, named) in [
        (whole.replace(said, "\"text\":\"tan\""), place.as_str()),
        (whole[..whole.len() - 10].to_owned(), "is cut off"),
    ] {
        assert_ne!(content, whole);
        std::fs::write(&file, content).expect("the recording");
        replay().expect(1, &["[RLM-E0103]", named, next]);
    }
    let later = whole.replace("{\"v\":1,", "{\"v\":9,");
    std::fs::write(&file, later).expect("the recording");
    replay().expect(11, &["[RLM-E1100]", "line 1: recorded in form 9", next]);
    std::fs::write(&file, whole).expect("the recording");
    replay().expect(0, &["the red one"]);
}

#[test]
fn a_running_node_and_two_folders_are_refused() {
    let home = Home::new();
    let server = lamps();
    let model = server.model();
    let both = ["--record", "a", "--replay", "b"];
    ask(&home, &model, &both, QUESTION).expect(2, &["cannot be used with"]);

    let mut node = home.node();
    let runs = [("--record", "RECORD"), ("--replay", "REPLAY")].map(|(flag, name)| {
        let run = ask(&home, &model, &[flag, "tape"], QUESTION);
        (run, flag, format!("RLM_MODELS_{name}=DIR"))
    });
    node.kill().expect("the node runs");
    node.wait().expect("an end");
    for (run, flag, variable) in runs {
        let what = format!("a running node does not take {flag}");
        run.expect(2, &[what.as_str(), variable.as_str()]);
        assert_eq!(run.json()["error"]["code"], json!(2));
    }
    assert_eq!(server.chats.load(Ordering::SeqCst), 0);
    assert!(!home.path("tape").exists());
}
