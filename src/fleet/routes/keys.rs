//! Keys for the API over TCP: made, listed and revoked on the node that answers.

use super::{Answer, Failed, done};
use crate::api::{ApiKeyError, ApiKeys, Asker, KeyRecord};
use crate::clock::unix_seconds;
use crate::codes::ErrorCode;
use crate::ctl::Failure;
use crate::exit::Exit;
use crate::fleet::api::{DoneReply, KeyLine, KeyList, KeyMade, KeyRequest, VERSION};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use cluster::Node;
use std::sync::Arc;
use tokio::task::spawn_blocking;

type Keys = Extension<Arc<ApiKeys>>;

pub(super) async fn list(Extension(keys): Keys) -> Json<KeyList> {
    Json(KeyList {
        v: VERSION,
        keys: keys.list().iter().map(line).collect(),
    })
}

fn line(key: &KeyRecord) -> KeyLine {
    KeyLine {
        id: key.id.clone(),
        name: key.name.clone(),
        created_unix_s: key.created_unix_s,
    }
}

pub(super) async fn create(
    State(node): State<Arc<Node>>,
    Extension(keys): Keys,
    by: Asker,
    Json(request): Json<KeyRequest>,
) -> Answer<KeyMade> {
    let root = node.identity().borrow().root_hash();
    let made = spawn_blocking(move || keys.create(&request.name, unix_seconds()));
    let (key, record) = made.await.map_err(|error| broken(&error))??;
    tracing::info!(%by, id = record.id, name = record.name, "a key was made");
    Ok(Json(KeyMade {
        v: VERSION,
        key,
        id: record.id,
        name: record.name,
        root: root.to_string(),
    }))
}

pub(super) async fn revoke(
    Extension(keys): Keys,
    by: Asker,
    Path(id): Path<String>,
) -> Answer<DoneReply> {
    let gone = spawn_blocking(move || keys.revoke(&id));
    let gone = gone.await.map_err(|error| broken(&error))??;
    tracing::info!(%by, id = gone.id, name = gone.name, "a key was revoked");
    Ok(done(format!("key {} ({}) is revoked", gone.id, gone.name)))
}

fn broken(error: &tokio::task::JoinError) -> Failed {
    Failure::new(Exit::Failed, "the file of keys was not written")
        .why(error)
        .into()
}

impl From<ApiKeyError> for Failure {
    fn from(error: ApiKeyError) -> Failure {
        let (code, next) = match &error {
            ApiKeyError::Name => (
                ErrorCode::Usage,
                "name who uses it: `rlm-ctl key create laptop`",
            ),
            ApiKeyError::TooMany | ApiKeyError::Unknown { .. } => {
                (ErrorCode::NotFound, "`rlm-ctl key list`")
            }
            ApiKeyError::File(_) => (
                ErrorCode::Disk,
                "look at the disk and at the folder's owner",
            ),
            ApiKeyError::Damaged { .. } => (
                ErrorCode::Damaged,
                "delete the file; its keys are then worthless, and new ones can be made",
            ),
        };
        Failure::new(code, "the keys of the API")
            .why(error)
            .next(next)
    }
}

impl From<ApiKeyError> for Failed {
    fn from(error: ApiKeyError) -> Failed {
        Failed(error.into())
    }
}
