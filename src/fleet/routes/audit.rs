//! The audit log: who changed what, as the ledger keeps it on every node.

use super::super::api::{AuditLine, AuditList, VERSION};
use super::{Answer, Shared, parameter, seen, usage};
use axum::Json;
use axum::extract::State;
use axum::http::Uri;

/// `?last=N` for the newest only.
pub(super) async fn list(State(node): Shared, uri: Uri) -> Answer<AuditList> {
    let last = match parameter(&uri, "last") {
        Some(text) => {
            let wrong = |_| usage(format!("`last={text}` is no number of records"));
            text.parse::<usize>().map_err(wrong)?
        }
        None => usize::MAX,
    };
    let state = node.state();
    let now = node.cluster_time();
    let audit = &state.audit;
    let records = audit
        .records
        .iter()
        .skip(audit.records.len().saturating_sub(last))
        .map(|record| AuditLine {
            index: record.index,
            age_s: now.since(record.at).as_secs(),
            by: record.by.clone(),
            what: record.what.clone(),
            hash: record.hash.to_string(),
        });
    let (term, applied) = seen(&node, &state);
    Ok(Json(AuditList {
        v: VERSION,
        term,
        applied,
        count: audit.count,
        broken: audit.broken(),
        records: records.collect(),
    }))
}
