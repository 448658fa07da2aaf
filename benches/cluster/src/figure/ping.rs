//! Request and reply between two processes over the transport, beside redis and NATS over TCP: each
//! one connection, first one request at a time, then many.

use super::Bench;
use crate::peer::nats::{Nats, NatsClient};
use crate::peer::redis::{Redis, RedisClient};
use crate::process::{Talk, command};
use crate::role::datagram::DatagramClient;
use crate::role::echo::{EchoClient, SHORT, frame, payload};
use crate::row::{Measured, Row, Target};
use crate::stats::Spread;
use anyhow::{Context, Result};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::Instant;

const LONG: usize = 60_000;
/// What goes, whether it comes back whole.
const SHAPES: [(usize, bool); 3] = [(SHORT, true), (LONG, false), (LONG, true)];

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut parties = Parties::gather(bench).await?;
    let mut rows = Vec::new();
    let elsewhere = "vllm-router adds 50 us over its backend, 162 us for 60 kB";
    for (bytes, whole) in SHAPES {
        let all = parties.singles(bench, &payload(bytes, whole)).await;
        let all = all.with_context(|| format!("{bytes} B, one at a time"))?;
        let back = if whole { bytes } else { SHORT };
        let target = match (bytes, whole) {
            (SHORT, _) => Target::at_most(0.000_040),
            (_, false) => Target::at_most(0.000_120),
            (_, true) => Target::None,
        };
        let [ours, redis, nats, bare] = all;
        let mut row = Row::new(
            format!(
                "request of {} and reply of {}: p50",
                size(bytes),
                size(back)
            ),
            Measured::time(&Spread::over(&ours)),
            target,
        )
        .peer(if whole { "redis ECHO" } else { "redis SET" }, show(&redis))
        .peer("NATS (two hops)", show(&nats))
        .anchor(elsewhere);
        if !bare.is_empty() {
            row = row.peer("a bare datagram, no TLS", show(&bare));
        }
        rows.push(row);
    }
    for (bytes, in_flight, target) in [
        (SHORT, 64, Target::None),
        (SHORT, 256, Target::at_least(60_000.0)),
        (LONG, 16, Target::None),
    ] {
        let [ours, redis, nats] = parties
            .many(bench, bytes, in_flight)
            .await
            .with_context(|| format!("{bytes} B, {in_flight} at a time"))?;
        rows.push(
            Row::new(
                format!("{} both ways, {in_flight} in flight", size(bytes)),
                Measured::rate(&ours, None),
                target,
            )
            .peer("redis ECHO, pipelined", rate(&redis))
            .peer("NATS (two hops), pipelined", rate(&nats)),
        );
    }
    let command = "benches/cluster/run --only ping";
    Ok(rows.into_iter().map(|row| row.command(command)).collect())
}

fn show(rounds: &[Spread]) -> Option<Measured> {
    (!rounds.is_empty()).then(|| Measured::time(&Spread::over(rounds)))
}

fn rate(rounds: &[f64]) -> Option<Measured> {
    (!rounds.is_empty()).then(|| Measured::rate(rounds, None))
}

fn size(bytes: usize) -> String {
    match bytes {
        LONG => "60 kB".to_owned(),
        other => format!("{other} B"),
    }
}

/// Everybody that is measured, ready. Fields end in this order: clients before servers.
struct Parties {
    ours: EchoClient,
    bare: DatagramClient,
    redis: Option<RedisClient>,
    nats: Option<NatsClient>,
    _server: Talk,
    _bare: Talk,
    _redis: Option<Redis>,
    _nats: Option<Nats>,
    _folder: TempDir,
}

impl Parties {
    async fn gather(bench: &Bench) -> Result<Parties> {
        let folder = TempDir::with_prefix_in("ping-", &bench.shm)?;
        let mut command = command(&bench.me);
        command.arg("echo");
        let mut server = Talk::start(command, "the echo", &folder.path().join("log"))?;
        let addr = server.line(START).await?.parse()?;
        let mut command = self::command(&bench.me);
        command.arg("datagrams");
        let log = folder.path().join("datagrams.log");
        let mut bare = Talk::start(command, "the datagrams", &log)?;
        let bare_addr = bare.line(START).await?.parse()?;
        let redis = Redis::start(folder.path()).await?;
        let nats = Nats::start(folder.path(), &bench.me).await?;
        Ok(Parties {
            ours: EchoClient::dial(addr).await?,
            bare: DatagramClient::dial(bare_addr).await?,
            redis: match &redis {
                Some(redis) => Some(redis.client().await?),
                None => None,
            },
            nats: match &nats {
                Some(nats) => Some(nats.client().await?),
                None => None,
            },
            _server: server,
            _bare: bare,
            _redis: redis,
            _nats: nats,
            _folder: folder,
        })
    }

    /// One request at a time: ours, redis, NATS, in turn, and what fits one as a bare datagram.
    async fn singles(&mut self, bench: &Bench, payload: &[u8]) -> Result<[Vec<Spread>; 4]> {
        let mut all = [const { Vec::new() }; 4];
        let whole = payload.first() == Some(&1);
        let back = if whole { payload.len() } else { SHORT };
        let frame = frame(payload.to_vec())?;
        let count = bench.size(4000);
        for _ in 0..bench.rounds() {
            let mut spans = Vec::new();
            for _ in 0..count {
                let start = Instant::now();
                self.ours.request(frame.clone()).await?;
                spans.push(start.elapsed());
            }
            all[0].push(settled(&spans));
            if let Some(redis) = &mut self.redis {
                let mut spans = Vec::new();
                for _ in 0..count {
                    let start = Instant::now();
                    if whole {
                        redis.echo(payload, back).await?;
                    } else {
                        redis.set(payload).await?;
                    }
                    spans.push(start.elapsed());
                }
                all[1].push(settled(&spans));
            }
            if let Some(nats) = &mut self.nats {
                let mut spans = Vec::new();
                for _ in 0..count {
                    let start = Instant::now();
                    nats.request(payload, back).await?;
                    spans.push(start.elapsed());
                }
                all[2].push(settled(&spans));
            }
            if payload.len() == SHORT {
                let mut spans = Vec::new();
                for _ in 0..count {
                    let start = Instant::now();
                    self.bare.echo(payload).await?;
                    spans.push(start.elapsed());
                }
                all[3].push(settled(&spans));
            }
        }
        Ok(all)
    }

    /// That many at a time, until all are answered: requests per second of each round.
    async fn many(
        &mut self,
        bench: &Bench,
        bytes: usize,
        in_flight: usize,
    ) -> Result<[Vec<f64>; 3]> {
        let mut all = [const { Vec::new() }; 3];
        let payload = payload(bytes, true);
        let frame = frame(payload.clone())?;
        let full = if bytes == LONG { 4_000 } else { 60_000 };
        let count = bench.size(full) / in_flight * in_flight;
        let per_second = |since: Instant| count as f64 / since.elapsed().as_secs_f64();
        for _ in 0..bench.rounds() {
            let start = Instant::now();
            let mut callers = JoinSet::new();
            for _ in 0..in_flight {
                let (ours, frame) = (self.ours.clone(), frame.clone());
                callers.spawn(async move {
                    for _ in 0..count / in_flight {
                        ours.request(frame.clone()).await?;
                    }
                    anyhow::Ok(())
                });
            }
            while let Some(ended) = callers.join_next().await {
                ended??;
            }
            all[0].push(per_second(start));
            if let Some(redis) = &mut self.redis {
                let start = Instant::now();
                redis.many(&payload, in_flight, count).await?;
                all[1].push(per_second(start));
            }
            if let Some(nats) = &mut self.nats {
                let start = Instant::now();
                nats.many(&payload, in_flight, count).await?;
                all[2].push(per_second(start));
            }
        }
        Ok(all)
    }
}

/// Without the first tenth, in which paths and caches warm up.
fn settled(spans: &[Duration]) -> Spread {
    Spread::of_spans(&spans[spans.len() / 10..])
}

const START: Duration = Duration::from_secs(20);
