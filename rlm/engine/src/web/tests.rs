//! Which requests go through a proxy; the proxy is a server of the test.

use super::*;
use crate::testing::{Act, TestServer};

async fn proxy() -> TestServer {
    TestServer::start(|_, _| Act::json(&serde_json::json!({"by": "proxy"}))).await
}

fn through(proxy: &TestServer, no_proxy: &str) -> reqwest::Client {
    let options = WebOptions {
        http_proxy: Some(proxy.url.clone()),
        https_proxy: Some(proxy.url.clone()),
        no_proxy: no_proxy.to_owned(),
        ..WebOptions::default()
    };
    web_client(&options).unwrap()
}

#[tokio::test]
async fn an_address_goes_through_its_schemes_proxy() {
    let proxy = proxy().await;
    let client = through(&proxy, "localhost,127.0.0.0/8,::1");
    let answer = client.get("http://hub.invalid/model").send().await.unwrap();
    assert!(answer.status().is_success());
    assert_eq!(
        proxy.seen("hub.invalid")[0].line,
        "GET http://hub.invalid/model HTTP/1.1"
    );
    // A proxy is asked to connect to a server whose lines it cannot read; this one does not.
    let secret = client.get("https://hub.invalid/model").send().await;
    assert!(secret.is_err());
    assert_eq!(
        proxy.seen("CONNECT")[0].line,
        "CONNECT hub.invalid:443 HTTP/1.1"
    );
}

#[tokio::test]
async fn what_is_excepted_is_asked_straight() {
    let (proxy, server) = (proxy().await, proxy().await);
    let client = through(&proxy, "localhost,127.0.0.0/8,::1,hub.invalid");
    let answer = client.get(format!("{}/model", server.url)).send().await;
    assert!(answer.unwrap().status().is_success());
    assert_eq!(server.seen("/model").len(), 1);
    assert!(client.get("http://hub.invalid/").send().await.is_err());
    assert!(proxy.seen("").is_empty());
}

#[test]
fn a_proxy_that_is_no_address_is_told_without_its_text() {
    let options = WebOptions {
        https_proxy: Some("http://me:secret@:port".into()),
        ..WebOptions::default()
    };
    let error = web_client(&options).unwrap_err().to_string();
    assert!(error.contains("proxy for https"), "{error}");
    assert!(!error.contains("secret"));
}
