//! A root call that failed: asked again, asked in a shorter form, or the job's end.

use super::reply::clip_bytes;
use super::{Asking, Job};
use crate::fence::Fences;
use crate::{BlockSource, CallNumber, Effect, FailureKind, Purpose, RootFailure, TraceEvent};
use base::Ending;
use std::time::Duration;

impl Job {
    pub(super) fn root_failed(
        &mut self,
        call: CallNumber,
        failure: RootFailure,
        out: &mut Vec<Effect>,
    ) {
        let Some(mut asking) = self.take_asking(call) else {
            return;
        };
        if self.limit.is_some() && asking.request.purpose != Purpose::Last {
            return self.begin_turn(out);
        }
        if self.use_partial(&mut asking, &failure.partial, out) {
            return;
        }
        match failure.kind {
            FailureKind::Retryable { after } if self.may_retry(&asking) => {
                self.retry(asking, after, &failure.reason, out);
            }
            FailureKind::TooLong { over } => self.too_long(&asking, over, out),
            FailureKind::Retryable { .. } | FailureKind::Fatal => {
                self.give_up(&asking, &failure, out);
            }
        }
    }

    /// A reply that broke off after a whole block is as good as a whole reply.
    fn use_partial(&mut self, asking: &mut Asking, partial: &str, out: &mut Vec<Effect>) -> bool {
        if asking.request.purpose != Purpose::Turn {
            return false;
        }
        let partial = clip_bytes(partial, self.setup.options.reply_bytes);
        if partial.len() > asking.fences.written().len() {
            asking.fences = Fences::new(asking.request.prefill.as_deref().unwrap_or(""));
            asking.fences.push(partial);
        }
        let block = asking.fences.finish();
        let whole = block
            .is_some_and(|block| block.how == BlockSource::Closed && !block.code.trim().is_empty());
        if whole {
            self.read_turn(asking, false, out);
        }
        whole
    }

    fn may_retry(&self, asking: &Asking) -> bool {
        let paid = self.ledger.tokens_left() > self.estimate.prompt(&asking.request.messages);
        paid && asking.attempt < self.setup.options.root_retries
    }

    fn retry(
        &mut self,
        asking: Asking,
        after: Option<Duration>,
        reason: &str,
        out: &mut Vec<Effect>,
    ) {
        let attempt = asking.attempt + 1;
        let call = self.call_number();
        out.push(Effect::Trace(TraceEvent::RootRetried {
            call,
            attempt,
            reason: reason.to_owned(),
        }));
        let doubled = 1_u32.checked_shl(asking.attempt).unwrap_or(u32::MAX);
        let wait = self.setup.options.retry_wait.saturating_mul(doubled);
        let mut request = asking.request;
        request.call = call;
        request.after = after.unwrap_or(wait);
        self.ask(request, attempt, asking.covers, out);
    }

    fn give_up(&mut self, asking: &Asking, failure: &RootFailure, out: &mut Vec<Effect>) {
        match asking.request.purpose {
            Purpose::Turn => {
                let mut reason = format!("the root model gave no reply: {}", failure.reason);
                if !failure.next.is_empty() {
                    reason.push_str("; ");
                    reason.push_str(&failure.next);
                }
                self.finish_with_best(Ending::Failed { reason }, out);
            }
            Purpose::Last => self.close_with(asking.fences.written().trim().to_owned(), out),
            Purpose::Summarise => self.drop_instead(asking.covers, out),
        }
    }

    /// The engine refused the prompt: shorten the history, or say that it cannot be.
    fn too_long(&mut self, asking: &Asking, over: u64, out: &mut Vec<Effect>) {
        self.estimate.too_low(&asking.request.messages, over);
        let turns = self.history.turns();
        if asking.request.purpose == Purpose::Turn {
            self.ledger.turn_undone();
        }
        if turns == 0 {
            return match asking.request.purpose {
                Purpose::Last => self.finish_closed(out),
                Purpose::Turn | Purpose::Summarise => self.fail_too_long(over, out),
            };
        }
        let count = match asking.request.purpose {
            Purpose::Summarise => asking.covers,
            Purpose::Turn | Purpose::Last => turns
                .saturating_sub(self.setup.profile.memory.keep_turns)
                .max(1),
        };
        self.drop_instead(count, out);
    }

    pub(super) fn fail_too_long(&mut self, over: u64, out: &mut Vec<Effect>) {
        let window = match self.setup.window {
            Some(window) => format!("window of {window} tokens"),
            None => "window".to_owned(),
        };
        let reason = format!(
            "the prompt is {over} tokens too long for the root model's {window}, even without \
             any earlier turn; ask a shorter question, or use a model or a profile that fits"
        );
        self.finish_with_best(Ending::Failed { reason }, out);
    }
}
