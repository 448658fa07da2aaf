//! Chooses the next token from a row of logits: greedy without any random source at temperature 0,
//! otherwise top-p, temperature and the request's seed; a grammar rejects what it does not allow.
//! Invariant: a token is accepted into the grammar only after the grammar allowed it, because
//! llama.cpp aborts otherwise.
#![allow(unsafe_code, reason = "llama.cpp's samplers are C objects")]

use super::{Model, Token};
use engine::Sampling;
use llama_cpp_sys_2 as sys;
use std::cmp::Ordering;
use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;

pub(crate) struct Sampler {
    /// `None` is greedy.
    chain: Option<Handle>,
    grammar: Option<Handle>,
    /// Keeps the vocabulary that the grammar points into.
    _model: Arc<Model>,
}

/// llama.cpp could not read the grammar (its message goes to stderr).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the grammar is not valid GBNF, or has no rule `root`, or is left-recursive")]
pub(crate) struct GrammarError;

struct Handle(NonNull<sys::llama_sampler>);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: we own the sampler; a chain frees its members.
        unsafe { sys::llama_sampler_free(self.0.as_ptr()) }
    }
}

impl Sampler {
    pub(crate) fn new(
        model: &Arc<Model>,
        sampling: &Sampling,
        grammar: Option<&str>,
    ) -> Result<Sampler, GrammarError> {
        let chain = (sampling.temperature > 0.0).then(|| random_chain(sampling));
        let grammar = grammar
            .map(|text| grammar_sampler(model, text))
            .transpose()?;
        Ok(Sampler {
            chain,
            grammar,
            _model: Arc::clone(model),
        })
    }

    /// The next token, already accepted; `None` when the grammar allows nothing any more.
    pub(crate) fn next(&mut self, logits: &[f32]) -> Option<Token> {
        let token = match (&self.grammar, &self.chain) {
            (None, None) => Some(best(logits)),
            (None, Some(chain)) => chain.choose(&mut candidates(logits)),
            (Some(grammar), None) => grammar.best_allowed(logits),
            // As llama.cpp's own tools do: the free choice when the grammar allows it, else a
            // choice among what it allows.
            (Some(grammar), Some(chain)) => chain
                .choose(&mut candidates(logits))
                .filter(|&t| grammar.allows(t))
                .or_else(|| {
                    let mut all = candidates(logits);
                    grammar.apply(&mut all);
                    all.retain(|c| c.logit > f32::NEG_INFINITY);
                    if all.is_empty() {
                        None
                    } else {
                        chain.choose(&mut all)
                    }
                }),
        }?;
        if let Some(grammar) = &self.grammar {
            grammar.accept(token);
        }
        Some(token)
    }

    /// Brings the grammar to where `tokens`, written earlier, had brought it; `false` when it does
    /// not allow them.
    pub(crate) fn replay(&mut self, tokens: &[Token]) -> bool {
        let Some(grammar) = &self.grammar else {
            return true;
        };
        tokens.iter().all(|&token| {
            let allowed = grammar.allows(token);
            if allowed {
                grammar.accept(token);
            }
            allowed
        })
    }
}

impl Handle {
    fn accept(&self, token: Token) {
        // SAFETY: the sampler lives, and the grammar allowed the token.
        unsafe { sys::llama_sampler_accept(self.0.as_ptr(), token) }
    }

    /// Sets the logit of each candidate that is not allowed to minus infinity.
    fn apply(&self, candidates: &mut [sys::llama_token_data]) {
        self.run(candidates);
    }

    fn run(&self, candidates: &mut [sys::llama_token_data]) -> (usize, i64) {
        let mut array = sys::llama_token_data_array {
            data: candidates.as_mut_ptr(),
            size: candidates.len(),
            selected: -1,
            sorted: false,
        };
        // SAFETY: the array describes `candidates`, which outlives the call.
        unsafe { sys::llama_sampler_apply(self.0.as_ptr(), &raw mut array) };
        (array.size, array.selected)
    }

    fn allows(&self, token: Token) -> bool {
        let mut one = [sys::llama_token_data {
            id: token,
            logit: 1.0,
            p: 0.0,
        }];
        self.apply(&mut one);
        one[0].logit > f32::NEG_INFINITY
    }

    fn choose(&self, candidates: &mut [sys::llama_token_data]) -> Option<Token> {
        let (size, selected) = self.run(candidates);
        let selected = usize::try_from(selected).ok().filter(|&i| i < size)?;
        candidates.get(selected).map(|c| c.id)
    }

    /// Greedy under a grammar: asks for the few best first, because testing the whole vocabulary
    /// costs more than a decode step of a small model.
    fn best_allowed(&self, logits: &[f32]) -> Option<Token> {
        let first = best(logits);
        if self.allows(first) {
            return Some(first);
        }
        let mut all = candidates(logits);
        let by_logit = |a: &sys::llama_token_data, b: &sys::llama_token_data| {
            b.logit
                .partial_cmp(&a.logit)
                .unwrap_or(Ordering::Equal)
                .then(a.id.cmp(&b.id))
        };
        if all.len() > GRAMMAR_FIRST {
            all.select_nth_unstable_by(GRAMMAR_FIRST, by_logit);
            let few = &mut all[..GRAMMAR_FIRST];
            few.sort_by(by_logit);
            self.apply(few);
            if let Some(found) = few.iter().find(|c| c.logit > f32::NEG_INFINITY) {
                return Some(found.id);
            }
            all = candidates(logits);
        }
        self.apply(&mut all);
        all.retain(|c| c.logit > f32::NEG_INFINITY);
        all.into_iter().min_by(by_logit).map(|c| c.id)
    }
}

fn random_chain(sampling: &Sampling) -> Handle {
    // SAFETY: each constructor gives a sampler that the chain takes over.
    unsafe {
        let chain = sys::llama_sampler_chain_init(sys::llama_sampler_chain_default_params());
        if sampling.top_p < 1.0 {
            let keep_at_least = 1;
            let top_p = sys::llama_sampler_init_top_p(sampling.top_p.max(0.0), keep_at_least);
            sys::llama_sampler_chain_add(chain, top_p);
        }
        sys::llama_sampler_chain_add(chain, sys::llama_sampler_init_temp(sampling.temperature));
        // llama.cpp takes 32 bits and gives 0xffffffff the meaning "random": never pass that on.
        let folded = (sampling.seed ^ (sampling.seed >> 32)) & 0x7fff_ffff;
        let seed = u32::try_from(folded).unwrap_or_default();
        sys::llama_sampler_chain_add(chain, sys::llama_sampler_init_dist(seed));
        Handle(NonNull::new(chain).expect("llama.cpp allocates or aborts"))
    }
}

fn grammar_sampler(model: &Arc<Model>, text: &str) -> Result<Handle, GrammarError> {
    if text.trim().is_empty() || depth(text) > MAX_GRAMMAR_DEPTH {
        return Err(GrammarError);
    }
    let text = CString::new(text).map_err(|_| GrammarError)?;
    // SAFETY: the vocabulary lives as long as the model, which the sampler keeps; the strings are
    // copied before the call returns.
    let made =
        unsafe { sys::llama_sampler_init_grammar(model.vocab(), text.as_ptr(), c"root".as_ptr()) };
    NonNull::new(made).map(Handle).ok_or(GrammarError)
}

/// How deep the parentheses nest: llama.cpp's parser recurses once per level.
fn depth(grammar: &str) -> usize {
    let mut deepest = 0_usize;
    let mut level = 0_usize;
    for byte in grammar.bytes() {
        match byte {
            b'(' => level += 1,
            b')' => level = level.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(level);
    }
    deepest
}

fn candidates(logits: &[f32]) -> Vec<sys::llama_token_data> {
    (0..)
        .zip(logits)
        .map(|(id, &logit)| sys::llama_token_data { id, logit, p: 0.0 })
        .collect()
}

/// The lowest id among the highest logits, so that a tie is decided the same way everywhere.
fn best(logits: &[f32]) -> Token {
    let mut found = (0, f32::NEG_INFINITY);
    for (id, &logit) in (0..).zip(logits) {
        if logit > found.1 {
            found = (id, logit);
        }
    }
    found.0
}

/// Candidates that a grammar is asked about before the whole vocabulary is.
const GRAMMAR_FIRST: usize = 64;

/// Parentheses in a grammar; a stack overflow in llama.cpp would take the child.
const MAX_GRAMMAR_DEPTH: usize = 256;
