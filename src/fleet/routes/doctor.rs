//! `doctor`: the paths between the nodes, the disk and the certificate, measured on request.

use super::super::api::{DoctorReply, PathLine, VERSION};
use super::super::disk::fsync_time;
use super::Shared;
use axum::Json;
use axum::extract::State;
use std::path::PathBuf;
use std::time::Duration;

pub(super) async fn look(State(node): Shared, data: PathBuf) -> Json<DoctorReply> {
    let fsync = tokio::task::spawn_blocking(move || fsync_time(&data)).await;
    let status = node.status(false).await;
    let me = status.nodes.iter().find(|other| other.node == node.id());
    let name = me.map_or_else(String::new, |me| me.name.clone());
    let others: Vec<_> = status
        .nodes
        .iter()
        .filter(|other| other.node != node.id())
        .collect();
    let links = node.links();
    let mut paths = Vec::new();
    for other in &others {
        let measured = node.measure(other.node, 64).await;
        let link = links.iter().find(|link| link.peer == other.node);
        paths.push(PathLine {
            from: name.clone(),
            to: other.name.clone(),
            rtt_us: measured.map(|(rtt, _)| micros(rtt)),
            lost_permille: link.map(|link| link.lost * 1000 / link.sent.max(1)),
            mtu: link.map(|link| link.mtu),
            clock_ahead_ms: measured.map(|(_, ahead)| ahead),
        });
    }
    for from in &others {
        for to in others.iter().filter(|to| to.node != from.node) {
            let rtt = node.measure_between(from.node, to.node).await;
            paths.push(PathLine {
                from: from.name.clone(),
                to: to.name.clone(),
                rtt_us: rtt.map(micros),
                lost_permille: None,
                mtu: None,
                clock_ahead_ms: None,
            });
        }
    }
    let left = me.and_then(|me| me.certified_for).unwrap_or_default();
    Json(DoctorReply {
        v: VERSION,
        node: node.id(),
        name,
        fsync_us: fsync.ok().and_then(Result::ok).map(micros),
        certificate_left_s: left.as_secs(),
        paths,
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
