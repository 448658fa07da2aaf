use super::*;
use crate::Timings;
use crate::testing::{Act, LONG, TestServer, ask, chat, client, nowhere};
use base::{Finish, Usage};

const STREAM: &str = "text/event-stream";

fn delta(text: &str) -> String {
    let event = json!({"choices": [{"delta": {"content": text}, "finish_reason": null}]});
    format!("data: {event}\n\n")
}

fn whole() -> String {
    let end = json!({"choices": [{"delta": {}, "finish_reason": "stop"}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4}}});
    format!(
        ": hello\n\n{}{}data: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n",
        delta("Par"),
        delta("is")
    )
}

fn models(owner: &str) -> Act {
    Act::json(&json!({"data": [
        {"id": "m", "owned_by": owner, "max_model_len": 4096},
        {"id": "other", "owned_by": owner},
    ]}))
}

fn engine(url: &str) -> OpenAiEngine {
    let options = OpenAiOptions {
        key: Some(Secret::new("sk-secret\n")),
        ..OpenAiOptions::default()
    };
    OpenAiEngine::new(client(), &format!("{url}/v1"), "m", options)
}

async fn serve(owner: &'static str, chat: impl Fn(usize) -> Act + Send + 'static) -> TestServer {
    TestServer::start(move |line, nth| match line {
        "GET /v1/models" => models(owner),
        "POST /v1/chat/completions" => chat(nth),
        other => Act::error(404, other),
    })
    .await
}

#[tokio::test]
async fn a_reply_streams_in_pieces_with_its_usage() {
    let server = serve("vllm", |_| Act::events(&whole())).await;
    let engine = engine(&server.url);
    let mut pieces = Vec::new();
    let mut sink = |text: &str| {
        pieces.push(text.to_owned());
        true
    };
    let cancel = CancellationToken::new();
    let reply = engine
        .chat(&ask("Capital?"), &mut sink, LONG, &cancel)
        .await
        .unwrap();
    assert_eq!(pieces, ["Par", "is"]);
    assert_eq!(reply.text, "Paris");
    assert_eq!(reply.finish, Finish::End);
    let usage = Usage {
        prompt_tokens: 9,
        cached_tokens: 4,
        completion_tokens: 2,
    };
    assert_eq!(reply.usage, usage);
    assert_ne!(reply.timings, Timings::default());

    let seen = &server.seen("/chat/completions")[0];
    assert!(seen.headers.contains("authorization: bearer sk-secret\r\n"));
    assert_eq!(seen.body["max_tokens"], 64);
    assert_eq!(seen.body["stream_options"]["include_usage"], true);
    assert_eq!(seen.body["messages"][1]["content"], "Capital?");
    assert!(!format!("{engine:?}").contains("sk-secret"));
}

#[tokio::test]
async fn the_servers_kind_decides_what_it_is_asked() {
    let server = serve("vllm", |_| Act::events(&whole())).await;
    let vllm = engine(&server.url);
    let facts = vllm.facts().await.unwrap();
    assert_eq!(
        (facts.window, facts.prefill, facts.grammar),
        (Some(4096), true, true)
    );
    let mut request = ask("q");
    request.prefill = Some("```repl\n".into());
    request.grammar = Some("root ::= \"a\"".into());
    chat(&vllm, &request).await.unwrap();
    assert_eq!(server.seen("/models").len(), 1, "asked once");
    let body = &server.seen("/chat/completions")[0].body;
    assert_eq!(body["messages"][2]["role"], "assistant");
    assert_eq!(body["continue_final_message"], true);
    assert_eq!(body["add_generation_prompt"], false);
    assert_eq!(body["structured_outputs"]["grammar"], "root ::= \"a\"");

    let server = serve("someone", |_| Act::events(&whole())).await;
    let unknown = engine(&server.url);
    let facts = unknown.facts().await.unwrap();
    assert_eq!((facts.prefill, facts.grammar), (false, false));
    let error = chat(&unknown, &request).await.unwrap_err();
    assert!(matches!(error, EngineError::Unsupported { .. }), "{error}");
    assert!(
        server.seen("/chat/completions").is_empty(),
        "nothing was sent"
    );
}

#[tokio::test]
async fn ollama_is_not_asked_what_it_might_cut() {
    let server = serve("library", |_| Act::events(&whole())).await;
    let engine = engine(&server.url);
    assert_eq!(chat(&engine, &ask("short")).await.unwrap().text, "Paris");
    let error = chat(&engine, &ask(&"word ".repeat(3000)))
        .await
        .unwrap_err();
    let name = format!("name the model `ollama:m@{}`", server.url);
    assert!(error.to_string().contains(&name), "{error}");
    assert_eq!(
        server.seen("/chat/completions").len(),
        1,
        "nothing was sent that would be cut"
    );
}

#[tokio::test]
async fn a_refused_field_is_left_out_from_then_on() {
    let refusal = r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens'.","param":"max_tokens"}}"#;
    let fixed = r#"{"error":{"message":"Unsupported value: 'temperature'","param":"temperature"}}"#;
    let server = serve("x", move |nth| match nth {
        0 => Act::error(400, refusal),
        1 => Act::error(400, fixed),
        _ => Act::events(&whole()),
    })
    .await;
    let engine = engine(&server.url);
    assert_eq!(chat(&engine, &ask("a")).await.unwrap().text, "Paris");
    assert_eq!(chat(&engine, &ask("b")).await.unwrap().text, "Paris");
    let seen = server.seen("/chat/completions");
    assert_eq!(seen.len(), 4);
    for request in &seen[2..] {
        assert_eq!(request.body["max_completion_tokens"], 64);
        assert!(request.body["max_tokens"].is_null() && request.body["temperature"].is_null());
    }
}

#[tokio::test]
async fn the_sink_and_a_stop_string_end_the_call_early() {
    let endless = || Act::Hang {
        kind: STREAM,
        body: format!("{}{}", delta("one "), delta("two")),
    };
    let server = serve("x", move |_| endless()).await;
    let engine = engine(&server.url);
    let cancel = CancellationToken::new();
    let mut closed = |text: &str| !text.contains("two");
    let reply = engine
        .chat(&ask("q"), &mut closed, LONG, &cancel)
        .await
        .unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.finish),
        ("one two", Finish::Cancelled)
    );
    assert_eq!(reply.usage.completion_tokens, 2);
    assert!(
        reply.usage.prompt_tokens > 0,
        "guessed, since the server was cut off"
    );

    let mut request = ask("q");
    request.sampling.stop = ["1", "2", "3", "4", "e tw"].map(String::from).to_vec();
    let reply = chat(&engine, &request).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.finish), ("on", Finish::Stop));
    let sent = &server.seen("/chat/completions")[1].body["stop"];
    assert_eq!(
        sent.as_array().unwrap().len(),
        4,
        "as many as the protocol takes"
    );
}

#[tokio::test]
async fn cancelling_and_the_deadline_keep_what_was_written() {
    let server = serve("x", |_| Act::Hang {
        kind: STREAM,
        body: delta("half"),
    })
    .await;
    let engine = engine(&server.url);
    let cancel = CancellationToken::new();
    let mut stop = |_: &str| {
        cancel.cancel();
        true
    };
    let reply = engine
        .chat(&ask("q"), &mut stop, LONG, &cancel)
        .await
        .unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.finish),
        ("half", Finish::Cancelled)
    );

    // Time is stepped once the text has come: the deadline, and no slow machine, ends the call.
    let mut pause = |_: &str| {
        tokio::time::pause();
        true
    };
    let cancel = CancellationToken::new();
    let error = engine
        .chat(&ask("q"), &mut pause, LONG, &cancel)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        EngineError::Deadline {
            partial: "half".into()
        }
    );
}

#[tokio::test]
async fn a_server_that_never_answers_meets_the_deadline() {
    let server = serve("x", |_| Act::Silence).await;
    let engine = engine(&server.url);
    let hangs = server.hangs.clone();
    let request = ask("q");
    let (reply, ()) = tokio::join!(chat(&engine, &request), async {
        hangs.notified().await;
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
async fn a_stream_that_breaks_is_garbled_and_keeps_its_text() {
    type Case = (fn() -> Act, &'static str, &'static str);
    let cases: [Case; 6] = [
        (
            || Act::Cut {
                kind: STREAM,
                body: delta("half"),
            },
            "half",
            "error decoding",
        ),
        (
            || Act::events(&delta("half")),
            "half",
            "before the reply was whole",
        ),
        (
            || Act::events(&format!("{}data: {{oops\n\n", delta("a"))),
            "a",
            "not JSON",
        ),
        (
            || {
                Act::events(&format!(
                    "{}data: {{\"error\":{{\"message\":\"CUDA\"}}}}\n\n",
                    delta("a")
                ))
            },
            "a",
            "failed while it wrote: CUDA",
        ),
        (
            || Act::error(200, "<html><body>Welcome to nginx"),
            "",
            "a web page",
        ),
        (|| Act::Noise, "", "invalid HTTP"),
    ];
    for (act, text, why) in cases {
        let server = serve("x", move |_| act()).await;
        let error = chat(&engine(&server.url), &ask("q")).await.unwrap_err();
        let EngineError::Garbled {
            reason, partial, ..
        } = error
        else {
            panic!("{error:?} instead of {why}");
        };
        assert_eq!(partial, text, "{reason}");
        assert!(reason.contains(why), "{reason}");
    }
}

#[tokio::test]
async fn a_stream_without_its_last_line_is_whole_once_it_gave_its_reason() {
    let end = json!({"choices": [{"delta": {"content": "."}, "finish_reason": "length"}]});
    let body = format!("{}data: {end}", delta("x"));
    let server = serve("x", move |_| Act::events(&body)).await;
    let reply = chat(&engine(&server.url), &ask("q")).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.finish), ("x.", Finish::Length));
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let answer = json!({"choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1}});
    let server = serve("x", move |_| Act::json(&answer)).await;
    let reply = chat(&engine(&server.url), &ask("q")).await.unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.usage.prompt_tokens),
        ("Paris", 5)
    );
}

#[tokio::test]
async fn an_unknown_model_is_answered_with_those_that_are_there() {
    let unknown = r#"{"error":{"message":"The model `m` does not exist."}}"#;
    let server = serve("x", move |_| Act::error(404, unknown)).await;
    let error = chat(&engine(&server.url), &ask("q")).await.unwrap_err();
    assert!(error.to_string().contains("it has m, other"), "{error}");
    assert!(matches!(error, EngineError::Refused { .. }));
}

#[tokio::test]
async fn a_busy_server_says_when_to_come_back() {
    let server = serve("x", |_| Act::Answer {
        status: 429,
        headers: "Retry-After: 2\r\n".into(),
        body: "slow down".into(),
    })
    .await;
    let error = chat(&engine(&server.url), &ask("q")).await.unwrap_err();
    let busy = matches!(
        error,
        EngineError::Busy {
            retry_after_ms: Some(2000),
            ..
        }
    );
    assert!(busy && error.retryable(), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_with_the_next_step() {
    let gone = engine(&nowhere().await);
    let error = chat(&gone, &ask("q")).await.unwrap_err();
    assert!(
        matches!(error, EngineError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("nothing listens at"), "{error}");

    let error = chat(&engine("http://no-such-host.invalid"), &ask("q"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("cannot be resolved"), "{error}");

    let server = TestServer::start(|_, _| Act::Noise).await;
    let tls = server.url.replace("http://", "https://");
    let error = chat(&engine(&tls), &ask("q")).await.unwrap_err();
    assert!(
        matches!(error, EngineError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("is it `http://`"), "{error}");
}

#[tokio::test]
async fn embeddings_come_in_order_and_of_unit_length() {
    let server = TestServer::start(|line, _| match line {
        "POST /v1/embeddings" => Act::json(&json!({"data": [
            {"index": 1, "embedding": [0.0, 2.0]},
            {"index": 0, "embedding": [3.0, 4.0]},
        ]})),
        _ => models("x"),
    })
    .await;
    let engine = engine(&server.url);
    let two = ["a".to_owned(), "b".to_owned()];
    assert_eq!(engine.embed(&two).await.unwrap(), [[0.6, 0.8], [0.0, 1.0]]);
    let error = engine.embed(&two[..1]).await.unwrap_err();
    assert!(matches!(error, EngineError::Garbled { .. }), "{error:?}");
}

#[tokio::test]
async fn tokens_are_counted_where_the_server_can() {
    let server = TestServer::start(|line, _| match line {
        "POST /tokenize" => Act::json(&json!({"count": 7})),
        _ => models("vllm"),
    })
    .await;
    assert_eq!(engine(&server.url).count_tokens("x").await, Ok(Some(7)));
    let server = serve("x", |_| Act::Silence).await;
    assert_eq!(engine(&server.url).count_tokens("x").await, Ok(None));
}
