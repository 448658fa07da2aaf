use super::*;
use crate::RecordingEngine;
use crate::scripted::{Scripted, Turn, chat};
use crate::testing::{LONG, ask};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

fn recording(turns: Vec<Turn>, path: &Path) -> RecordingEngine {
    RecordingEngine::new(Arc::new(Scripted::new(turns)), path).unwrap()
}

fn died() -> EngineError {
    EngineError::Died {
        reason: "a C++ assertion".into(),
        partial: "par".into(),
        asked_again: true,
    }
}

#[tokio::test]
async fn what_was_recorded_is_answered_the_same_without_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let turns = vec![
        (vec!["Par", "is"], None),
        (vec!["Rome"], None),
        (vec!["par"], Some(died())),
    ];
    let engine = recording(turns, &path);
    let texts = ["a".to_owned()];
    let facts = engine.facts().await;
    let first = chat(&engine, &ask("France?")).await;
    let second = chat(&engine, &ask("France?")).await;
    let failed = chat(&engine, &ask("Italy?")).await;
    let vectors = engine.embed(&texts).await;
    let count = engine.count_tokens("four").await;
    assert_eq!(engine.write_error(), None);

    let replay = ReplayEngine::open(&path).unwrap();
    assert_eq!(replay.facts().await, facts);
    let mut pieces = Vec::new();
    let mut sink = |text: &str| {
        pieces.push(text.to_owned());
        true
    };
    let cancel = CancellationToken::new();
    let again = replay.chat(&ask("France?"), &mut sink, LONG, &cancel).await;
    assert_eq!(
        (again, pieces),
        (first, vec!["Par".to_owned(), "is".to_owned()])
    );
    assert_eq!(
        chat(&replay, &ask("France?")).await,
        second,
        "answers come in their order"
    );
    assert_eq!(
        chat(&replay, &ask("France?")).await,
        second,
        "and the last one stays"
    );
    assert_eq!(
        chat(&replay, &ask("Italy?")).await,
        failed,
        "failures are recorded, too"
    );
    assert_eq!(replay.embed(&texts).await, vectors);
    assert_eq!(replay.count_tokens("four").await, count);
}

#[tokio::test]
async fn a_call_that_was_not_recorded_names_its_first_difference() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let engine = recording(vec![(vec!["x"], None), (vec!["y"], None)], &path);
    chat(&engine, &ask("What is the capital of France?"))
        .await
        .unwrap();
    chat(&engine, &ask("Something else")).await.unwrap();
    let replay = ReplayEngine::open(&path).unwrap();
    assert_eq!(replay.missed(), None);
    let refusal = |error: EngineError| {
        assert!(
            matches!(error, EngineError::NotRecorded { .. }),
            "{error:?}"
        );
        assert!(!error.retryable() && error.partial().is_none());
        error.to_string()
    };
    let text = refusal(
        chat(&replay, &ask("What is the capital of Italy?"))
            .await
            .unwrap_err(),
    );
    let place = "`request.messages[1].content` differs from character 23 on";
    assert!(text.contains(place), "{text}");
    assert!(
        text.contains("Italy?") && text.contains("France?"),
        "{text}"
    );
    let first = text;
    let mut request = ask("Something else");
    request.sampling.max_tokens = 7;
    let text = refusal(chat(&replay, &request).await.unwrap_err());
    assert!(
        text.contains("`request.sampling.max_tokens` is 7, and was 64"),
        "{text}"
    );
    let text = refusal(replay.facts().await.unwrap_err());
    assert!(text.contains("nothing like it was recorded"), "{text}");
    assert_eq!(replay.missed(), Some(first.as_str()));
}

#[tokio::test]
async fn a_sink_that_closes_earlier_gets_what_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let engine = recording(vec![(vec!["one ", "two ", "three"], None)], &path);
    chat(&engine, &ask("q")).await.unwrap();
    let replay = ReplayEngine::open(&path).unwrap();
    let mut closes = |text: &str| text != "two ";
    let cancel = CancellationToken::new();
    let reply = replay
        .chat(&ask("q"), &mut closes, LONG, &cancel)
        .await
        .unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.finish),
        ("one two ", Finish::Cancelled)
    );
}

#[tokio::test]
async fn a_recording_is_checked_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let missing = ReplayEngine::open(&path).unwrap_err();
    assert!(
        matches!(missing, RecordingError::Unreadable { .. }),
        "{missing}"
    );
    let engine = recording(vec![(vec!["said"], None)], &path);
    chat(&engine, &ask("q")).await.unwrap();
    drop(engine);
    let good = std::fs::read_to_string(&path).unwrap();

    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(&good);
    assert!(ReplayEngine::open(&path).is_ok());
    for cut in [good.len() / 2, good.len() - 1] {
        write(&format!("{good}{}", &good[..cut]));
        let refused = ReplayEngine::open(&path).unwrap_err();
        assert!(matches!(refused, RecordingError::Cut { .. }), "{refused}");
    }
    write(&good.replace("\"v\":1", "\"v\":2"));
    let other = ReplayEngine::open(&path).unwrap_err();
    assert!(
        matches!(
            other,
            RecordingError::Version {
                found: 2,
                line: 1,
                ..
            }
        ),
        "{other}"
    );
    for damaged in [
        good.replace("Be brief.", "Be long."),
        good.replace("said", "sang"),
        good.replace("\"sum\"", "\"sun\""),
        "{\n".to_owned(),
    ] {
        assert_ne!(damaged, good);
        write(&damaged);
        let refused = ReplayEngine::open(&path).unwrap_err();
        assert!(
            matches!(refused, RecordingError::Malformed { line: 1, .. }),
            "{refused}"
        );
    }
    std::fs::write(&path, b"\n\xff\n").unwrap();
    let bytes = ReplayEngine::open(&path).unwrap_err();
    assert!(
        matches!(bytes, RecordingError::Malformed { line: 2, .. }),
        "{bytes}"
    );
}

#[tokio::test]
async fn a_recording_that_cannot_be_written_says_so_and_changes_nothing() {
    let engine = recording(vec![(vec!["x"], None)], Path::new("/dev/full"));
    assert_eq!(chat(&engine, &ask("q")).await.unwrap().text, "x");
    assert!(engine.write_error().is_some());
    let folder = tempfile::tempdir().unwrap();
    let engine = Arc::new(Scripted::new(Vec::new()));
    let refused = RecordingEngine::new(engine, folder.path()).err().unwrap();
    assert!(
        matches!(refused, RecordingError::Unwritable { .. }),
        "{refused}"
    );
}

#[test]
fn a_recording_has_one_writer_once_and_is_its_owners() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let first = recording(Vec::new(), &path);
    first.keep("profile", "small");
    let mode = path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{mode:o}");
    let second = || RecordingEngine::new(Arc::new(Scripted::new(Vec::new())), &path).err();
    let file = path.display().to_string();
    assert_eq!(second(), Some(RecordingError::InUse { file: file.clone() }));
    let replay = ReplayEngine::open(&path).unwrap();
    assert_eq!(replay.kept("profile"), Ok("small".to_owned()), "it is read");
    drop(first);
    let before = std::fs::read(&path).unwrap();
    assert_eq!(second(), Some(RecordingError::Taken { place: file }));
    assert_eq!(std::fs::read(&path).unwrap(), before, "it is left as it is");
}

#[tokio::test]
async fn what_is_kept_beside_the_calls_is_read_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let engine = recording(Vec::new(), &path);
    let facts = engine.facts().await.unwrap();
    engine.keep("profile", "small");
    engine.keep("colour", "red");
    let named = ModelFacts {
        name: "another".to_owned(),
        ..facts.clone()
    };
    engine.keep_facts(&named);
    let replay = ReplayEngine::open(&path).unwrap();
    assert_eq!(replay.kept("profile"), Ok("small".to_owned()));
    assert_eq!(replay.kept("colour"), Ok("red".to_owned()));
    assert_eq!(replay.facts().await, Ok(facts));
    assert_eq!(replay.facts().await, Ok(named));
    let missing = replay.kept("size").unwrap_err().to_string();
    assert!(missing.contains("`what` differs"), "{missing}");
}
