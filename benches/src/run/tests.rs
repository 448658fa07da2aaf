//! Children that answer, fail, babble and hang; the shell plays the program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Asked, Launcher, ask, read_outcome};
use crate::question::{Expect, Question};

fn launcher(script: &str, timeout: Duration) -> Launcher {
    Launcher {
        program: PathBuf::from("/bin/sh"),
        first_args: vec!["-c".into(), script.into(), "program".into()],
        model: Some("tiny".to_owned()),
        sub_model: None,
        timeout,
    }
}

fn run(script: &str) -> Asked {
    let question = Question {
        id: "q".to_owned(),
        family: "f".to_owned(),
        question: "How many?".to_owned(),
        context: vec!["a.txt".to_owned(), "b.txt".to_owned()],
        expect: Expect::Absent,
        reject: Vec::new(),
    };
    ask(
        &launcher(script, Duration::from_secs(60)),
        &question,
        Path::new("/set"),
    )
}

#[test]
fn the_program_gets_every_file_the_model_and_the_question_last() {
    let asked = run(r#"printf '{"answer":"%s"}' "$*""#);
    let expected =
        "submit --context /set/a.txt --context /set/b.txt --model tiny -o json How many?";
    assert_eq!(asked.answer.as_deref(), Some(expected));
    assert_eq!(asked.fault, None);
}

#[test]
fn figures_are_read_where_they_are() {
    let full = r#"{"v":1,"answer":"7","ending":"answered","seconds":2.5,"tally":{"turns":2,
        "sub_calls":9,"root_usage":{"prompt_tokens":100,"completion_tokens":10},
        "sub_usage":{"prompt_tokens":50,"completion_tokens":5}}}"#;
    let asked = read_outcome(full, "exit code 0");
    assert_eq!(
        (asked.turns, asked.sub_calls, asked.tokens),
        (Some(2), Some(9), Some(165))
    );
    assert_eq!(
        (asked.answer.as_deref(), asked.job_seconds),
        (Some("7"), Some(2.5))
    );
    let bare = read_outcome("noise\n{\"answer\": 7}\n", "exit code 0");
    assert_eq!(
        (bare.answer.as_deref(), bare.turns, bare.tokens),
        (Some("7"), None, None)
    );
}

#[test]
fn no_answer_is_a_fault_with_its_reason() {
    let asked = read_outcome(
        r#"{"answer":null,"ending":"failed","reason":"no model"}"#,
        "exit 3",
    );
    assert_eq!(
        asked.fault.as_deref(),
        Some("no answer: failed, no model (exit 3)")
    );
    for stdout in ["", "Segmentation fault", "[1, 2]", "{\"answer\": \"cut"] {
        let asked = read_outcome(stdout, "exit code 9");
        assert!(asked.fault.unwrap().contains("exit code 9"), "{stdout:?}");
    }
    assert!(run("exit 4").fault.unwrap().contains("exit code 4"));
}

#[test]
fn a_program_that_is_not_there_is_a_fault() {
    let mut launcher = launcher("", Duration::from_secs(60));
    launcher.program = PathBuf::from("/nowhere/rlm-ctl");
    let question = serde_json::from_str::<Question>(
        r#"{"id":"q","family":"f","question":"?","context":[],"expect":{"kind":"absent"}}"#,
    );
    let asked = ask(&launcher, &question.unwrap(), Path::new("/set"));
    assert!(
        asked
            .fault
            .unwrap()
            .starts_with("cannot start /nowhere/rlm-ctl")
    );
}

#[test]
fn a_child_that_hangs_is_killed_at_the_limit() {
    let question = serde_json::from_str::<Question>(
        r#"{"id":"q","family":"f","question":"?","context":[],"expect":{"kind":"absent"}}"#,
    );
    let launcher = launcher("exec tail -f /dev/null", Duration::from_millis(60));
    let asked = ask(&launcher, &question.unwrap(), Path::new("/set"));
    assert_eq!(
        asked.fault.as_deref(),
        Some("stopped at the limit of 0.06 s")
    );
}

#[test]
fn a_large_stdout_does_not_block_the_child() {
    let asked = run(r#"head -c 300000 /dev/zero | tr '\0' '\n'; echo '{"answer":"done"}'"#);
    assert_eq!(asked.answer.as_deref(), Some("done"));
}
