//! What `rlm-ctl submit` takes, and where it ends: contexts from standard input, of folders and of
//! several files; sub-calls that do not fit, children without an end, replies that are known.

use crate::ctl::{Home, Run};
use crate::job::{is_root, said, submission, submit, trace_lines};
use crate::server::{Answer, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A server whose root answers at once, with the value of `code`.
fn answers(code: &str) -> Server {
    let reply = format!("```repl\nFINAL({code})\n```");
    Server::start(move |_| Answer::Text(reply.clone()))
}

/// Asks about `contexts`, with `input` on standard input.
fn ask(home: &Home, server: &Server, contexts: &[&str], input: &[u8]) -> Run {
    let model = server.model();
    let mut args = vec!["submit", "--model", &model, "-o", "json"];
    for context in contexts {
        args.extend(["--context", *context]);
    }
    args.push("What?");
    home.run_with(&args, input)
}

#[test]
fn standard_input_is_a_context_and_is_named_when_it_is_none() {
    let home = Home::new();
    let server = answers("[len(context), context.count('Lämpchen')]");
    let text = "Zwei Lämpchen.\nEin Lämpchen.\n";
    let run = ask(&home, &server, &["-"], text.as_bytes());
    run.expect(0, &[]);
    assert_eq!(run.json()["answer"], "[29, 2]", "characters, not bytes");
    ask(&home, &server, &["-"], b"").expect(2, &["`standard input` is empty"]);
    ask(&home, &server, &["-"], b"caf\xe9\n").expect(2, &["standard input is not UTF-8", "iconv"]);
}

#[test]
fn a_job_that_names_no_model_gets_its_clusters() {
    let home = Home::new();
    let server = answers("len(context)");
    home.file("notes.txt", "one\ntwo\n");
    let mut node = home.member();
    let setting = format!("jobs.model={}", server.model());
    let set = home.run(&["settings", &setting]);
    let job = ["submit", "--context", "notes.txt", "-o", "json", "What?"];
    let run = home.run(&job);
    node.kill().expect("the node runs");
    node.wait().expect("an end");
    set.expect(0, &["jobs.model = openai:scripted@"]);
    run.expect(0, &[]);
    assert_eq!(run.json()["answer"], "8");
}

#[test]
fn folders_and_several_contexts_are_named_sections_without_what_is_ignored() {
    let home = Home::new();
    for folder in ["project/build", "project/sub"] {
        std::fs::create_dir_all(home.path(folder)).expect("a folder");
    }
    for (name, text) in [
        ("project/.gitignore", "build/\n*.log\n"),
        ("project/.hidden", "hidden\n"),
        ("project/build/out.txt", "built\n"),
        ("project/x.log", "logged\n"),
        ("project/a.txt", "one\n"),
        ("project/sub/b.md", "# two\n"),
        ("more.txt", "three\n"),
    ] {
        home.file(name, text);
    }
    let server = answers("[len(context), context.names, context['sub/b.md']]");
    let run = ask(&home, &server, &["project"], b"");
    run.expect(0, &["sections: a.txt (4), sub/b.md (6)"]);
    let expected = r"[2, ['a.txt', 'sub/b.md'], '# two\n']";
    assert_eq!(run.json()["answer"], expected);

    // Beside others a folder gives its name to its files, and a file its whole path.
    let server = answers(
        "[context[0].name.endswith('/more.txt'), context.names[1:], \
         context[0], context['project/a.txt']]",
    );
    let run = ask(&home, &server, &["more.txt", "project"], b"");
    run.expect(0, &[]);
    let expected = r"[True, ['project/a.txt', 'project/sub/b.md'], 'three\n', 'one\n']";
    assert_eq!(run.json()["answer"], expected);
}

#[test]
fn a_sub_call_that_does_not_fit_says_by_how_much_and_the_job_goes_on() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let text = said(messages);
        if !is_root(messages) && text.len() > 20_000 {
            return Answer::TooLong {
                tokens: 5000,
                window: 4096,
            };
        }
        let reply = if !is_root(messages) {
            "it fits"
        } else if text.contains("1928 more than fit beside the reply") {
            "```repl\nFINAL(llm_query('short'))\n```"
        } else {
            "```repl\nllm_query('long ' * 5000)\n```"
        };
        Answer::Text(reply.to_owned())
    });
    // A reply may have 1024 tokens, which belong into the window, too.
    let run = submit(&home, &server, &[], "What?");
    run.expect(0, &["window of 4096"]);
    let report = run.json();
    assert_eq!(report["answer"], "it fits");
    assert_eq!(report["tally"]["turns"], 2);
    assert_eq!(report["tally"]["sub_calls"], 2);
    assert_eq!(report["tally"]["failed_sub_calls"], 1);
    let chats = server.chats.load(Ordering::SeqCst);
    assert_eq!(chats, 4, "what does not fit is not asked again");
}

#[test]
fn a_root_that_only_asks_children_ends_where_the_depth_does() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let reply = if is_root(messages) {
            "```repl\nFINAL(rlm_query('again'))\n```"
        } else {
            "deep enough"
        };
        Answer::Text(reply.to_owned())
    });
    let more = ["--max-depth", "2", "--trace", "job.jsonl"];
    let run = submit(&home, &server, &more, "Which lamp?");
    run.expect(0, &[]);
    assert_eq!(run.json()["answer"], "deep enough");
    assert_eq!(run.json()["tally"]["sub_calls"], 3);
    let lines = trace_lines(&home, "job.jsonl");
    let paths = |kind: &str| -> Vec<String> {
        let of_kind = lines.iter().filter(|line| line["line"] == kind);
        of_kind.map(|line| line["path"].to_string()).collect()
    };
    assert_eq!(paths("child"), ["[0]", "[0,0]"]);
    assert_eq!(paths("sub_call"), ["[0,0,0]"], "asked like llm_query");
}

#[test]
fn a_block_that_asks_children_for_ever_is_refused_by_name() {
    let home = Home::new();
    let server = Server::start(|messages| {
        let text = said(messages);
        let code = if !text.contains("Which lamp") {
            "FINAL('seen')"
        } else if text.contains("refused: the job's limit of 4 sub-calls is reached") {
            "FINAL(f'{seen} children')"
        } else {
            "seen = 0\nwhile True:\n    rlm_query('again')\n    seen += 1"
        };
        Answer::Text(format!("```repl\n{code}\n```"))
    });
    let run = submit(&home, &server, &["--max-sub-calls", "4"], "Which lamp?");
    run.expect(0, &["0 of 1 sub-calls made: limit on sub-calls"]);
    assert_eq!(run.json()["answer"], "4 children");
    assert_eq!(run.json()["tally"]["sub_calls"], 4);
}

#[test]
fn a_known_reply_is_not_asked_for_again_unless_the_job_wants_no_cache() {
    let home = Home::new();
    // The REPL's Python is compiled once for all runs; the replies of an earlier one go.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("known-replies");
    drop(std::fs::remove_dir_all(cache.join("replies")));
    let server = Server::start(|messages| {
        let reply = if !is_root(messages) {
            "red"
        } else if said(messages).contains("heard red") {
            // The program ends right after this, and has the reply on disk all the same.
            "```repl\nFINAL('red')\n```"
        } else {
            "```repl\nprint('heard', llm_query('Which lamp?'))\n```"
        };
        Answer::Text(reply.to_owned())
    });
    let hits = |more: &[&str]| -> Value {
        let output = submission(&home, &server, more, "What?")
            .env("RLM_CACHE_ENABLED", "true")
            .env("RLM_CACHE_DIR", &cache)
            .output();
        let run = Run::of(output.expect("rlm-ctl starts"));
        run.expect(0, &[]);
        run.json()["tally"]["cache_hits"].clone()
    };
    // Each job asks its root twice.
    let jobs: [(&[&str], u32, usize); 3] = [
        (&["--max-time", "60s"], 0, 3),
        (&[], 1, 5),
        (&["--no-cache"], 0, 8),
    ];
    for (more, known, chats) in jobs {
        assert_eq!(hits(more), json!(known), "{more:?}");
        assert_eq!(server.chats.load(Ordering::SeqCst), chats, "{more:?}");
    }
}

#[test]
fn no_more_sub_calls_are_in_flight_than_the_job_may_have() {
    /// Far more than the second call needs to come.
    const PATIENCE: Duration = Duration::from_secs(60);
    /// In which a call that may not be there could come.
    const CHANCE: Duration = Duration::from_millis(200);
    #[derive(Default)]
    struct Flight {
        now: usize,
        most: usize,
    }
    let home = Home::new();
    let flight = Arc::new((Mutex::new(Flight::default()), Condvar::new()));
    let counted = Arc::clone(&flight);
    let server = Server::start(move |messages| {
        if is_root(messages) {
            let code = "FINAL(llm_query_batched([f'call {i}' for i in range(4)]))";
            return Answer::Text(format!("```repl\n{code}\n```"));
        }
        let (flight, changed) = &*counted;
        let mut here = flight.lock().expect("no panic");
        here.now += 1;
        here.most = here.most.max(here.now);
        changed.notify_all();
        let alone = |flight: &mut Flight| flight.most < 2;
        let waited = changed.wait_timeout_while(here, PATIENCE, alone);
        let few = |flight: &mut Flight| flight.now <= 2;
        let waited = changed.wait_timeout_while(waited.expect("no panic").0, CHANCE, few);
        waited.expect("no panic").0.now -= 1;
        Answer::Text("yes".to_owned())
    });
    let run = submit(&home, &server, &["--max-concurrent", "2"], "What?");
    run.expect(0, &[]);
    assert_eq!(run.json()["tally"]["sub_calls"], 4);
    let most = flight.0.lock().expect("no panic").most;
    assert_eq!(most, 2, "calls in flight at once");
}

#[test]
fn a_job_asks_for_no_more_tokens_than_it_may_have() {
    let home = Home::new();
    let server = answers("len(context)");
    let run = submit(&home, &server, &["--max-tokens", "1000"], "How long?");
    run.expect(7, &["the limit on tokens was reached", "--max-tokens N"]);
    assert_eq!(run.json()["limit"], "tokens");
    let chats = server.chats.load(Ordering::SeqCst);
    assert_eq!(chats, 0, "the first prompt alone has more");
    let enough = submit(&home, &server, &["--max-tokens", "100000"], "How long?");
    enough.expect(0, &[]);
    assert_eq!(enough.json()["answer"], "522");
}
