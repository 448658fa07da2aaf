//! Answers a block that asks for sub-calls: how many it may make, and what the others are told.

use super::{Job, Phase};
use crate::profile::render;
use crate::{BatchNumber, Effect, TraceEvent};
use base::LimitKind;

impl Job {
    pub(super) fn admit(
        &mut self,
        batch: BatchNumber,
        count: u32,
        recursive: bool,
        out: &mut Vec<Effect>,
    ) {
        // Whoever asks waits for an answer, even when its block is no longer the running one.
        let running = matches!(self.phase, Phase::Running(_)) && self.limit.is_none();
        let (mut admission, limit) = if running {
            self.ledger.admit(self.now, batch, count, recursive)
        } else {
            self.ledger.refuse(batch, self.limit)
        };
        if admission.granted < count {
            let limit = limit.unwrap_or(LimitKind::Turns);
            out.push(Effect::Trace(TraceEvent::SubCallsRefused {
                batch,
                asked: count,
                granted: admission.granted,
                limit,
            }));
            admission.refused = Some(self.refusal_text(limit, count, admission.granted));
        } else if recursive && admission.child.is_none() {
            out.push(Effect::Trace(TraceEvent::MadePlain { batch }));
        }
        out.push(Effect::AdmitSubCalls(admission));
    }

    fn refusal_text(&self, limit: LimitKind, asked: u32, granted: u32) -> String {
        let name = match limit {
            LimitKind::SubCalls => format!("{} sub-calls", self.setup.budgets.sub_calls),
            LimitKind::Tokens => format!("{} tokens", self.setup.budgets.tokens),
            LimitKind::Wall => format!("{} s", self.setup.budgets.wall.as_secs()),
            LimitKind::Turns | LimitKind::Depth | LimitKind::ConsecutiveErrors => limit.to_string(),
        };
        let values = [
            ("limit", name.as_str()),
            ("asked", &asked.to_string()),
            ("granted", &granted.to_string()),
        ];
        render(&self.setup.profile.format.refused, &values)
    }
}
