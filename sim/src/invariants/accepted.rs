//! No acknowledged job is lost, and one key is one job: a job id that a client was given is in the
//! ledger of every node that has caught up, with the body that it was sent with.

use super::Breach;
use crate::oracle::Told;
use raft::ledger::State;

pub fn accepted_jobs_are_there(told: &Told, state: &State) -> Result<(), Breach> {
    if let Some(said) = told.contradictions.first() {
        return Err(("a client's own view is consistent", said.clone()));
    }
    for (key, (job, body)) in &told.accepted {
        let Some(record) = state.jobs.all.get(job) else {
            let what = format!("job {job} ({key}) was acknowledged and is not there");
            return Err(("no acknowledged job is lost", what));
        };
        if record.key != *key || record.body != *body {
            let what = format!("job {job} has another key or body than {key}");
            return Err(("no acknowledged job is changed", what));
        }
    }
    let mut keys: Vec<&str> = state
        .jobs
        .all
        .values()
        .map(|job| job.key.as_str())
        .collect();
    keys.sort_unstable();
    let all = keys.len();
    keys.dedup();
    if keys.len() != all {
        return Err((
            "one key is one job",
            format!("{} keys of {all} jobs", keys.len()),
        ));
    }
    Ok(())
}
