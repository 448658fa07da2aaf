//! Which tokens of which calls the next decode computes: continuous batching over the sequences of
//! one context. Pure; the worker carries the effects out on llama.cpp.
//!
//! Invariants: (1) the cells that active calls hold and may still need never exceed the capacity,
//! so a decode never runs out of memory: calls wait in order instead. (2) A prefix that several
//! calls share is computed once: a call whose beginning is being computed by another waits for it
//! and then shares its cells. (3) Pinned sequences hold the fixed prefixes of prompts; calls share
//! them and never run in them. (4) Every step that decodes gives each writing call its token; the
//! rest of the batch goes to prompts, oldest call first.

mod memory;
mod sequences;

use crate::ffi::{BatchToken, Token};
use crate::frames::CallId;
use memory::Memory;
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Calls at once.
    pub(crate) slots: u32,
    /// Further sequences in which finished calls stay for reuse.
    pub(crate) spare: u32,
    /// Sequences that hold fixed prefixes.
    pub(crate) pinned: u32,
    /// Tokens that the context can hold in all sequences together.
    pub(crate) cells: u32,
    /// Cells that finished calls may keep: more makes every later step slower, because attention
    /// walks over all cells in use.
    pub(crate) warm_cells: u32,
    /// Tokens of one decode.
    pub(crate) chunk: u32,
    /// Prompt tokens of a decode in which other calls write.
    pub(crate) chunk_beside_decode: u32,
    /// Whether sequences can be cut and shared at all (not for recurrent models).
    pub(crate) reuse: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    Ask(Ask),
    /// The next token of a call that was given logits.
    Sampled {
        call: CallId,
        token: Token,
    },
    /// The call is over: finished, failed or cancelled.
    End {
        call: CallId,
    },
    /// A fixed prefix is about to be read from the prefix store.
    Restore {
        tokens: Vec<Token>,
    },
    /// The store's copy was not usable.
    RestoreFailed {
        sequence: u32,
    },
    /// Asks for the next decode.
    Plan,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) call: CallId,
    pub(crate) prompt: Vec<Token>,
    /// How many leading tokens are a fixed prefix, worth keeping for later calls.
    pub(crate) fixed: usize,
    /// Tokens that the call may write.
    pub(crate) max_new: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    Admitted {
        call: CallId,
        cached: u32,
    },
    /// Forget what the sequence holds from `keep` on.
    Trim {
        sequence: u32,
        keep: u32,
    },
    Share {
        from: u32,
        to: u32,
        length: u32,
    },
    /// The pinned sequence is empty and waits for a stored state.
    Load {
        sequence: u32,
    },
    /// The pinned sequence now holds this prefix; it may be stored.
    Store {
        sequence: u32,
        tokens: Vec<Token>,
    },
    /// Compute these. Then one `Sampled` or `End` for each call in `logits`.
    Decode {
        batch: Vec<BatchToken>,
        logits: Vec<(CallId, usize)>,
    },
}

#[derive(Debug)]
pub(crate) struct Schedule {
    limits: Limits,
    memory: Memory,
    waiting: VecDeque<Ask>,
    active: BTreeMap<u64, Active>,
    /// Orders active calls by admission and sequences by use.
    admissions: u64,
}

#[derive(Debug)]
struct Active {
    call: CallId,
    sequence: u32,
    prompt: Vec<Token>,
    fixed: usize,
    /// Written and not yet computed.
    next: Option<Token>,
    /// Cells that this call may still take.
    promised: u32,
}

impl Schedule {
    pub(crate) fn new(limits: Limits) -> Schedule {
        Schedule {
            limits,
            memory: Memory::new(&limits),
            waiting: VecDeque::new(),
            active: BTreeMap::new(),
            admissions: 0,
        }
    }

    pub(crate) fn step(&mut self, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Ask(ask) => self.waiting.push_back(ask),
            Input::Sampled { call, token } => self.sampled(call, token),
            Input::End { call } => self.end(call, out),
            Input::Restore { tokens } => self.restore(tokens, out),
            Input::RestoreFailed { sequence } => self.memory.trim(sequence, 0),
            Input::Plan => self.plan(out),
        }
    }

    /// Nothing to compute and nobody waits.
    pub(crate) fn idle(&self) -> bool {
        self.waiting.is_empty() && self.active.is_empty()
    }

    /// Whether some pinned sequence already holds exactly this prefix, or a longer one.
    pub(crate) fn holds_prefix(&self, tokens: &[Token]) -> bool {
        self.memory.pinned_with(tokens).is_some()
    }

    fn sampled(&mut self, call: CallId, token: Token) {
        if let Some(active) = self.active.values_mut().find(|a| a.call == call) {
            active.next = Some(token);
        }
    }

    fn end(&mut self, call: CallId, out: &mut Vec<Effect>) {
        self.waiting.retain(|ask| ask.call != call);
        self.pin(out);
        let Some((&order, _)) = self.active.iter().find(|(_, a)| a.call == call) else {
            return;
        };
        if let Some(active) = self.active.remove(&order) {
            let reuse = self.limits.reuse;
            self.memory.release(active.sequence, order);
            if !reuse {
                self.forget(active.sequence, 0, out);
            }
        }
        self.cool(out);
    }

    fn restore(&mut self, tokens: Vec<Token>, out: &mut Vec<Effect>) {
        let needed = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        if self.limits.pinned == 0 || !self.make_room(needed, None, out) {
            return;
        }
        let Some(sequence) = self.memory.pinned_victim() else {
            return;
        };
        self.forget(sequence, 0, out);
        self.admissions += 1;
        self.memory.put(sequence, &tokens, self.admissions);
        out.push(Effect::Load { sequence });
    }

    fn plan(&mut self, out: &mut Vec<Effect>) {
        self.pin(out);
        self.admit(out);
        let mut batch = Vec::new();
        let mut logits = Vec::new();
        for active in self.active.values_mut() {
            if let Some(token) = active.next.take() {
                logits.push((active.call, batch.len()));
                active.promised = active.promised.saturating_sub(1);
                batch.push(self.memory.append(active.sequence, token, true));
            }
        }
        let writing = batch.len();
        let room = (self.limits.chunk as usize).saturating_sub(writing);
        let beside = self.limits.chunk_beside_decode as usize;
        let mut left = if writing == 0 { room } else { room.min(beside) };
        for active in self.active.values_mut() {
            let done = self.memory.length(active.sequence);
            let end = active.prompt.len().min(done + left);
            // A call that waits for its logits has its whole prompt computed.
            for position in done..end {
                let last = position + 1 == active.prompt.len();
                if last {
                    logits.push((active.call, batch.len()));
                }
                active.promised = active.promised.saturating_sub(1);
                batch.push(
                    self.memory
                        .append(active.sequence, active.prompt[position], last),
                );
                left -= 1;
            }
        }
        if !batch.is_empty() {
            out.push(Effect::Decode { batch, logits });
        }
    }

    /// Puts fixed prefixes that are now computed into pinned sequences.
    fn pin(&mut self, out: &mut Vec<Effect>) {
        if self.limits.pinned == 0 || !self.limits.reuse {
            return;
        }
        let mut ready = Vec::new();
        for active in self.active.values_mut() {
            if active.fixed >= MIN_FIXED && self.memory.length(active.sequence) >= active.fixed {
                ready.push((active.sequence, active.prompt[..active.fixed].to_vec()));
                active.fixed = 0;
            }
        }
        for (from, tokens) in ready {
            self.admissions += 1;
            if let Some(held) = self.memory.pinned_with(&tokens) {
                self.memory.touch(held, self.admissions);
                continue;
            }
            let Some(sequence) = self.memory.pinned_victim() else {
                continue;
            };
            self.forget(sequence, 0, out);
            self.share(from, sequence, tokens.len(), out);
            self.memory.touch(sequence, self.admissions);
            out.push(Effect::Store { sequence, tokens });
        }
    }

    fn forget(&mut self, sequence: u32, keep: usize, out: &mut Vec<Effect>) {
        if self.memory.length(sequence) > keep {
            self.memory.trim(sequence, keep);
            out.push(Effect::Trim {
                sequence,
                keep: short(keep),
            });
        }
    }

    fn share(&mut self, from: u32, to: u32, length: usize, out: &mut Vec<Effect>) {
        if length > 0 {
            self.memory.share(from, to, length);
            out.push(Effect::Share {
                from,
                to,
                length: short(length),
            });
        }
    }

    /// Frees what finished calls keep beyond the warm limit, the least valuable first.
    fn cool(&mut self, out: &mut Vec<Effect>) {
        while self.memory.warm() > self.limits.warm_cells as usize {
            let Some(victim) = self.memory.idle_with_cells(None) else {
                return;
            };
            self.forget(victim, 0, out);
        }
    }
}

fn short(length: usize) -> u32 {
    u32::try_from(length).expect("lengths are bounded by the context's cells")
}

/// A fixed prefix below this many tokens is computed faster than it is looked up.
const MIN_FIXED: usize = 16;

#[cfg(test)]
mod tests;
