//! The document is that of the router, of the types and of the file.

use super::{document, written};
use crate::api::{ApiKeys, ErrorBody, Routes, router};
use crate::codes::ErrorCode;
use crate::ctl::Failure;
use crate::fleet::api::{CaReply, KeyLine, KeyList, TokenLine, TokenList, TokenStanding};
use crate::node::Node;
use crate::settings::Settings;
use base::NodeId;
use cluster::{Folder, FoundOptions, LogEvents, Parts, StatusView};
use engine::CancellationToken;
use node_config::{Dirs, Environment, resolve};
use raft::{ProcessAbort, Writer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use transport::{Sockets, SystemWallClock, WallClock};

#[test]
fn the_file_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let file = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        file == written(),
        "docs/openapi.json is stale: run `cargo run --example openapi`"
    );
}

fn settings(home: &Path) -> Settings {
    let home = [("HOME".to_owned(), home.display().to_string())];
    let dirs = Dirs::of(&Environment(home.into_iter().collect())).unwrap();
    Settings::from(resolve(&[], &dirs).unwrap())
}

/// A member of a cluster of one.
async fn member(folder: &Path) -> Arc<cluster::Node> {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let sockets = Sockets::bind(loopback).unwrap();
    let options = FoundOptions {
        cluster_name: "lab".to_owned(),
        node_name: "n1".to_owned(),
        listen: loopback,
        address: SocketAddr::from(([127, 0, 0, 1], 9)),
    };
    let home = Folder::new(folder);
    let now = SystemWallClock.unix();
    cluster::found(&home, &options, &mut rand::rng(), now).unwrap();
    let (_, facts) = watch::channel(crdt::NodeFacts::default());
    let parts = Parts {
        sockets,
        wall: Arc::new(SystemWallClock),
        events: Arc::new(LogEvents),
        abort: Arc::new(ProcessAbort),
        writer: Writer::Thread,
        facts,
        settings: cluster::Settings::default(),
        actors: Vec::new(),
    };
    Arc::new(cluster::Node::start(home, parts).await.unwrap())
}

fn routes(folder: &Path, node: Arc<cluster::Node>) -> Routes {
    let keys = Arc::new(ApiKeys::load(folder).unwrap());
    let fleet = crate::fleet::routes(node, folder.to_owned(), keys);
    router(Arc::new(Node::in_process(settings(folder))), Some(fleet))
}

/// The methods of a path, as the router itself tells them to whoever uses another one.
async fn allowed(socket: &Path, path: &str) -> BTreeSet<String> {
    let path = path.replace(['{', '}'], "x");
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!("TRACE {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{path}: {answer}");
    let allow = answer.lines().find_map(|line| line.strip_prefix("allow: "));
    let allow = allow.unwrap_or_default().split(',');
    // HEAD comes with GET.
    let methods = allow.map(str::to_lowercase).filter(|m| m != "head");
    methods.collect()
}

#[tokio::test]
async fn every_route_is_in_the_document_and_the_reverse() {
    let folder = tempfile::tempdir().unwrap();
    let node = member(folder.path()).await;
    let routes = routes(folder.path(), node.clone());
    let document = document();
    let documented: BTreeMap<&String, BTreeSet<String>> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, methods)| (path, methods.as_object().unwrap().keys().cloned().collect()))
        .collect();
    let paths: BTreeSet<&str> = routes.paths().iter().copied().collect();
    let described: BTreeSet<&str> = documented.keys().map(|path| path.as_str()).collect();
    assert_eq!(paths, described);
    let socket = folder.path().join("api.sock");
    let listener = crate::api::listen(&socket).await.unwrap();
    let stop = CancellationToken::new();
    let serving = crate::api::serve(Arc::new(listener), routes.router(), stop.clone());
    let serving = tokio::spawn(serving);
    for (path, methods) in documented {
        assert_eq!(allowed(&socket, path).await, methods, "{path}");
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
    node.stop().await;
}

#[test]
fn routes_are_added_in_one_place() {
    let adds = |path: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = std::fs::read_to_string(path).unwrap();
        text.matches(".route(").count()
    };
    assert_eq!(adds("src/api/routes.rs"), 1);
    for path in [
        "src/api/server.rs",
        "src/api/door.rs",
        "src/fleet/routes.rs",
    ] {
        assert_eq!(adds(path), 0, "{path}");
    }
}

/// Why `value` is not what the schema says, if it is not.
fn misfit(value: &Value, schema: &Value, all: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return match all.get(name) {
            Some(schema) => misfit(value, schema, all),
            None => Some(format!("there is no schema {name}")),
        };
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[key].as_array() {
            let fits = choices.iter().any(|c| misfit(value, c, all).is_none());
            return (!fits).then(|| format!("{value} is none of {schema}"));
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.is_empty() && !types.contains(&kind) {
        return Some(format!("{value} is no {types:?}"));
    }
    match value {
        Value::Array(items) if !schema["items"].is_null() => items
            .iter()
            .find_map(|item| misfit(item, &schema["items"], all)),
        Value::Object(fields) => misfit_fields(fields, schema, all),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            None
        }
    }
}

fn misfit_fields(
    fields: &serde_json::Map<String, Value>,
    schema: &Value,
    all: &Value,
) -> Option<String> {
    let known = schema["properties"].as_object()?;
    if let Some(name) = fields.keys().find(|name| !known.contains_key(*name)) {
        return Some(format!("`{name}` is not described"));
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let missing = required.iter().filter_map(Value::as_str);
    if let Some(name) = missing.into_iter().find(|name| !fields.contains_key(*name)) {
        return Some(format!("`{name}` is missing"));
    }
    let mut each = fields.iter();
    each.find_map(|(name, value)| misfit(value, &known[name], all))
}

#[track_caller]
fn check<T: serde::Serialize>(name: &str, value: &T) {
    let document = document();
    let all = &document["components"]["schemas"];
    let value = serde_json::to_value(value).unwrap();
    assert_eq!(misfit(&value, &all[name], all), None, "{name}: {value:#}");
    let mut other = value;
    other["v"] = Value::String("one".to_owned());
    assert!(
        misfit(&other, &all[name], all).is_some(),
        "{name} sees a wrong type"
    );
}

#[tokio::test]
async fn what_is_answered_is_what_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let node = member(folder.path()).await;
    let status: StatusView = node.status(false).await;
    assert_eq!(status.nodes.len(), 1, "{status:#?}");
    check("StatusView", &status);
    node.stop().await;
    let token = TokenLine {
        id: "0".to_owned(),
        roles: "worker".to_owned(),
        name: None,
        pool: Some("gpu".to_owned()),
        left: 1,
        uses: 2,
        state: TokenStanding::UsedUp,
        expires_in_s: 0,
        creator: "n1".to_owned(),
        used_by: vec![NodeId([1; 16])],
    };
    let (v, term, applied, tokens) = (1, 2, 3, vec![token]);
    let list = TokenList {
        v,
        term,
        applied,
        tokens,
    };
    check("TokenList", &list);
    let failure = Failure::new(ErrorCode::Token, "no").why("used up");
    check("ErrorBody", &ErrorBody::from(failure));
    let root = CaReply {
        v: 1,
        cluster: "0".to_owned(),
        pem: "-----BEGIN".to_owned(),
        root: "0".to_owned(),
    };
    check("CaReply", &root);
    let key = KeyLine {
        id: "0".to_owned(),
        name: "ci".to_owned(),
        created_unix_s: 7,
    };
    check(
        "KeyList",
        &KeyList {
            v: 1,
            keys: vec![key],
        },
    );
}
