//! An engine whose conduct is written in the prompt, and a dispatcher around it.

use super::request;
use crate::{
    Batch, Call, CallFailure, DispatchOptions, Dispatcher, JobHandle, JobOptions, ModelEntry,
    SubReply,
};
use base::{CallPath, Finish, JobId, Usage};
use engine::{
    CancellationToken, ChatRequest, Engine, EngineError, ModelFacts, Reply, TextSink, Timings,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Every try takes this long unless its prompt says otherwise.
pub(super) const LATENCY: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
pub(super) struct Fake {
    pub(super) asked: AtomicU64,
    pub(super) running: AtomicU64,
    pub(super) most_running: AtomicU64,
    pub(super) cancelled: AtomicU64,
    /// Processes that died, as an engine with a process of its own would lose them.
    pub(super) deaths: AtomicU64,
}

impl Fake {
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Deaths that such an engine bears; after more, it fails every call.
pub(super) const MOST_DEATHS: u64 = 4;

/// Counts a try out, also when its future is dropped.
struct Running<'a>(&'a Fake);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) fn said(text: &str) -> Reply {
    Reply {
        text: format!("re: {text}"),
        finish: Finish::End,
        usage: Usage {
            prompt_tokens: 10,
            cached_tokens: 0,
            completion_tokens: 3,
        },
        timings: Timings {
            queue_ms: 1.0,
            prefill_ms: 20.0,
            decode_ms: 30.0,
        },
    }
}

#[async_trait::async_trait]
impl Engine for Fake {
    async fn facts(&self) -> Result<ModelFacts, EngineError> {
        Ok(ModelFacts {
            name: "fake".into(),
            window: None,
            family: None,
            slots: 5,
            grammar: false,
            embeddings: false,
            prefill: true,
        })
    }

    async fn chat(
        &self,
        request: &ChatRequest,
        sink: &mut dyn TextSink,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<Reply, EngineError> {
        let nth = self.asked.fetch_add(1, Ordering::SeqCst);
        let running = 1 + self.running.fetch_add(1, Ordering::SeqCst);
        let _counted = Running(self);
        self.most_running.fetch_max(running, Ordering::SeqCst);
        let text = request.messages[0].content.as_str();
        let word = text.split(' ').next().unwrap_or_default();
        if word == "hang" {
            sink.push("beg");
            std::future::pending::<()>().await;
        }
        let latency = if word == "slow" {
            Duration::from_secs(3600)
        } else {
            LATENCY
        };
        tokio::select! {
            () = tokio::time::sleep(latency) => {}
            () = tokio::time::sleep(deadline) => {
                return Err(EngineError::Deadline { partial: "par".into() });
            }
            () = cancel.cancelled() => {
                self.cancelled.fetch_add(1, Ordering::SeqCst);
                return Ok(Reply { finish: Finish::Cancelled, ..said(text) });
            }
        }
        let (engine, reason) = ("fake".to_owned(), "test".to_owned());
        let died = |asked_again| EngineError::Died {
            reason: "test".to_owned(),
            partial: String::new(),
            asked_again,
        };
        match (word, nth) {
            _ if self.deaths.load(Ordering::SeqCst) > MOST_DEATHS => Err(died(true)),
            ("fail", _) => Err(EngineError::Refused { reason }),
            ("die", _) => Err(died(false)),
            // The engine asks its next process again by itself, and that one dies, too.
            ("kill", _) => {
                self.deaths.fetch_add(2, Ordering::SeqCst);
                Err(died(true))
            }
            ("flaky", 0) => Err(EngineError::Unreachable { engine, reason }),
            ("busy", 0) => Err(EngineError::Busy {
                engine,
                reason,
                retry_after_ms: Some(5000),
            }),
            ("cut", _) => Ok(Reply {
                finish: Finish::Cancelled,
                ..said(text)
            }),
            ("long", _) => Ok(Reply {
                finish: Finish::Length,
                ..said(text)
            }),
            ("panic", _) => panic!("a fake engine panics because its prompt says so"),
            _ => Ok(said(text)),
        }
    }

    async fn embed(&self, _: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        Ok(Vec::new())
    }

    async fn count_tokens(&self, _: &str) -> Result<Option<u64>, EngineError> {
        Ok(None)
    }
}

pub(super) fn options() -> DispatchOptions {
    DispatchOptions {
        waiting_per_job: 4096,
        waiting_in_all: 16_384,
        retries: 2,
        retry_wait: Duration::from_millis(100),
        retry_wait_max: Duration::from_secs(30),
        memory_bytes: 1 << 20,
        disk: None,
    }
}

/// A dispatcher with one model, `m`.
pub(super) async fn dispatcher(slots: u32, options: &DispatchOptions) -> (Dispatcher, Arc<Fake>) {
    let dispatcher = Dispatcher::start(options).unwrap();
    let fake = Arc::new(Fake::default());
    let entry = ModelEntry {
        engine: fake.clone(),
        identity: "m".into(),
        slots: Some(slots),
    };
    dispatcher.add_model("m", entry).await.unwrap();
    (dispatcher, fake)
}

pub(super) async fn job(dispatcher: &Dispatcher, id: u64) -> JobHandle {
    dispatcher
        .job(
            JobId(id),
            JobOptions {
                max_concurrent: 10_000,
                cache: true,
            },
        )
        .await
}

pub(super) fn batch<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Batch {
    let call = |text: T| Call {
        model: "m".into(),
        request: request(text.as_ref()),
    };
    Batch {
        parent: CallPath::root(),
        first: 0,
        calls: texts.into_iter().map(call).collect(),
        call_deadline: Duration::from_secs(60),
        patience: None,
        cancel: CancellationToken::new(),
    }
}

pub(super) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("call {i}")).collect()
}

/// The text of each reply, or its error's message.
pub(super) fn texts(outcomes: &[Result<SubReply, CallFailure>]) -> Vec<String> {
    let text = |outcome: &Result<SubReply, CallFailure>| match outcome {
        Ok(reply) => reply.reply.text.clone(),
        Err(failure) => failure.to_string(),
    };
    outcomes.iter().map(text).collect()
}

/// Lets other tasks run until the condition holds.
pub(super) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..10_000 {
        if holds().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("what was awaited did not come about");
}
