//! From messages to tokens: the model's own chat template, the prefill behind it, and the guard
//! that text from a context can never act as a control token.

use crate::ffi::{Model, Token, apply_template};
use engine::ChatRequest;

/// The model's chat template, as llama.cpp recognises it.
pub(super) struct Template(String);

/// The tokens of a call.
#[derive(Debug, PartialEq)]
pub(super) struct Prompt {
    pub(super) tokens: Vec<Token>,
    /// How many leading tokens come from the request's shared messages.
    pub(super) fixed: usize,
}

impl Template {
    /// The template, and a note when it is not the model's own.
    pub(super) fn of(model: &Model) -> (Template, Option<String>) {
        let probe = [("user".to_owned(), "x".to_owned())];
        match model.chat_template() {
            Some(own) if apply_template(&own, &probe, true).is_some() => (Template(own), None),
            Some(_) => {
                let note = "the model's chat template is not one that llama.cpp recognises; \
                            ChatML is used";
                (Template("chatml".into()), Some(note.into()))
            }
            None => {
                let note = "the model file has no chat template; ChatML is used";
                (Template("chatml".into()), Some(note.into()))
            }
        }
    }

    /// The prompt of `request`, with what the reply already begins with behind it.
    pub(super) fn prompt(&self, model: &Model, request: &ChatRequest, resume: &str) -> Prompt {
        let mut messages: Vec<(String, String)> = request
            .messages
            .iter()
            .map(|m| (m.role.as_str().to_owned(), m.content.clone()))
            .collect();
        let prefill = format!("{}{resume}", request.prefill.as_deref().unwrap_or_default());
        let begins = |text: &str| text.to_owned() + &prefill;
        let contents = request.messages.iter().map(|m| m.content.as_str());
        let tokens = if contents
            .chain([prefill.as_str()])
            .any(|t| acts_as_control(model, t))
        {
            self.guarded(model, &messages, &prefill)
        } else {
            let text = self.apply(&messages, true);
            model.tokenize(&begins(&text), true, true)
        };
        let shared = request.shared_prefix.min(messages.len());
        messages.truncate(shared);
        let fixed = if shared == 0 {
            0
        } else {
            self.shared(model, &messages, &tokens)
        };
        Prompt { tokens, fixed }
    }

    /// How many tokens of `tokens` the leading messages make.
    fn shared(&self, model: &Model, messages: &[(String, String)], tokens: &[Token]) -> usize {
        let head = model.tokenize(&self.apply(messages, false), true, true);
        head.iter()
            .zip(tokens)
            .take_while(|(a, b)| a == b)
            .count()
            .min(tokens.len() - 1)
    }

    fn apply(&self, messages: &[(String, String)], open: bool) -> String {
        apply_template(&self.0, messages, open)
            .or_else(|| apply_template("chatml", messages, open))
            .unwrap_or_default()
    }

    /// Tokens of the template and of the contents made apart, so that `<|im_end|>` inside a content
    /// stays text. Costs a token boundary at each content's edges, hence only where it is needed.
    fn guarded(&self, model: &Model, messages: &[(String, String)], prefill: &str) -> Vec<Token> {
        let marks: Vec<String> = (0..messages.len())
            .map(|i| format!("\u{1}{i}\u{2}"))
            .collect();
        let marked: Vec<(String, String)> = messages
            .iter()
            .zip(&marks)
            .map(|((role, _), m)| (role.clone(), m.clone()))
            .collect();
        let text = self.apply(&marked, true);
        let mut tokens = Vec::new();
        let mut rest = text.as_str();
        let mut start = true;
        for (mark, (_, content)) in marks.iter().zip(messages) {
            // A template may leave a message out (a system message it has no place for).
            let Some((before, after)) = rest.split_once(mark.as_str()) else {
                continue;
            };
            tokens.extend(model.tokenize(before, start, true));
            tokens.extend(model.tokenize(content, false, false));
            start = false;
            rest = after;
        }
        tokens.extend(model.tokenize(rest, start, true));
        tokens.extend(model.tokenize(prefill, false, false));
        tokens
    }
}

/// Whether `text` contains what the tokenizer would take for a control token.
fn acts_as_control(model: &Model, text: &str) -> bool {
    // Control tokens are spelled with one of these in every known vocabulary.
    text.contains(['<', '[', '｜'])
        && model.tokenize(text, false, true) != model.tokenize(text, false, false)
}

#[cfg(test)]
mod tests;
