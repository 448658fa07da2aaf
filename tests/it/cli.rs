//! `rlm-ctl` outside: bad input of every kind has a named error, a next step and an exit code.

use crate::ctl::{Home, Run, free_address};

#[test]
fn help_names_every_command() {
    let run = Home::new().run(&["--help"]);
    run.expect(0, &["submit", "model", "trace", "config", "Exit codes:"]);
    assert_eq!(run.err, "", "help that was asked for is no failure");
    assert!(
        !run.out.contains("engine-worker"),
        "hidden commands stay hidden"
    );
}

#[test]
fn contexts_that_cannot_be_read_are_named() {
    let home = Home::new();
    home.file("empty.txt", "");
    home.file("binary.bin", [0_u8, 159, 146, 150]);
    home.file("latin.txt", [b'c', b'a', b'f', 0xe9, b'\n']);
    for (path, code, words) in [
        ("missing.txt", 6, &["missing.txt", "does not exist"][..]),
        ("empty.txt", 2, &["empty"][..]),
        ("binary.bin", 2, &["binary"][..]),
        ("latin.txt", 2, &["UTF-8", "iconv"][..]),
        (
            "latin.txt/below",
            2,
            &["latin.txt/below", "cannot be read"][..],
        ),
    ] {
        home.run(&["submit", "--context", path, "What?"])
            .expect(code, words);
    }
}

#[test]
fn questions_and_flags_are_checked_before_anything_runs() {
    let home = Home::new();
    home.file("a.txt", "Some text.\n");
    home.run(&["submit", "--context", "a.txt", "  "])
        .expect(2, &["the question is empty"]);
    let wrong = home.run(&["submit", "What?"]);
    wrong.expect(2, &["--context", "--help"]);
    let first = wrong.err.lines().next().unwrap_or_default();
    assert!(first.ends_with(" [RLM-E0200]"), "{}", wrong.err);
    home.run(&["submit", "--context", "a.txt", "--max-time", "5", "What?"])
        .expect(2, &["5", "30s"]);
    let deep = ["submit", "-c", "a.txt", "--max-depth", "4000", "What?"];
    home.run(&deep).expect(2, &["--max-depth", "from 0 to 8"]);
}

#[test]
fn model_names_that_mean_nothing_say_what_to_write() {
    let home = Home::new();
    home.file("a.txt", "Some text.\n");
    home.file("cut.gguf", b"GGUF\x03\0\0\0");
    home.file("other.gguf", "this is no model");
    for (model, code, words) in [
        ("no-such-model", 6, &["no-such-model"][..]),
        ("qwen2.5-coder-1.5b", 6, &["rlm-ctl model pull"][..]),
        ("missing.gguf", 2, &["missing.gguf"][..]),
        ("other.gguf", 2, &["not a GGUF"][..]),
        ("cut.gguf", 2, &["cut.gguf"][..]),
        ("openai:name", 2, &["openai:NAME@URL"][..]),
        ("openai:m@http://127.0.0.1:9/v1", 3, &["127.0.0.1:9"][..]),
        ("ollama:m@http://127.0.0.1:9", 3, &["127.0.0.1:9"][..]),
    ] {
        let run = home.run(&["submit", "--context", "a.txt", "--model", model, "What?"]);
        run.expect(code, words);
    }
}

#[test]
fn configuration_is_shown_checked_and_refused() {
    let home = Home::new();
    home.run(&["config", "show", "--origin"])
        .expect(0, &["[budgets]\nturns = 20", "# default"]);
    home.file("wrong.toml", "[budgets]\nturnes = 3\n");
    let run = home.run(&["--config", "wrong.toml", "config", "check"]);
    run.expect(2, &["wrong.toml:2", "turnes", "turns"]);
    home.run(&["config", "check", "fast"])
        .expect(2, &["no profile `fast`", "`optimized`"]);
}

#[test]
fn a_folders_configuration_is_for_the_client_and_not_for_a_node() {
    let home = Home::new();
    home.file("rlm.toml", "[budgets]\nturnes = 3\n");
    home.run(&["config", "check"])
        .expect(2, &["rlm.toml:2", "turnes"]);
    let node = |words: &[&str]| {
        let output = home.node_verb(words).output();
        Run::of(output.expect("rlm-node starts"))
    };
    let listen = free_address();
    node(&["init", "--name", "n1", "--listen", &listen, "--no-run"])
        .expect(0, &["n1 is its first voter"]);
    // It counts where it is named.
    node(&["--config", "rlm.toml", "run"]).expect(2, &["rlm.toml:2", "turnes"]);
}

#[test]
fn the_first_designs_profile_is_right_and_each_key_that_does_not_act_is_named() {
    let run = Home::new().run(&["config", "check", "optimized"]);
    run.expect(
        0,
        &[
            "warning: profile optimized:5: `runtime.worker_threads` (the node's runtime): acts in",
            "`memory.chunk_size` (the context store): has no effect",
        ],
    );
    assert_eq!(run.out, "the configuration is right, with 15 warnings\n");
    assert_eq!(run.err.lines().count(), 15, "{}", run.err);
    assert!(
        !run.err.contains("max_parallel_sub_calls"),
        "what is carried over acts: {}",
        run.err
    );
}

#[test]
fn traces_that_are_none_are_refused() {
    let home = Home::new();
    home.file("text.jsonl", "hello\n");
    home.file(
        "later.jsonl",
        "{\"line\":\"job\",\"v\":99,\"program\":\"rlm 9\"}\n",
    );
    home.run(&["trace", "show", "missing.jsonl"])
        .expect(6, &["missing.jsonl"]);
    home.run(&["trace", "show", "text.jsonl"])
        .expect(2, &["does not begin with a job"]);
    home.run(&["trace", "show", "later.jsonl"])
        .expect(2, &["version 99", "rlm 9"]);
}

#[test]
fn models_are_listed_and_shown_without_network() {
    let home = Home::new();
    home.run(&["model", "list"])
        .expect(0, &["qwen2.5-coder-1.5b", "(default)", "smollm2-135m"]);
    let run = home.run(&["model", "show", "qwen2.5-coder-1.5b"]);
    run.expect(0, &["not here yet", "Apache-2.0", "cc324af0"]);
    home.run(&["model", "rm", "qwen2.5-coder-1.5b"])
        .expect(6, &["model pull"]);
}
