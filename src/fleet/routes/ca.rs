//! The root's certificate, for clients that check whom they ask. Its key never leaves its disk.

use super::super::api::{CaReply, VERSION};
use super::Shared;
use axum::Json;
use axum::extract::State;

pub(super) async fn export(State(node): Shared) -> Json<CaReply> {
    let identity = node.identity().borrow().clone();
    Json(CaReply {
        v: VERSION,
        cluster: identity.cluster().to_string(),
        pem: identity.root_pem(),
        root: identity.root_hash().to_string(),
    })
}
