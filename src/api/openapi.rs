//! The API's document (OpenAPI 3.1): a table of routes, and schemas that the types themselves
//! derive. `docs/openapi.json` is written from it; tests hold it against the router and the file.

use super::{AnswerLine, ErrorBody, HealthReply};
use crate::fleet::api::{
    AuditList, CaReply, ChangeRequest, DoctorReply, DoneReply, KeyList, KeyMade, KeyRequest,
    RegistryList, RollbackRequest, SettingList, SettingRequest, StatusReply, TokenList, TokenMade,
    TokenRequest, TreeReply,
};
use crate::fleet::registry::{BlobMade, ServeRequest, VersionMade, VersionRequest};
use crate::job::SubmitRequest;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

type Schemas = BTreeMap<String, Value>;
/// Adds a type's schema, and those that it names; returns the reference to it.
type Shape = fn(&mut Schemas) -> Value;

/// One method of one path.
struct Operation {
    method: &'static str,
    path: &'static str,
    does: &'static str,
    takes: Option<Shape>,
    answers: Shape,
    /// What kind of bytes it takes and answers with.
    media: (&'static str, &'static str),
}

impl Operation {
    const fn taking(mut self, media: &'static str) -> Operation {
        self.media.0 = media;
        self
    }

    const fn answering(mut self, media: &'static str) -> Operation {
        self.media.1 = media;
        self
    }
}

const fn look(path: &'static str, does: &'static str, answers: Shape) -> Operation {
    Operation {
        method: "get",
        path,
        does,
        takes: None,
        answers,
        media: (JSON, JSON),
    }
}

const fn act(
    method: &'static str,
    path: &'static str,
    does: &'static str,
    takes: Option<Shape>,
    answers: Shape,
) -> Operation {
    Operation {
        method,
        path,
        does,
        takes,
        answers,
        media: (JSON, JSON),
    }
}

fn shape<T: ToSchema>(schemas: &mut Schemas) -> Value {
    let mut below: Vec<(String, RefOr<Schema>)> = Vec::new();
    T::schemas(&mut below);
    below.push((T::name().into_owned(), T::schema()));
    for (name, schema) in below {
        // A schema is text, numbers and lists: there is nothing in it that JSON cannot hold.
        schemas
            .entry(name)
            .or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
    }
    json!({"$ref": format!("#/components/schemas/{}", T::name())})
}

/// The document itself is described no further.
fn anything(_: &mut Schemas) -> Value {
    json!({"type": "object"})
}

/// Bytes as they are.
fn bytes(_: &mut Schemas) -> Value {
    json!({})
}

const OPERATIONS: &[Operation] = &[
    look("/v1/health", "Which program answers.", shape::<HealthReply>),
    look("/v1/openapi.json", "This document.", anything),
    act(
        "post",
        "/v1/jobs",
        "Runs a job. The answer is one line of JSON for each event; the last is its report or an \
         error. A client that goes away cancels the job.",
        Some(shape::<SubmitRequest>),
        shape::<AnswerLine>,
    )
    .answering(NDJSON),
    look(
        "/v1/cluster/status",
        "The cluster as this node sees it, at once; with `?confirm=true` after the leader made \
         sure that nothing newer is committed.",
        shape::<StatusReply>,
    ),
    look("/v1/cluster/tokens", "Join tokens.", shape::<TokenList>),
    act(
        "post",
        "/v1/cluster/tokens",
        "Makes a join token. Its secret is in this answer and nowhere else.",
        Some(shape::<TokenRequest>),
        shape::<TokenMade>,
    ),
    act(
        "delete",
        "/v1/cluster/tokens/{id}",
        "Makes a token worthless.",
        None,
        shape::<DoneReply>,
    ),
    act(
        "post",
        "/v1/cluster/nodes/{node}/promote",
        "Gives a node a vote.",
        Some(shape::<ChangeRequest>),
        shape::<DoneReply>,
    ),
    act(
        "post",
        "/v1/cluster/nodes/{node}/demote",
        "Takes a node's vote; it stays a member.",
        Some(shape::<ChangeRequest>),
        shape::<DoneReply>,
    ),
    act(
        "delete",
        "/v1/cluster/nodes/{node}",
        "Removes a node for good; its certificate is void at once.",
        Some(shape::<ChangeRequest>),
        shape::<DoneReply>,
    ),
    look(
        "/v1/cluster/settings",
        "Settings of the whole cluster.",
        shape::<SettingList>,
    ),
    act(
        "put",
        "/v1/cluster/settings/{name}",
        "Sets one, or puts it back to its default.",
        Some(shape::<SettingRequest>),
        shape::<DoneReply>,
    ),
    look(
        "/v1/cluster/registry",
        "Models and their versions.",
        shape::<RegistryList>,
    ),
    act(
        "post",
        "/v1/cluster/blobs",
        "Keeps a file's bytes on the disk of the node that answers, under their hash.",
        Some(bytes),
        shape::<BlobMade>,
    )
    .taking(BYTES),
    act(
        "post",
        "/v1/cluster/registry/{name}",
        "Enters a blob as a model's new version, once its bytes are on two nodes.",
        Some(shape::<VersionRequest>),
        shape::<VersionMade>,
    ),
    act(
        "post",
        "/v1/cluster/registry/{name}/promote",
        "Serves a version.",
        Some(shape::<ServeRequest>),
        shape::<DoneReply>,
    ),
    act(
        "post",
        "/v1/cluster/registry/{name}/rollback",
        "Serves an earlier version again.",
        Some(shape::<RollbackRequest>),
        shape::<DoneReply>,
    ),
    look(
        "/v1/cluster/audit",
        "Who changed what in the cluster; with `?last=N` the newest records only.",
        shape::<AuditList>,
    ),
    look(
        "/v1/cluster/ca",
        "The cluster's root certificate, which every certificate of it leads to. No secret.",
        shape::<CaReply>,
    ),
    look(
        "/v1/cluster/tree",
        "The actors of the node that answers.",
        shape::<TreeReply>,
    ),
    look(
        "/v1/cluster/doctor",
        "Paths between the nodes, clocks, disk and certificate, measured now.",
        shape::<DoctorReply>,
    ),
    act(
        "post",
        "/v1/cluster/leave",
        "The node that answers leaves the cluster for good.",
        None,
        shape::<DoneReply>,
    ),
    look(
        "/v1/keys",
        "Keys for the API over TCP of the node that answers.",
        shape::<KeyList>,
    ),
    act(
        "post",
        "/v1/keys",
        "Makes a key. It is in this answer and nowhere else.",
        Some(shape::<KeyRequest>),
        shape::<KeyMade>,
    ),
    act(
        "delete",
        "/v1/keys/{id}",
        "Makes a key worthless, at once.",
        None,
        shape::<DoneReply>,
    ),
];

/// The document.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let failure = shape::<ErrorBody>(&mut schemas);
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in OPERATIONS {
        let described = describe(operation, &failure, &mut schemas);
        let path = paths.entry(operation.path).or_default();
        path.insert(operation.method.to_owned(), described);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "RLM node",
            "version": format!("v{}", super::API_VERSION),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"key": []}, {"certificate": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of this node: `rlm-ctl key create NAME`.",
                },
                "certificate": {
                    "type": "mutualTLS",
                    "description": "A certificate of the cluster with the role client-admin.",
                },
            },
            "schemas": schemas,
        },
    })
}

/// As it stands in `docs/openapi.json`.
pub fn written() -> String {
    format!("{:#}\n", document())
}

fn describe(operation: &Operation, failure: &Value, schemas: &mut Schemas) -> Value {
    let (taken, answered) = operation.media;
    let answer = (operation.answers)(schemas);
    let mut described = json!({
        "summary": operation.does,
        "responses": {
            "200": {"description": "Done.", "content": {answered: {"schema": answer}}},
            "default": {
                "description": "Not done: what, why and the next step.",
                "content": {JSON: {"schema": failure}},
            },
        },
    });
    if let Some(takes) = operation.takes {
        let schema = takes(schemas);
        described["requestBody"] = json!({
            "required": true,
            "content": {taken: {"schema": schema}},
        });
    }
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        described["parameters"] = Value::Array(parameters);
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let text = json!({"type": "string"});
    let names = operation.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({"name": name, "in": "path", "required": true, "schema": text}))
    });
    let mut parameters: Vec<Value> = names.collect();
    if operation.path == "/v1/cluster/status" {
        let flag = json!({"type": "boolean", "default": false});
        parameters.push(json!({"name": "confirm", "in": "query", "schema": flag}));
    }
    if operation.path == "/v1/cluster/audit" {
        let number = json!({"type": "integer", "minimum": 0});
        parameters.push(json!({"name": "last", "in": "query", "schema": number}));
    }
    parameters
}

const ABOUT: &str = "What a node answers: over its unix socket to its owner, and over TCP with TLS \
     where `api.listen` is set, to whoever has a key or an administrator's certificate. Within v1 \
     there are only additions.";
const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";
const NDJSON: &str = "application/x-ndjson";

#[cfg(test)]
mod tests;
