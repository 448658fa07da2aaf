//! Seconds for one wide batch of sub-calls, beside the floor that their latency sets.
//!
//! `fan_out [CALLS] [MILLIS]` asks an engine of our own with real timers;
//! `fan_out CALLS MILLIS URL MODEL` asks an OpenAI-compatible server whose calls take MILLIS.
//!
//! `cargo run -p dispatch --example fan_out -- 1000 200` on two cores that four other builds shared
//! (load 10): 0.31 to 0.36 s for 1000 calls, so at most 0.16 ms of overhead a call.

use base::{CallPath, Finish, JobId, Message, Usage};
use dispatch::{Batch, Call, DispatchOptions, Dispatcher, JobOptions, ModelEntry};
use engine::{
    CancellationToken, ChatRequest, Engine, EngineError, ModelFacts, OpenAiEngine, OpenAiOptions,
    Reply, Sampling, TextSink, Timings, WebOptions, web_client,
};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

struct Sleeper(Duration);

#[async_trait::async_trait]
impl Engine for Sleeper {
    async fn facts(&self) -> Result<ModelFacts, EngineError> {
        Err(EngineError::Refused {
            reason: "slots are given".to_owned(),
        })
    }

    async fn chat(
        &self,
        _request: &ChatRequest,
        _sink: &mut dyn TextSink,
        _deadline: Duration,
        _cancel: &CancellationToken,
    ) -> Result<Reply, EngineError> {
        tokio::time::sleep(self.0).await;
        let (finish, usage, timings) = (Finish::End, Usage::default(), Timings::default());
        Ok(Reply {
            text: "done".to_owned(),
            finish,
            usage,
            timings,
        })
    }

    async fn embed(&self, _texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        Ok(Vec::new())
    }

    async fn count_tokens(&self, _text: &str) -> Result<Option<u64>, EngineError> {
        Ok(None)
    }
}

fn options() -> DispatchOptions {
    DispatchOptions {
        waiting_per_job: 4096,
        waiting_in_all: 16_384,
        retries: 2,
        retry_wait: Duration::from_millis(250),
        retry_wait_max: Duration::from_secs(30),
        memory_bytes: 64 << 20,
        disk: None,
    }
}

fn batch(calls: u32, round: u32) -> Batch {
    let call = |i: u32| {
        let request = ChatRequest {
            messages: vec![Message::user(format!("Question {i} of round {round}."))],
            prefill: None,
            sampling: Sampling {
                max_tokens: 16,
                ..Sampling::default()
            },
            grammar: None,
            shared_prefix: 0,
        };
        Call {
            model: "m".to_owned(),
            request,
        }
    };
    Batch {
        parent: CallPath::root(),
        first: 0,
        calls: (0..calls).map(call).collect(),
        call_deadline: Duration::from_secs(300),
        patience: None,
        cancel: CancellationToken::new(),
    }
}

fn open(
    arguments: &[String],
    latency: Duration,
    slots: u32,
) -> Result<Arc<dyn Engine>, Box<dyn Error>> {
    match arguments {
        [_, _, url, model] => {
            let client = web_client(&WebOptions::default())?;
            let options = OpenAiOptions {
                slots,
                ..OpenAiOptions::default()
            };
            Ok(Arc::new(OpenAiEngine::new(client, url, model, options)))
        }
        _ => Ok(Arc::new(Sleeper(latency))),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let calls: u32 = arguments.first().map_or(Ok(1000), |text| text.parse())?;
    let millis: u64 = arguments.get(1).map_or(Ok(200), |text| text.parse())?;
    let latency = Duration::from_millis(millis);
    let engine = open(&arguments, latency, calls)?;
    let dispatcher = Dispatcher::start(&options())?;
    let entry = ModelEntry {
        engine,
        identity: "m".to_owned(),
        slots: Some(calls),
    };
    dispatcher.add_model("m", entry).await?;
    let job = dispatcher
        .job(
            JobId(1),
            JobOptions {
                max_concurrent: calls,
                cache: true,
            },
        )
        .await;
    for round in 0..5 {
        let start = Instant::now();
        let outcomes = dispatcher.ask_batch(&job, batch(calls, round)).await;
        let seconds = start.elapsed().as_secs_f64();
        let answered = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let report = format!(
            "{answered}/{calls} calls of {millis} ms in {seconds:.3} s (floor {:.3} s)\n",
            latency.as_secs_f64()
        );
        std::io::Write::write_all(&mut std::io::stdout(), report.as_bytes())?;
        if let Some(Err(failure)) = outcomes.iter().find(|outcome| outcome.is_err()) {
            return Err(failure.to_string().into());
        }
    }
    dispatcher.close().await;
    Ok(())
}
