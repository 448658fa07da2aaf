//! The model's thread for chat: asks the schedule what to compute, computes it, chooses the next
//! tokens, and sends text. Decides nothing about order or reuse.

use super::output::Output;
use super::prompt::Template;
use crate::clock::{Clock, millis};
use crate::ffi::{BatchToken, Context, Model, Sampler, Token, cpu_time};
use crate::frames::{CallId, FromWorker, LoadSpec, ToWorker};
use crate::pace::Pace;
use crate::prefix_store::PrefixStore;
use crate::reply::ReplyText;
use crate::schedule::{Ask, Effect, Input, Limits, Schedule};
use base::{Finish, Time, Usage};
use engine::{ChatRequest, EngineError, Timings};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

pub(super) struct Batcher {
    model: Arc<Model>,
    context: Context,
    template: Template,
    schedule: Schedule,
    calls: BTreeMap<CallId, Call>,
    store: Option<PrefixStore>,
    output: Output,
    clock: Clock,
    pace: Pace,
    window: u32,
}

struct Call {
    sampler: Sampler,
    text: ReplyText,
    usage: Usage,
    max_tokens: u64,
    /// Tokens of the reply, those of an earlier child included.
    asked: Time,
    admitted: Time,
    first: Option<Time>,
}

impl Batcher {
    pub(super) fn new(
        spec: &LoadSpec,
        model: Arc<Model>,
        context: Context,
        template: Template,
        output: Output,
    ) -> Batcher {
        let reuse = model.can_trim();
        let limits = Limits {
            slots: spec.slots,
            spare: spec.spare,
            pinned: spec.pinned,
            cells: spec.cells,
            warm_cells: spec.warm_cells,
            chunk: spec.chunk,
            chunk_beside_decode: spec.chunk_beside_decode,
            reuse,
        };
        let store = spec
            .prefix_store
            .clone()
            .filter(|_| reuse && spec.pinned > 0);
        Batcher {
            model,
            context,
            template,
            schedule: Schedule::new(limits),
            calls: BTreeMap::new(),
            store: store.map(|folder| PrefixStore::new(folder, spec)),
            output,
            clock: Clock::start(),
            pace: Pace::new(spec.threads),
            window: spec.window,
        }
    }

    /// Until the parent is gone.
    pub(super) fn run(mut self, inbox: &Receiver<ToWorker>) {
        loop {
            if self.schedule.idle() {
                let Ok(message) = inbox.recv() else { return };
                self.take(message);
            }
            while let Ok(message) = inbox.try_recv() {
                self.take(message);
            }
            self.step(Input::Plan);
        }
    }

    fn take(&mut self, message: ToWorker) {
        match message {
            ToWorker::Chat {
                id,
                request,
                resume,
            } => self.ask(id, &request, &resume),
            ToWorker::Cancel { id } => {
                if self.calls.contains_key(&id) {
                    self.done(id, Finish::Cancelled);
                }
            }
            ToWorker::Embed { id, .. } => {
                let what = "this model writes text; vectors need an embedding model".into();
                self.fail(
                    id,
                    EngineError::Unsupported {
                        engine: "llama.cpp".into(),
                        what,
                    },
                );
            }
            // The reader counts, and `Load` comes once.
            ToWorker::Count { .. } | ToWorker::Load(_) => {}
        }
    }

    fn ask(&mut self, id: CallId, request: &ChatRequest, resume: &str) {
        match self.prepare(request, resume) {
            Ok((ask, call)) => {
                self.bring_back(&ask.prompt[..ask.fixed]);
                self.calls.insert(id, call);
                self.step(Input::Ask(Ask { call: id, ..ask }));
            }
            Err(error) => self.fail(id, error),
        }
    }

    fn prepare(&mut self, request: &ChatRequest, resume: &str) -> Result<(Ask, Call), EngineError> {
        let refused = |reason: String| EngineError::Refused { reason };
        let sampling = &request.sampling;
        if !sampling.temperature.is_finite() || sampling.max_tokens == 0 {
            return Err(refused(
                "temperature must be a number and max_tokens at least 1".into(),
            ));
        }
        let grammar = request.grammar.as_deref();
        let mut sampler = Sampler::new(&self.model, sampling, grammar)
            .map_err(|error| refused(error.to_string()))?;
        let prompt = self.template.prompt(&self.model, request, resume);
        let written = self.model.tokenize(resume, false, false);
        if !sampler.replay(&written) {
            return Err(refused("the reply so far does not fit the grammar".into()));
        }
        let spent = written.len() as u64;
        let left = u64::from(sampling.max_tokens).saturating_sub(spent).max(1);
        let tokens = prompt.tokens.len() as u64;
        let over = (tokens + left).saturating_sub(u64::from(self.window));
        if over > 0 {
            let window = u64::from(self.window);
            return Err(EngineError::TooLong {
                tokens,
                window,
                over,
            });
        }
        if prompt.tokens.is_empty() {
            return Err(refused("the prompt is empty".into()));
        }
        let now = self.clock.now();
        let call = Call {
            sampler,
            text: ReplyText::new(&sampling.stop),
            usage: Usage {
                prompt_tokens: tokens - spent.min(tokens),
                completion_tokens: spent,
                ..Usage::default()
            },
            max_tokens: spent + left,
            asked: now,
            admitted: now,
            first: None,
        };
        let max_new = u32::try_from(left).unwrap_or(u32::MAX);
        Ok((
            Ask {
                call: 0,
                prompt: prompt.tokens,
                fixed: prompt.fixed,
                max_new,
            },
            call,
        ))
    }

    /// Reads a fixed prefix from the store when no sequence holds it.
    fn bring_back(&mut self, prefix: &[Token]) {
        let Some(store) = &self.store else { return };
        if prefix.is_empty() || self.schedule.holds_prefix(prefix) {
            return;
        }
        let Some(state) = store.read(prefix) else {
            return;
        };
        let mut effects = Vec::new();
        self.schedule.step(
            Input::Restore {
                tokens: prefix.to_vec(),
            },
            &mut effects,
        );
        for effect in effects {
            if let Effect::Load { sequence } = effect {
                if !self.context.restore(sequence, &state) {
                    let mut none = Vec::new();
                    self.schedule
                        .step(Input::RestoreFailed { sequence }, &mut none);
                }
            } else {
                self.apply(effect);
            }
        }
    }

    fn step(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.schedule.step(input, &mut effects);
        for effect in effects {
            self.apply(effect);
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Admitted { call, cached } => self.admitted(call, u64::from(cached)),
            Effect::Trim { sequence, keep } => {
                // Attention that slides drops old positions and cannot cut in the middle.
                if !self.context.trim(sequence, keep) {
                    self.context.trim(sequence, 0);
                    self.lose("a sequence could not be cut");
                }
            }
            Effect::Share { from, to, length } => self.context.share(from, to, length),
            // Only `bring_back` causes loads, and handles them.
            Effect::Load { .. } => {}
            Effect::Store { sequence, tokens } => {
                if let Some(store) = &self.store {
                    store.write(&tokens, || self.context.save(sequence));
                }
            }
            Effect::Decode { batch, logits } => self.decode(&batch, &logits),
        }
    }

    fn decode(&mut self, batch: &[BatchToken], logits: &[(CallId, usize)]) {
        let threads = self.pace.threads(batch.len());
        self.context.set_threads(threads);
        let (cpu, wall) = (cpu_time(), self.clock.now());
        match self.context.decode(batch) {
            Ok(()) => {
                let wall = Duration::from_micros(self.clock.now().0.saturating_sub(wall.0));
                let cpu = cpu_time().saturating_sub(cpu);
                self.pace.after(batch.len(), cpu, wall);
                self.sample(logits);
            }
            Err(error) => self.lose(&error.to_string()),
        }
    }

    fn admitted(&mut self, id: CallId, cached: u64) {
        let now = self.clock.now();
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.admitted = now;
        call.usage.cached_tokens = cached.min(call.usage.prompt_tokens);
        self.output.send(&FromWorker::Admitted {
            id,
            prompt_tokens: call.usage.prompt_tokens,
            cached_tokens: call.usage.cached_tokens,
            queue_ms: millis(call.asked, now),
        });
    }

    fn sample(&mut self, logits: &[(CallId, usize)]) {
        for &(id, index) in logits {
            let now = self.clock.now();
            let Some(call) = self.calls.get_mut(&id) else {
                continue;
            };
            call.first.get_or_insert(now);
            let Some(row) = self.context.logits(index) else {
                self.lose("a row of logits is missing");
                return;
            };
            let end = match call.sampler.next(row) {
                None => Some(Finish::End),
                Some(token) => {
                    call.usage.completion_tokens += 1;
                    if self.model.is_end(token) {
                        Some(Finish::End)
                    } else {
                        self.wrote(id, token)
                    }
                }
            };
            if let Some(finish) = end {
                self.done(id, finish);
            }
        }
    }

    /// Shows a token's text; a finish when the reply ends with it.
    fn wrote(&mut self, id: CallId, token: Token) -> Option<Finish> {
        let call = self.calls.get_mut(&id)?;
        let mut bytes = Vec::new();
        self.model.piece(token, &mut bytes);
        let text = call.text.push(&bytes);
        let completion_tokens = call.usage.completion_tokens;
        if !text.is_empty() {
            self.output.send(&FromWorker::Piece {
                id,
                text,
                completion_tokens,
            });
        }
        if call.text.stopped() {
            Some(Finish::Stop)
        } else if completion_tokens >= call.max_tokens {
            Some(Finish::Length)
        } else {
            let mut none = Vec::new();
            self.schedule
                .step(Input::Sampled { call: id, token }, &mut none);
            None
        }
    }

    fn done(&mut self, id: CallId, finish: Finish) {
        let Some(mut call) = self.calls.remove(&id) else {
            return;
        };
        let text = call.text.finish();
        if !text.is_empty() {
            let completion_tokens = call.usage.completion_tokens;
            self.output.send(&FromWorker::Piece {
                id,
                text,
                completion_tokens,
            });
        }
        let now = self.clock.now();
        let first = call.first.unwrap_or(now);
        let timings = Timings {
            queue_ms: millis(call.asked, call.admitted),
            prefill_ms: millis(call.admitted, first),
            decode_ms: millis(first, now),
        };
        self.output.send(&FromWorker::Done {
            id,
            finish,
            usage: call.usage,
            timings,
        });
        self.step(Input::End { call: id });
    }

    fn fail(&mut self, id: CallId, error: EngineError) {
        self.calls.remove(&id);
        self.output.send(&FromWorker::Failed { id, error });
    }

    /// The context is in an unknown state. Dying is the clean way out: the parent asks again.
    fn lose(&mut self, why: &str) {
        use std::io::Write;
        self.context.clear();
        if writeln!(std::io::stderr(), "giving up the context: {why}").is_err() {
            tracing::debug!("stderr is closed");
        }
        crate::ffi::end_now(EXIT_LOST);
    }
}

/// The context could not be trusted any more.
const EXIT_LOST: u8 = 70;
