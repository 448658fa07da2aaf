//! An engine for tests: gives prepared answers in order.

use crate::api::{ChatRequest, Engine, EngineError, ModelFacts, Reply, TextSink};
use crate::{Timings, discard};
use base::{Finish, Usage};
use std::sync::Mutex;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pieces to push, and how the call ends.
pub(crate) type Turn = (Vec<&'static str>, Option<EngineError>);

pub(crate) struct Scripted {
    turns: Mutex<Vec<Turn>>,
}

impl Scripted {
    pub(crate) fn new(turns: Vec<Turn>) -> Scripted {
        Scripted {
            turns: Mutex::new(turns.into_iter().rev().collect()),
        }
    }

    pub(crate) fn left(&self) -> usize {
        self.turns.lock().unwrap().len()
    }
}

#[async_trait::async_trait]
impl Engine for Scripted {
    async fn facts(&self) -> Result<ModelFacts, EngineError> {
        Ok(ModelFacts {
            name: "scripted".into(),
            window: Some(4096),
            family: None,
            slots: 1,
            grammar: true,
            embeddings: true,
            prefill: true,
        })
    }

    async fn chat(
        &self,
        _request: &ChatRequest,
        sink: &mut dyn TextSink,
        _deadline: Duration,
        _cancel: &CancellationToken,
    ) -> Result<Reply, EngineError> {
        let (pieces, error) = self.turns.lock().unwrap().pop().unwrap();
        let open = pieces.iter().all(|piece| sink.push(piece));
        error.map_or(Ok(()), Err)?;
        Ok(Reply {
            text: pieces.concat(),
            finish: if open { Finish::End } else { Finish::Cancelled },
            usage: Usage::default(),
            timings: Timings::default(),
        })
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        Ok(texts.iter().map(|_| vec![0.6, 0.8]).collect())
    }

    async fn count_tokens(&self, text: &str) -> Result<Option<u64>, EngineError> {
        Ok(Some(text.len() as u64))
    }
}

/// Asks without looking at the pieces.
pub(crate) async fn chat(engine: &dyn Engine, request: &ChatRequest) -> Result<Reply, EngineError> {
    let cancel = CancellationToken::new();
    engine
        .chat(request, &mut discard(), crate::testing::LONG, &cancel)
        .await
}
