//! What a job has done so far, as far as its events tell: for the live display, and for a client
//! that leaves before the report. Counts as the job itself does.

use super::event::{BatchProgress, JobEvent};
use base::{CallPath, JobId, Tally};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Known once the job has started.
    pub(crate) job: Option<JobId>,
    /// Where the job writes its trace, if it does.
    pub(crate) trace: Option<PathBuf>,
    /// What came last before the first turn, as far as it was told.
    pub(crate) preparing: Option<String>,
    ended: Tally,
    /// Batches under way, by the level that asks.
    running: BTreeMap<CallPath, BatchProgress>,
}

impl Seen {
    pub(crate) fn take(&mut self, event: &JobEvent) {
        match event {
            JobEvent::Started { job, trace, .. } => {
                self.job = Some(*job);
                self.trace.clone_from(trace);
            }
            JobEvent::Turn { path, turn, .. } => self.turn(path, *turn),
            JobEvent::SubCalls { path, progress } => self.sub_calls(path, *progress),
            JobEvent::Spent {
                path,
                by_root,
                usage,
            } => {
                // What a child's root spends is a sub-call's cost to the job.
                if *by_root && path.depth() == 0 {
                    self.ended.root_usage += *usage;
                } else {
                    self.ended.sub_usage += *usage;
                }
            }
            JobEvent::Output { path, .. } => self.block_ended(path),
            JobEvent::Finished { outcome, .. } => {
                self.ended = outcome.tally;
                self.running.clear();
            }
            JobEvent::Preparing { what, .. } => self.preparing = Some(what.clone()),
            JobEvent::RootText { .. } | JobEvent::Block { .. } | JobEvent::Note { .. } => {}
        }
    }

    /// What is done, the ended calls of running batches too.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = self.ended;
        for progress in self.running.values() {
            count(&mut tally, progress);
        }
        tally
    }

    /// Done and all of the sub-calls under way.
    pub(crate) fn running(&self) -> Option<(u32, u32)> {
        let sums = self.running.values().fold((0_u32, 0_u32), |sums, batch| {
            (
                sums.0.saturating_add(batch.done),
                sums.1.saturating_add(batch.total),
            )
        });
        (!self.running.is_empty()).then_some(sums)
    }

    fn turn(&mut self, path: &CallPath, turn: u32) {
        if path.depth() == 0 {
            self.ended.turns = turn;
        } else if turn == 1 {
            // A child that begins is a sub-call of its parent.
            self.ended.sub_calls = self.ended.sub_calls.saturating_add(1);
        }
    }

    fn sub_calls(&mut self, path: &CallPath, progress: BatchProgress) {
        if progress.done < progress.total {
            self.running.insert(path.clone(), progress);
        } else {
            self.running.remove(path);
            count(&mut self.ended, &progress);
        }
    }

    /// Nothing that the block asked for, or that was asked below it, is under way any more.
    fn block_ended(&mut self, path: &CallPath) {
        let ended = &mut self.ended;
        self.running.retain(|at, progress| {
            let over = at.0.starts_with(&path.0);
            if over {
                count(ended, progress);
            }
            !over
        });
    }
}

fn count(tally: &mut Tally, progress: &BatchProgress) {
    tally.sub_calls = tally.sub_calls.saturating_add(progress.done);
    tally.failed_sub_calls = tally.failed_sub_calls.saturating_add(progress.failed);
    tally.cache_hits = tally.cache_hits.saturating_add(progress.cached);
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Usage;

    fn batch(path: &CallPath, done: u32, total: u32) -> JobEvent {
        JobEvent::SubCalls {
            path: path.clone(),
            progress: BatchProgress {
                done,
                total,
                cached: 1,
                failed: 0,
            },
        }
    }

    fn turn(path: &CallPath, turn: u32) -> JobEvent {
        let path = path.clone();
        JobEvent::Turn { path, turn, of: 20 }
    }

    fn spent(path: &CallPath, by_root: bool) -> JobEvent {
        JobEvent::Spent {
            path: path.clone(),
            by_root,
            usage: Usage {
                prompt_tokens: 100,
                ..Usage::default()
            },
        }
    }

    #[test]
    fn a_tally_grows_with_the_events_of_all_levels() {
        let mut seen = Seen::default();
        let (root, child) = (CallPath::root(), CallPath::root().child(0));
        for event in [
            turn(&root, 1),
            spent(&root, true),
            turn(&root, 2),
            turn(&child, 1),
            spent(&child, true),
            batch(&child, 4, 4),
            spent(&child, false),
            batch(&root, 3, 10),
        ] {
            seen.take(&event);
        }
        let tally = seen.tally();
        assert_eq!((tally.turns, tally.sub_calls, tally.cache_hits), (2, 8, 2));
        assert_eq!(tally.root_usage.total(), 100);
        assert_eq!(tally.sub_usage.total(), 200);
        assert_eq!(seen.running(), Some((3, 10)));
    }

    #[test]
    fn what_ran_below_a_block_that_ended_runs_no_more_and_stays_counted() {
        let mut seen = Seen::default();
        let (root, child) = (CallPath::root(), CallPath::root().child(0));
        seen.take(&batch(&root, 1, 2));
        seen.take(&batch(&child, 2, 5));
        assert_eq!(seen.running(), Some((3, 7)));
        seen.take(&JobEvent::Output {
            path: root,
            turn: 1,
            text: String::new(),
            failed: true,
        });
        assert_eq!(seen.running(), None);
        assert_eq!(seen.tally().sub_calls, 3);
    }
}
