//! A request that is no job is refused by its status, with what, why and the next step; nothing is
//! begun for it.

use super::{listen, router, serve};
use crate::api::{ClientError, submit};
use crate::codes::ErrorCode;
use crate::job::{Observer, SubmitRequest, Unobserved};
use crate::node::Node;
use crate::settings::tests::settings;
use engine::CancellationToken;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Serves a node alone at `socket` until `stop`.
async fn serving(socket: &Path, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
    let node = Arc::new(Node::in_process(settings(&[])));
    let listener = listen(socket).await.unwrap();
    let routes = router(node, None).router();
    let served = serve(Arc::new(listener), routes, stop.clone());
    tokio::spawn(async move { served.await.unwrap() })
}

/// The status line and the document that `body` is answered by.
async fn answer(socket: &Path, body: &str) -> (String, Value) {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, document) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap_or_default().to_owned();
    (status, serde_json::from_str(document).unwrap())
}

#[tokio::test]
async fn a_request_that_is_wrong_is_refused_with_what_why_and_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("node.sock");
    let stop = CancellationToken::new();
    let serving = serving(&socket, &stop).await;
    for (body, status, why) in [
        (r#"{"question": "?", "max_turns": 0}"#, "400", "`max_turns`"),
        (
            r#"{"question": "?", "max_depth": 1000}"#,
            "400",
            "from 0 to 8",
        ),
        (
            r#"{"question": "?", "max_time": {"secs": 0, "nanos": 0}}"#,
            "400",
            "`max_time`",
        ),
        (r#"{"question": " "}"#, "400", "the question is empty"),
        (r#"{"question": "?", "max_turns": -1}"#, "422", "max_turns"),
        (r#"{"question": "#, "400", "JSON"),
    ] {
        let (line, document) = answer(&socket, body).await;
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status} ")),
            "{body}: {line}"
        );
        assert_eq!(document["error"], "RLM-E0200", "{document:#}");
        assert_eq!(document["what"], "the request is wrong", "{document:#}");
        let said = document["why"].as_str().unwrap_or_default();
        assert!(said.contains(why), "{document:#}");
        assert!(document["next"].is_string(), "{document:#}");
    }
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn a_client_hears_why_a_node_refuses_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("node.sock");
    let stop = CancellationToken::new();
    let serving = serving(&socket, &stop).await;
    let request = SubmitRequest {
        question: "What?".to_owned(),
        max_turns: Some(0),
        ..SubmitRequest::default()
    };
    let observer: Arc<dyn Observer> = Arc::new(Unobserved);
    let node = UnixStream::connect(&socket).await.unwrap();
    let refused = submit(node, &request, &observer, &CancellationToken::new()).await;
    let Err(ClientError::Refused(failure)) = refused else {
        panic!("not refused: {refused:?}");
    };
    assert_eq!(failure.code, ErrorCode::Usage);
    let said = failure.to_string();
    assert!(said.contains("from 1 to 10000, not 0"), "{said}");
    stop.cancel();
    serving.await.unwrap();
}
