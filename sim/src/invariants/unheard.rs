//! Nobody changes anything who may not: what the ledger holds was asked for by a client of a member
//! (the access table of `cluster/wire`, default deny; what became of those without one: exo #1833,
//! 175,108 open Ollama hosts). A removed node, whose clients go on asking, brings in nothing more.

use super::Breach;
use crate::client::REGISTER;
use crate::objects::RegisterCall;
use crate::oracle::Told;
use raft::ledger::State;
use std::collections::BTreeSet;

/// That every job, the register's value and each member are there because somebody asked for them;
/// `names` are the machines that are to be members.
pub fn all_was_asked_for(
    told: &Told,
    state: &State,
    names: &BTreeSet<String>,
) -> Result<(), Breach> {
    let broken = |what: String| Err(("no state change by who may not", what));
    let shared: BTreeSet<&String> = told.jobs.objects().iter().map(|job| &job.name).collect();
    let asked = |key: &String| {
        told.accepted.contains_key(key) || told.open.contains_key(key) || shared.contains(key)
    };
    let mut keys = state.jobs.all.values().map(|job| &job.key);
    if let Some(key) = keys.find(|key| !asked(key)) {
        return broken(format!("nobody asked for a job {key}"));
    }
    let mut live = state.members.live.values().map(|member| &member.name);
    if let Some(name) = live.find(|name| !names.contains(*name)) {
        return broken(format!("nobody admitted {name}"));
    }
    let Some(value) = state.settings.get(REGISTER) else {
        return Ok(());
    };
    let written = |call: &RegisterCall| match call {
        RegisterCall::Write(written) => written.to_string() == *value,
        RegisterCall::Read => false,
    };
    if told.register.iter().any(|call| written(&call.operation)) {
        return Ok(());
    }
    broken(format!("nobody wrote {value} into the register"))
}

/// That between two states of the ledger the clients of one machine brought in nothing.
pub fn nothing_came_from(name: &str, before: &State, after: &State) -> Result<(), Breach> {
    let ours = format!("{name}.");
    let since = before.applied.map_or(0, |applied| applied.index);
    let jobs = after.jobs.all.iter();
    let mut new = jobs.filter(|(job, _)| !before.jobs.all.contains_key(*job));
    if let Some((job, record)) = new.find(|(_, record)| record.owner.starts_with(&ours)) {
        let what = format!("job {job} ({}) came from {name}", record.key);
        return Err(("no state change by a revoked peer", what));
    }
    let records = after.audit.records.iter();
    let mut later = records.filter(|record| record.index > since);
    if let Some(record) = later.find(|record| record.by.starts_with(&ours)) {
        let what = format!("{} did: {}", record.by, record.what);
        return Err(("no state change by a revoked peer", what));
    }
    Ok(())
}
