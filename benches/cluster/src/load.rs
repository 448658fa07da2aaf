//! Clients that ask again and again for a while, and what they saw.

use crate::stats::Spread;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What a number of clients got done.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) latency: Spread,
}

/// One client: each ask is one piece of work, done when it returns.
pub(crate) trait Asker: Send + 'static {
    fn ask(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// Lets all of them ask, each one thing at a time. The first tenth of the time is not counted.
pub(crate) async fn run<A: Asker>(askers: Vec<A>, span: Duration) -> Result<(Load, Vec<A>)> {
    let begin = Instant::now() + span / 10;
    let end = begin + span;
    let mut clients = JoinSet::new();
    for mut asker in askers {
        clients.spawn(async move {
            let mut spans = Vec::new();
            loop {
                let start = Instant::now();
                if start >= end {
                    return Ok::<_, anyhow::Error>((asker, spans));
                }
                tokio::time::timeout(PATIENCE, asker.ask()).await??;
                if start >= begin {
                    spans.push(start.elapsed().as_secs_f64());
                }
            }
        });
    }
    let (mut askers, mut spans) = (Vec::new(), Vec::new());
    while let Some(ended) = clients.join_next().await {
        let (asker, more) = ended??;
        askers.push(asker);
        spans.extend(more);
    }
    // Those who asked last are waited for, so the time is what really passed.
    let per_second = spans.len() as f64 / begin.elapsed().as_secs_f64();
    let latency = Spread::of(spans);
    Ok((
        Load {
            per_second,
            latency,
        },
        askers,
    ))
}

/// The rounds of one client count, put together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<Load>);

impl Rounds {
    pub(crate) fn push(&mut self, load: Load) {
        self.0.push(load);
    }

    pub(crate) fn rates(&self) -> Vec<f64> {
        self.0.iter().map(|load| load.per_second).collect()
    }

    pub(crate) fn latency(&self) -> Spread {
        let each: Vec<Spread> = self.0.iter().map(|load| load.latency).collect();
        Spread::over(&each)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A client that waits longer than this for one answer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    struct Ticks;

    impl Asker for Ticks {
        async fn ask(&mut self) -> Result<()> {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(())
        }
    }

    struct Broken;

    impl Asker for Broken {
        async fn ask(&mut self) -> Result<()> {
            anyhow::bail!("it does not work")
        }
    }

    #[tokio::test(start_paused = true)]
    async fn clients_are_counted_after_the_start() {
        let (load, askers) = run(vec![Ticks, Ticks], Duration::from_secs(1))
            .await
            .unwrap();
        assert_eq!(askers.len(), 2);
        assert_eq!(load.latency.count, 200);
        assert_eq!(load.per_second.round(), 200.0);
        assert_eq!(load.latency.p50, 0.01);
    }

    #[tokio::test]
    async fn a_client_that_fails_fails_the_load() {
        let failed = run(vec![Broken], Duration::from_secs(1)).await;
        assert!(failed.is_err());
    }
}
