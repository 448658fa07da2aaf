//! The model's thread for embeddings: packs texts into batches and sends unit vectors.

use super::output::Output;
use crate::ffi::{BatchToken, Context, Model, Token};
use crate::frames::{CallId, FromWorker, LoadSpec, ToWorker};
use engine::EngineError;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

pub(super) struct Embedder {
    model: Arc<Model>,
    context: Context,
    output: Output,
    /// Tokens of one text.
    window: usize,
    /// Tokens of one batch.
    batch: usize,
}

impl Embedder {
    pub(super) fn new(
        spec: &LoadSpec,
        model: Arc<Model>,
        context: Context,
        output: Output,
    ) -> Embedder {
        let window = spec.window as usize;
        let batch = if model.has_decoder() {
            spec.chunk as usize
        } else {
            window
        };
        let batch = batch.max(spec.chunk as usize);
        Embedder {
            model,
            context,
            output,
            window: window.min(batch),
            batch,
        }
    }

    pub(super) fn run(mut self, inbox: &Receiver<ToWorker>) {
        while let Ok(message) = inbox.recv() {
            match message {
                ToWorker::Embed { id, texts } => self.answer(id, &texts),
                ToWorker::Chat { id, .. } => {
                    let what = "this model gives vectors, not text".into();
                    let error = EngineError::Unsupported {
                        engine: "llama.cpp".into(),
                        what,
                    };
                    self.output.send(&FromWorker::Failed { id, error });
                }
                // Short and not worth stopping in the middle; the parent drops the answer.
                ToWorker::Cancel { .. } | ToWorker::Count { .. } | ToWorker::Load(_) => {}
            }
        }
    }

    fn answer(&mut self, id: CallId, texts: &[String]) {
        let message = match self.embed(texts) {
            Ok(vectors) => FromWorker::Vectors { id, vectors },
            Err(error) => FromWorker::Failed { id, error },
        };
        self.output.send(&message);
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        let tokens: Vec<Vec<Token>> = texts
            .iter()
            .map(|text| self.model.tokenize(text, true, false))
            .collect();
        if let Some(long) = tokens.iter().find(|t| t.len() > self.window) {
            let (tokens, window) = (long.len() as u64, self.window as u64);
            return Err(EngineError::TooLong {
                tokens,
                window,
                over: tokens - window,
            });
        }
        let mut vectors = Vec::with_capacity(texts.len());
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let count = self.fitting(rest);
            let (now, later) = rest.split_at(count);
            vectors.extend(self.one_batch(now)?);
            rest = later;
        }
        Ok(vectors)
    }

    /// How many of the next texts one batch takes: at least one.
    fn fitting(&self, texts: &[Vec<Token>]) -> usize {
        let mut used = 0;
        let most = TEXTS_AT_ONCE as usize;
        let fit = texts.iter().take(most).take_while(|text| {
            used += text.len();
            used <= self.batch
        });
        fit.count().max(1)
    }

    fn one_batch(&mut self, texts: &[Vec<Token>]) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut batch = Vec::new();
        for (sequence, text) in (0..).zip(texts) {
            for (position, &token) in (0..).zip(text) {
                batch.push(BatchToken {
                    token,
                    position,
                    sequence,
                    wants_logits: true,
                });
            }
        }
        if texts.iter().any(Vec::is_empty) {
            return Err(EngineError::Refused {
                reason: "an empty text has no vector".into(),
            });
        }
        let count = u32::try_from(texts.len()).unwrap_or(TEXTS_AT_ONCE);
        let vectors = self
            .context
            .embed(&batch, count)
            .map_err(|error| EngineError::Died {
                reason: format!("the vectors were not computed: {error}"),
                partial: String::new(),
                asked_again: false,
            })?;
        Ok(vectors.into_iter().map(unit).collect())
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector
        .iter()
        .map(|x| f64::from(*x) * f64::from(*x))
        .sum::<f64>()
        .sqrt();
    if length > 0.0 {
        for x in &mut vector {
            *x = (f64::from(*x) / length) as f32;
        }
    }
    vector
}

/// Texts of one batch.
pub(super) const TEXTS_AT_ONCE: u32 = 32;
