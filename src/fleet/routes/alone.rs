//! What a node of no cluster answers where a member's routes are: a person who asks for the cluster
//! must not take a machine that runs alone, or whose disk was wiped, for one of another version.

use super::Failed;
use crate::api::Routes;
use crate::codes::ErrorCode;
use crate::ctl::Failure;
use axum::routing::any;

/// In the place of a member's routes.
pub fn no_cluster() -> Routes {
    Routes::new()
        .at("/v1/cluster/{*rest}", any(of_none))
        .at("/v1/keys", any(of_none))
        .at("/v1/keys/{*rest}", any(of_none))
}

async fn of_none() -> Failed {
    Failure::new(ErrorCode::NoCluster, "this node is of no cluster")
        .why("it runs alone: neither `init` nor `join` made its folder")
        .next(
            "stop it, then make a cluster with `rlm-node init`, or enter one with \
             `rlm-node join --token-file -`",
        )
        .into()
}
