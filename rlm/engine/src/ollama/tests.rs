use super::*;
use crate::Timings;
use crate::testing::{Act, TestServer, ask, chat, client, nowhere};
use base::{Finish, Usage};

fn shown() -> Value {
    json!({
        "template": "{{ if not $last }}<|im_end|>{{ end }}",
        "details": {"family": "qwen2"},
        "model_info": {"general.architecture": "qwen2", "qwen2.context_length": 32768},
        "capabilities": ["completion"],
    })
}

fn line(text: &str) -> String {
    format!(
        "{}\n",
        json!({"message": {"role": "assistant", "content": text}, "done": false})
    )
}

fn last(reason: &str) -> String {
    let last = json!({"message": {"content": ""}, "done": true, "done_reason": reason,
        "total_duration": 9_000_000, "prompt_eval_count": 20, "prompt_eval_duration": 2_000_000,
        "eval_count": 2, "eval_duration": 4_000_000});
    format!("{last}\n")
}

fn engine(url: &str) -> OllamaEngine {
    OllamaEngine::new(client(), url, "qwen:1b", OllamaOptions::default())
}

async fn serve(chat: impl Fn(usize) -> Act + Send + 'static) -> TestServer {
    TestServer::start(move |line, nth| match line {
        "POST /api/show" => Act::json(&shown()),
        "POST /api/chat" => chat(nth),
        other => Act::error(404, other),
    })
    .await
}

#[tokio::test]
async fn a_reply_comes_with_the_servers_own_account() {
    let body = format!("{}{}{}", line("Par"), line("is"), last("stop"));
    let server = serve(move |_| Act::ndjson(&body)).await;
    let engine = engine(&server.url);
    let mut request = ask("Capital?");
    request.prefill = Some("It is ".into());
    let reply = chat(&engine, &request).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.finish), ("Paris", Finish::End));
    let usage = Usage {
        prompt_tokens: 20,
        cached_tokens: 0,
        completion_tokens: 2,
    };
    assert_eq!(reply.usage, usage);
    let timings = Timings {
        queue_ms: 3.0,
        prefill_ms: 2.0,
        decode_ms: 4.0,
    };
    assert_eq!(reply.timings, timings);
    let facts = engine.facts().await.unwrap();
    assert_eq!(
        (facts.window, facts.family.as_deref()),
        (Some(32768), Some("qwen2"))
    );
    assert!(facts.prefill && !facts.grammar && !facts.embeddings);
    assert_eq!(server.seen("/api/show").len(), 1);

    let sent = &server.seen("/api/chat")[0].body;
    assert_eq!(sent["messages"][2]["content"], "It is ");
    assert_eq!(sent["options"]["num_ctx"], 8192);
    assert_eq!(sent["options"]["num_predict"], 64);
    assert_eq!(sent["keep_alive"], "30m");
    assert_eq!(sent["truncate"], false);
}

#[tokio::test]
async fn a_model_that_was_pulled_again_is_another_one() {
    let pulled = |digest: &str| {
        let mut shown = shown();
        shown["modelfile"] = format!("FROM /models/blobs/sha256-{digest}").into();
        shown
    };
    let mut versions = Vec::new();
    for digest in ["aa", "bb", "aa"] {
        let mut shown = pulled(digest);
        shown["modified_at"] = versions.len().to_string().into();
        let server = TestServer::start(move |_, _| Act::json(&shown)).await;
        let engine = engine(&server.url);
        engine.facts().await.unwrap();
        versions.push(engine.version().await.unwrap());
        assert_eq!(server.seen("/api/show").len(), 1, "it is asked once");
    }
    assert_ne!(versions[0], versions[1]);
    assert_eq!(versions[0], versions[2]);
}

#[tokio::test]
async fn the_window_follows_the_prompt_and_stays() {
    let server = serve(|_| Act::ndjson(&last("length"))).await;
    let engine = engine(&server.url);
    chat(&engine, &ask(&"word ".repeat(6000))).await.unwrap();
    let reply = chat(&engine, &ask("short")).await.unwrap();
    assert_eq!(reply.finish, Finish::Length);
    let seen = server.seen("/api/chat");
    let sizes: Vec<&Value> = seen.iter().map(|s| &s.body["options"]["num_ctx"]).collect();
    assert_eq!(
        sizes,
        [16384, 16384],
        "a smaller window would load the model again"
    );

    let error = chat(&engine, &ask(&"word ".repeat(60_000)))
        .await
        .unwrap_err();
    assert!(
        matches!(error, EngineError::TooLong { window: 32768, .. }),
        "{error}"
    );
    assert_eq!(
        server.seen("/api/chat").len(),
        2,
        "nothing was sent that would be cut"
    );
}

#[tokio::test]
async fn what_ollama_lacks_is_refused_before_it_is_sent() {
    let server = serve(|_| Act::Silence).await;
    let mut request = ask("q");
    request.grammar = Some("root ::= \"a\"".into());
    let error = chat(&engine(&server.url), &request).await.unwrap_err();
    assert!(matches!(error, EngineError::Unsupported { .. }), "{error}");
    assert!(server.seen("/api/chat").is_empty());
}

#[tokio::test]
async fn a_missing_model_says_how_to_get_it() {
    let gone = r#"{"error":"model 'qwen:1b' not found"}"#;
    let server = TestServer::start(move |_, _| Act::error(404, gone)).await;
    let error = chat(&engine(&server.url), &ask("q")).await.unwrap_err();
    assert!(
        error.to_string().contains("run `ollama pull qwen:1b`"),
        "{error}"
    );
    assert!(!error.retryable());
}

#[tokio::test]
async fn a_stream_that_breaks_is_garbled_and_keeps_its_text() {
    let half = || line("half");
    let cases: [(Act, &str); 4] = [
        (
            Act::Cut {
                kind: "application/x-ndjson",
                body: half(),
            },
            "error decoding",
        ),
        (Act::ndjson(&half()), "before the reply was whole"),
        (Act::ndjson(&format!("{}oops\n", half())), "not JSON"),
        (
            Act::ndjson(&format!("{}{{\"error\":\"out of memory\"}}\n", half())),
            "it failed while it wrote: out of memory",
        ),
    ];
    for (act, why) in cases {
        let server = serve(move |_| act.clone()).await;
        let error = chat(&engine(&server.url), &ask("q")).await.unwrap_err();
        let EngineError::Garbled {
            reason, partial, ..
        } = error
        else {
            panic!("{error:?} instead of {why}");
        };
        assert_eq!(partial, "half");
        assert!(reason.contains(why), "{reason}");
    }
}

#[tokio::test]
async fn a_busy_absent_or_hanging_server_is_told_apart() {
    let busy = r#"{"error":"server busy, please try again"}"#;
    let server = serve(move |_| Act::error(503, busy)).await;
    let error = chat(&engine(&server.url), &ask("q")).await.unwrap_err();
    assert!(matches!(error, EngineError::Busy { .. }), "{error}");

    let gone = engine(&nowhere().await);
    let error = chat(&gone, &ask("q")).await.unwrap_err();
    assert!(error.to_string().contains("`ollama serve`"), "{error}");

    let server = serve(|_| Act::Silence).await;
    let engine = engine(&server.url);
    let request = ask("q");
    let (reply, ()) = tokio::join!(chat(&engine, &request), async {
        server.hangs.notified().await;
        tokio::time::pause();
    });
    assert_eq!(
        reply,
        Err(EngineError::Deadline {
            partial: String::new()
        })
    );
}

#[tokio::test]
async fn embeddings_are_of_unit_length() {
    let server = TestServer::start(|line, _| match line {
        "POST /api/embed" => Act::json(&json!({"embeddings": [[3.0, 4.0]]})),
        _ => Act::json(&shown()),
    })
    .await;
    let vectors = engine(&server.url).embed(&["a".to_owned()]).await.unwrap();
    assert_eq!(vectors, [[0.6, 0.8]]);
}
