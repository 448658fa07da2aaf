//! The engine from outside, on tiny models with random weights, through real child processes.
//! What such a model writes is meaningless, so grammars force the text where the text matters.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects"
)]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of a test fail as the test does"
)]

mod support;

use engine::{CancellationToken, Engine, EngineError};
use engine_llama::{KvType, LlamaEngine, OpenError, TinyModel};
use support::{Bench, LONG, chat, grammar, kill, request, within};
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn a_chat_is_answered_and_accounted_for() {
    let bench = Bench::new();
    let engine = bench.open().await;
    let mut request = grammar("root ::= \"hello world\"");
    let mut pieces = Vec::new();
    let mut sink = |text: &str| {
        pieces.push(text.to_owned());
        true
    };
    let cancel = CancellationToken::new();
    let reply = engine
        .chat(&request, &mut sink, LONG, &cancel)
        .await
        .unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.finish),
        ("hello world", base::Finish::End)
    );
    assert_eq!(pieces.concat(), "hello world");
    assert!(pieces.len() > 3, "it was streamed: {pieces:?}");
    assert_eq!(reply.usage.cached_tokens, 0);
    let again = chat(&engine, &request).await.unwrap();
    assert_eq!(
        again.usage.cached_tokens,
        again.usage.prompt_tokens - 1,
        "only the last token"
    );
    request.prefill = Some("Sure: ".into());
    let prefilled = chat(&engine, &request).await.unwrap();
    assert_eq!(
        prefilled.text, "hello world",
        "the prefill is not part of the reply"
    );
    assert!(prefilled.usage.prompt_tokens > again.usage.prompt_tokens);
    let facts = engine.facts().await.unwrap();
    assert_eq!((facts.window, facts.slots), (Some(512), 4));
    assert_eq!(facts.family.as_deref(), Some("qwen2"));
    assert_eq!(engine.notes(), [""; 0]);
    assert_eq!(engine.count_tokens("the the").await.unwrap(), Some(2));
}

#[tokio::test]
async fn parallel_calls_give_what_each_gives_alone() {
    let bench = Bench::new();
    let alone = bench.open().await;
    let together = bench.open().await;
    let requests: Vec<_> = (0..6)
        .map(|i| request(&format!("question {i} of the day"), 8))
        .collect();
    let mut expected = Vec::new();
    for request in &requests {
        expected.push(chat(&alone, request).await.unwrap().text);
    }
    let answers = futures::future::join_all(requests.iter().map(|r| chat(&together, r))).await;
    let answers: Vec<_> = answers.into_iter().map(|a| a.unwrap()).collect();
    let texts: Vec<_> = answers.iter().map(|a| a.text.clone()).collect();
    assert_eq!(texts, expected);
    assert!(
        texts.iter().any(|t| *t != texts[0]),
        "the questions matter: {texts:?}"
    );
    let cached = answers.iter().filter(|a| a.usage.cached_tokens > 0).count();
    assert!(cached >= 4, "the common beginning was shared: {answers:?}");
}

#[tokio::test]
async fn sampling_repeats_with_its_seed() {
    let bench = Bench::new();
    let engine = bench.open().await;
    let mut request = request("say something", 24);
    request.sampling.temperature = 1.5;
    request.sampling.top_p = 0.95;
    // The first call reads the prompt; those that are compared find it read, and so compute alike.
    request.sampling.seed = 43;
    let other = chat(&engine, &request).await.unwrap();
    request.sampling.seed = 42;
    let first = chat(&engine, &request).await.unwrap();
    let again = chat(&engine, &request).await.unwrap();
    assert_eq!(again.text, first.text);
    assert_ne!(first.text, other.text, "the seed matters");
}

#[tokio::test]
async fn a_stop_string_over_several_tokens_ends_the_reply_before_it() {
    let bench = Bench::new();
    let engine = bench.open().await;
    let mut request = grammar("root ::= \"alpha STOP beta\"");
    request.sampling.stop = vec!["STOP".into()];
    let mut seen = String::new();
    let mut sink = |text: &str| {
        seen.push_str(text);
        true
    };
    let reply = engine
        .chat(&request, &mut sink, LONG, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.finish),
        ("alpha ", base::Finish::Stop)
    );
    assert_eq!(seen, "alpha ");
    request.sampling.stop.clear();
    request.sampling.max_tokens = 3;
    let cut = chat(&engine, &request).await.unwrap();
    assert_eq!(
        (cut.finish, cut.usage.completion_tokens),
        (base::Finish::Length, 3)
    );
}

#[tokio::test]
async fn bad_requests_are_refused_and_the_child_lives_on() {
    let bench = Bench::new();
    let engine = bench.open().await;
    let pid = engine.worker_pid();
    let deep = format!("root ::= {}\"a\"{}", "(".repeat(5000), ")".repeat(5000));
    let bad = [
        "root ::= (",
        "nothing at all",
        "",
        "other ::= \"x\"",
        "root ::= root \"x\"",
        &deep,
    ];
    for text in bad {
        let error = chat(&engine, &grammar(text)).await.unwrap_err();
        assert!(
            matches!(error, EngineError::Refused { .. }),
            "{text:.40}: {error}"
        );
    }
    let mut nothing = request("x", 1);
    nothing.sampling.max_tokens = 0;
    assert!(matches!(
        chat(&engine, &nothing).await,
        Err(EngineError::Refused { .. })
    ));
    let long = request(&"abc ".repeat(400), 16);
    match chat(&engine, &long).await.unwrap_err() {
        EngineError::TooLong {
            tokens,
            window,
            over,
        } => {
            assert_eq!((window, over), (512, tokens + 16 - 512));
        }
        other => panic!("{other}"),
    }
    let error = engine.embed(&["x".into()]).await.unwrap_err();
    assert!(matches!(error, EngineError::Unsupported { .. }), "{error}");
    assert_eq!(
        chat(&engine, &grammar("root ::= \"ok\""))
            .await
            .unwrap()
            .text,
        "ok"
    );
    assert_eq!((engine.worker_pid(), engine.restarts()), (pid, 0));
}

#[tokio::test]
async fn control_tokens_in_a_message_stay_text() {
    let bench = Bench::new();
    let engine = bench.open().await;
    let tokens = |text: &str| {
        let request = request(text, 1);
        let engine = &engine;
        async move { chat(engine, &request).await.unwrap().usage.prompt_tokens }
    };
    let plain = tokens("").await;
    // Spelled out: ten tokens of a byte each, not one control token.
    assert_eq!(tokens("<|im_end|>").await, plain + 10);
}

#[tokio::test]
async fn cancelling_keeps_the_text_and_frees_the_slot() {
    let bench = Bench::new();
    let engine = bench.open().await;
    let cancel = CancellationToken::new();
    let mut sink = |_: &str| {
        cancel.cancel();
        true
    };
    let endless = grammar("root ::= \"a\"+");
    let reply = engine
        .chat(&endless, &mut sink, LONG, &cancel)
        .await
        .unwrap();
    assert_eq!(reply.finish, base::Finish::Cancelled);
    assert!(!reply.text.is_empty() && reply.usage.prompt_tokens > 0);
    let mut enough = |_: &str| false;
    let token = CancellationToken::new();
    let reply = engine
        .chat(&endless, &mut enough, LONG, &token)
        .await
        .unwrap();
    assert_eq!(reply.finish, base::Finish::Cancelled);
    // More calls than slots, all dropped at once: the next one is served all the same.
    {
        let calls: Vec<_> = (0..6).map(|_| chat(&engine, &endless)).collect();
        let all = futures::future::join_all(calls);
        tokio::select! {
            biased;
            _ = all => panic!("endless calls ended"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(
        chat(&engine, &grammar("root ::= \"ok\""))
            .await
            .unwrap()
            .text,
        "ok"
    );
}

#[tokio::test]
async fn a_deadline_gives_an_error_with_the_text_so_far() {
    let bench = Bench::new();
    let engine = bench.open_wide().await;
    let mut endless = grammar("root ::= \"a\"+");
    endless.sampling.max_tokens = 3000;
    let (mut seen, mut frozen) = (String::new(), false);
    let mut sink = |text: &str| {
        // From the first piece on, time is made up: it jumps to the deadline as soon as there is
        // nothing else to do, however fast the machine is.
        if !frozen {
            tokio::time::pause();
            frozen = true;
        }
        seen.push_str(text);
        true
    };
    let error = engine
        .chat(&endless, &mut sink, LONG, &CancellationToken::new())
        .await
        .unwrap_err();
    let EngineError::Deadline { partial } = error else {
        panic!("{error}")
    };
    assert!(partial.starts_with('a'), "{partial:?}");
    assert_eq!(partial, seen);
}

#[tokio::test]
async fn a_killed_child_is_replaced_and_the_call_goes_on_where_it_was() {
    let bench = Bench::new();
    let engine = bench.open_wide().await;
    let first = engine.worker_pid().unwrap();
    let (request, text) = bench::long();
    let mut seen = String::new();
    let mut killed = false;
    let mut sink = |text: &str| {
        seen.push_str(text);
        if !killed && seen.len() > 20 {
            killed = true;
            kill(first);
        }
        true
    };
    let reply = engine
        .chat(&request, &mut sink, LONG, &CancellationToken::new())
        .await
        .unwrap();
    assert!(killed);
    let second = engine.worker_pid().unwrap();
    assert!(
        second != first && engine.restarts() == 1,
        "the child did die"
    );
    assert_eq!(reply.text, text);
    assert_eq!(seen, reply.text, "nothing was shown twice");
}

#[tokio::test]
async fn a_call_whose_child_dies_twice_fails_with_the_reason_and_its_text() {
    let bench = Bench::new();
    let engine = std::sync::Arc::new(bench.open_wide().await);
    let (request, text) = bench::long();
    let killer = std::sync::Arc::clone(&engine);
    let mut last = None;
    let mut sink = |_: &str| {
        let pid = killer.worker_pid();
        if let Some(alive) = pid.filter(|_| pid != last) {
            last = pid;
            kill(alive);
        }
        true
    };
    let error = engine
        .chat(&request, &mut sink, LONG, &CancellationToken::new())
        .await
        .unwrap_err();
    let EngineError::Died {
        reason,
        partial,
        asked_again: true,
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(engine.restarts(), 1, "asked again once, by the engine");
    assert!(reason.contains("signal 9"), "{reason}");
    assert!(text.starts_with(&partial) && partial.len() > 1, "{partial}");
    assert_eq!(
        chat(&engine, &bench::ok()).await.unwrap().text,
        "ok",
        "the engine recovers"
    );
}

#[tokio::test]
async fn a_call_that_kills_its_child_does_not_take_its_neighbours_along() {
    let bench = Bench::new();
    let engine = bench.open_wide().await;
    let (request, text) = bench::long();
    // Stands for a call on which llama.cpp asserts: whatever child writes for it dies.
    let mut last = None;
    let mut deadly = |_: &str| {
        let pid = engine.worker_pid();
        if let Some(alive) = pid.filter(|_| pid != last) {
            last = pid;
            kill(alive);
        }
        true
    };
    let cancel = CancellationToken::new();
    let (before, killer, after) = tokio::join!(
        chat(&engine, &request),
        engine.chat(&request, &mut deadly, LONG, &cancel),
        chat(&engine, &request),
    );
    assert!(
        matches!(
            killer,
            Err(EngineError::Died {
                asked_again: true,
                ..
            })
        ),
        "{killer:?}"
    );
    for neighbour in [before, after] {
        assert_eq!(neighbour.unwrap().text, text);
    }
    assert_eq!(
        engine.restarts(),
        2,
        "one death with neighbours, one alone that convicts"
    );
}

#[tokio::test]
async fn too_little_memory_is_refused_before_a_child_is_started() {
    let bench = Bench::new();
    let mut options = bench.options();
    let flag = bench.folder.path().join("started");
    options.program = "/bin/sh".into();
    options.args = vec!["-c".into(), format!("touch {}", flag.display())];
    options.memory = Some(1 << 20);
    let error = LlamaEngine::open(options.clone()).await.err().unwrap();
    assert!(matches!(error, OpenError::Memory { .. }), "{error}");
    assert!(!flag.exists(), "no child ran");
    options.memory = Some(8 << 30);
    let error = LlamaEngine::open(options).await.err().unwrap();
    assert!(matches!(error, OpenError::Load { .. }), "{error}");
    assert!(flag.exists(), "one runs where there is enough");
}

#[tokio::test]
async fn quantised_keys_and_values_with_flash_attention_answer() {
    let open = async |heads| {
        let bench = Bench::with(TinyModel {
            heads,
            ..TinyModel::default()
        });
        let mut options = bench.options();
        options.kv = KvType::Q8_0;
        options.flash_attention = true;
        LlamaEngine::open(options).await
    };
    // A head of 16 numbers does not fill a block: this shows that the type reaches llama.cpp.
    let error = open(4).await.err().unwrap().to_string();
    assert!(error.contains("q8_0"), "{error}");
    let engine = open(2).await.unwrap();
    let reply = chat(&engine, &grammar("root ::= \"hello world\"")).await;
    assert_eq!(reply.unwrap().text, "hello world");
}

#[tokio::test]
async fn a_child_that_always_dies_is_given_up_with_its_last_words() {
    let bench = Bench::new();
    let mut options = bench.options();
    options.program = "/bin/sh".into();
    options.args = vec!["-c".into(), "echo the dog ate it >&2; exit 3".into()];
    let error = LlamaEngine::open(options.clone()).await.err().unwrap();
    let OpenError::Load { reason, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(reason, "it ended with status 3: the dog ate it");
    options.program = "/none/such".into();
    let error = LlamaEngine::open(options).await.err().unwrap();
    assert!(matches!(error, OpenError::Spawn { .. }), "{error}");
}

#[tokio::test]
async fn a_child_that_still_loads_ends_when_its_opener_leaves() {
    let bench = Bench::new();
    let alive = bench.folder.path().join("alive");
    let made = std::process::Command::new("mkfifo").arg(&alive).status();
    assert!(made.unwrap().success());
    let mut options = bench.options();
    options.program = "/bin/sh".into();
    // It holds the pipe as long as it lives, and never says that it has the model.
    let script = format!("exec 3>{}; exec sleep 3600", alive.display());
    options.args = vec!["-c".into(), script];
    options.load_timeout = 2 * LONG;
    let opening = tokio::spawn(LlamaEngine::open(options));
    let mut pipe = tokio::fs::File::open(&alive).await.unwrap();
    assert!(!opening.is_finished(), "the child runs, and is waited for");
    opening.abort();
    assert!(opening.await.err().unwrap().is_cancelled());
    let mut rest = Vec::new();
    let end = tokio::time::timeout(LONG, pipe.read_to_end(&mut rest)).await;
    assert_eq!(end.expect("it lives on").unwrap(), 0);
}

#[tokio::test]
async fn a_child_that_dies_again_after_each_start_is_given_up() {
    let bench = Bench::new();
    let mut options = bench.options();
    // Works once: the flag makes every later start die.
    let flag = bench.folder.path().join("started");
    let worker = options.program.display().to_string();
    let script = format!(
        "if test -e {0}; then exit 9; fi; touch {0}; exec {worker}",
        flag.display()
    );
    options.program = "/bin/sh".into();
    options.args = vec!["-c".into(), script];
    let engine = LlamaEngine::open(options).await.unwrap();
    kill(engine.worker_pid().unwrap());
    let error = chat(&engine, &bench::ok()).await.unwrap_err();
    let EngineError::Died { reason, .. } = error else {
        panic!("{error}")
    };
    assert!(reason.contains("status 9"), "{reason}");
    for _ in 0..4 {
        let error = chat(&engine, &bench::ok()).await.unwrap_err();
        let EngineError::Died { reason, .. } = error else {
            panic!("{error}")
        };
        assert!(reason.contains("status 9"), "{reason}");
    }
}

#[tokio::test]
async fn a_fixed_prefix_is_kept_for_later_calls_and_for_the_next_process() {
    let bench = Bench::new();
    let mut options = bench.options();
    options.prefix_store = Some(bench.folder.path().join("prefixes"));
    let system = "You answer questions about long texts. ".repeat(3);
    let ask = |question: &str| {
        let mut request = request(question, 2);
        request
            .messages
            .insert(0, base::Message::system(system.clone()));
        request.shared_prefix = 1;
        request
    };
    let engine = LlamaEngine::open(options.clone()).await.unwrap();
    let cold = chat(&engine, &ask("first")).await.unwrap();
    let warm = chat(&engine, &ask("second")).await.unwrap();
    assert_eq!(cold.usage.cached_tokens, 0);
    assert!(warm.usage.cached_tokens > 80, "{warm:?}");
    drop(engine);
    let engine = LlamaEngine::open(options).await.unwrap();
    let restored = chat(&engine, &ask("second")).await.unwrap();
    assert!(
        restored.usage.cached_tokens > 80,
        "read from the store: {restored:?}"
    );
    assert_eq!(restored.text, warm.text);
    let store = bench.folder.path().join("prefixes");
    assert_eq!(std::fs::read_dir(store).unwrap().count(), 1);
}

#[tokio::test]
async fn vectors_have_unit_length_and_do_not_depend_on_their_neighbours() {
    let bench = Bench::with(TinyModel {
        architecture: "bert".into(),
        window: 64,
        ..TinyModel::default()
    });
    let engine = bench.open().await;
    let texts: Vec<String> = (0..70)
        .map(|i| format!("a b {}", "c ".repeat(i % 20)))
        .collect();
    let vectors = engine.embed(&texts).await.unwrap();
    assert_eq!(vectors.len(), 70);
    for vector in &vectors {
        let length: f32 = vector.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
    }
    let alone = engine.embed(&texts[7..8]).await.unwrap();
    let near: f32 = alone[0].iter().zip(&vectors[7]).map(|(a, b)| a * b).sum();
    assert!(near > 0.9999, "{near}");
    let other: f32 = vectors[0]
        .iter()
        .zip(&vectors[19])
        .map(|(a, b)| a * b)
        .sum();
    assert!(other < 0.9999, "different texts differ: {other}");
    let error = engine.embed(&["d ".repeat(100)]).await.unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::TooLong {
                tokens: 102,
                window: 64,
                over: 38
            }
        ),
        "{error}"
    );
    let error = chat(&engine, &request("x", 1)).await.unwrap_err();
    assert!(matches!(error, EngineError::Unsupported { .. }), "{error}");
    assert!(engine.facts().await.unwrap().embeddings);
}

#[tokio::test]
async fn an_unknown_chat_template_is_replaced_with_a_note() {
    let template = Some("{% raw %} nothing like it {% endraw %}".into());
    let bench = Bench::with(TinyModel {
        chat_template: template,
        ..TinyModel::default()
    });
    let engine = bench.open().await;
    assert!(engine.notes()[0].contains("ChatML"), "{:?}", engine.notes());
    assert_eq!(chat(&engine, &bench::ok()).await.unwrap().text, "ok");
}

#[tokio::test]
async fn llama_cpp_itself_refuses_what_the_header_did_not_show() {
    let bench = Bench::with(TinyModel {
        architecture: "gemma3".into(),
        ..TinyModel::default()
    });
    let error = LlamaEngine::open(bench.options()).await.err().unwrap();
    let OpenError::Load { reason, .. } = error else {
        panic!("{error}")
    };
    assert!(
        reason.contains("refused") || reason.contains("status"),
        "{reason}"
    );
}

#[tokio::test]
async fn the_worker_ends_at_garbage_and_at_the_end_of_its_input() {
    let garbage = within(b"this is no frame at all").await;
    assert_eq!(garbage.0, Some(65));
    assert!(garbage.1.contains("protocol"), "{}", garbage.1);
    assert_eq!(within(b"").await.0, Some(0));
    let wrong_first = within(b"\x13\0\0\0{\"Cancel\":{\"id\":1}}").await;
    assert_eq!(wrong_first.0, Some(65));
}

mod bench {
    /// A text of some 2,000 tokens, far longer than it takes to kill a process.
    pub(super) fn long() -> (engine::ChatRequest, String) {
        let text: String = (0..400).map(|i| format!("{i:04},")).collect();
        let mut request = super::grammar(&format!("root ::= \"{text}\""));
        request.sampling.max_tokens = 3000;
        (request, text)
    }

    pub(super) fn ok() -> engine::ChatRequest {
        super::grammar("root ::= \"ok\"")
    }
}
