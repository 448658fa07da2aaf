//! Guesses a prompt's tokens before it is sent, on the safe side, and learns from what replies
//! report. Integers only, so that a replay decides alike on every machine.

use base::{Message, Usage};

/// Thousandths of the first guess that a prompt turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenEstimate {
    permille: u64,
}

impl TokenEstimate {
    pub(crate) fn new() -> TokenEstimate {
        TokenEstimate { permille: 1000 }
    }

    pub(crate) fn prompt(self, messages: &[Message]) -> u64 {
        (first_guess(messages) * self.permille).div_ceil(1000)
    }

    /// The engine found the prompt longer than the window by `over` tokens.
    pub(crate) fn too_low(&mut self, messages: &[Message], over: u64) {
        let usage = Usage {
            prompt_tokens: self.prompt(messages).saturating_add(over),
            ..Usage::default()
        };
        self.learn(messages, usage);
    }

    /// Learns from the prompt that was sent; keeps a margin for text of another kind.
    pub(crate) fn learn(&mut self, messages: &[Message], usage: Usage) {
        let guess = first_guess(messages);
        if usage.prompt_tokens == 0 || guess == 0 {
            return;
        }
        let seen = usage.prompt_tokens.saturating_mul(1000) / guess;
        let with_margin = seen.saturating_mul(MARGIN_PERMILLE) / 1000;
        self.permille = with_margin.clamp(LEAST_PERMILLE, MOST_PERMILLE);
    }
}

/// ASCII at 3.5 characters a token; others at one, since scripts other than Latin need that.
fn first_guess(messages: &[Message]) -> u64 {
    let mut millis = 0;
    for message in messages {
        let ascii = message.content.bytes().filter(u8::is_ascii).count() as u64;
        let others = message.content.chars().filter(|c| !c.is_ascii()).count() as u64;
        millis += ascii * MILLIS_PER_ASCII + others * 1000 + MILLIS_PER_MESSAGE;
    }
    millis / 1000
}

/// Thousandths of a token per ASCII character: 1 / 3.5.
const MILLIS_PER_ASCII: u64 = 286;
/// A message's role and separators: 8 tokens in the chat templates that were looked at.
const MILLIS_PER_MESSAGE: u64 = 8_000;
/// What is added to a measured ratio, since the next text may be denser.
const MARGIN_PERMILLE: u64 = 1050;
/// One odd report must not make the guess useless: between a half and three times the first.
const LEAST_PERMILLE: u64 = 500;
const MOST_PERMILLE: u64 = 3000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_guess_is_on_the_safe_side_and_then_follows_the_reports() {
        let messages = [Message::user("word ".repeat(700))];
        let mut estimate = TokenEstimate::new();
        assert_eq!(estimate.prompt(&messages), 1009);
        let usage = |tokens| Usage {
            prompt_tokens: tokens,
            ..Usage::default()
        };
        estimate.learn(&messages, usage(710));
        assert!((710..=760).contains(&estimate.prompt(&messages)));
        estimate.learn(&messages, usage(0));
        assert!((710..=760).contains(&estimate.prompt(&messages)));
        estimate.learn(&messages, usage(u64::MAX));
        assert_eq!(estimate.prompt(&messages), 3027);
    }

    #[test]
    fn other_scripts_count_a_token_per_character() {
        let estimate = TokenEstimate::new();
        assert_eq!(estimate.prompt(&[Message::user("語".repeat(100))]), 108);
    }
}
