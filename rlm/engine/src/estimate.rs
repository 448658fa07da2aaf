//! How many tokens a text may have, where no tokenizer is at hand. Pure. Errs on the high side: a
//! window chosen by it holds the prompt, also for digits, code and scripts that tokenize badly.

use crate::api::ChatRequest;

/// An upper guess for the tokens of `text`.
pub fn estimate_tokens(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let thirds: u64 = bytes
        .iter()
        .enumerate()
        .map(|(at, byte)| thirds_of(*byte, bytes.get(at + 1)))
        .sum();
    thirds.div_ceil(3)
}

/// An upper guess for the tokens of a request's prompt, with what a chat template adds.
pub fn estimate_prompt(request: &ChatRequest) -> u64 {
    let messages = request
        .messages
        .iter()
        .map(|message| message.content.as_str());
    messages
        .chain(request.prefill.as_deref())
        .map(|text| estimate_tokens(text) + TEMPLATE_TOKENS)
        .sum::<u64>()
        + TEMPLATE_TOKENS
}

/// A byte's part of a token, in thirds: letters come three or more to a token; digits and signs
/// often stand alone, and so does the space before a digit; a character of another script (2 to 4
/// bytes) takes one or two tokens.
fn thirds_of(byte: u8, next: Option<&u8>) -> u64 {
    match byte {
        b' ' if next.is_some_and(u8::is_ascii_digit) => 3,
        b'a'..=b'z' | b'A'..=b'Z' | b' ' | b'\n' | b'\t' | b'\r' => 1,
        0x80.. => 2,
        _ => 3,
    }
}

/// What a chat template puts around one message, and around the whole.
const TEMPLATE_TOKENS: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use base::Message;

    #[test]
    fn the_guess_is_high_but_not_wild() {
        // Digits and the spaces between them are a token each in Qwen's vocabulary.
        assert_eq!(estimate_tokens("2026 11 21"), 10);
        // English runs at four letters to a token and more.
        let words = "The quick brown fox jumps over the lazy dog. ".repeat(100);
        let fourth = words.len() as u64 / 4;
        let guess = estimate_tokens(&words);
        assert!(guess > fourth && guess < 2 * fourth, "{guess}");
        assert!(estimate_tokens("日本語") >= 3);
        assert_eq!(estimate_tokens(""), 0);
    }

    #[test]
    fn a_prompt_counts_its_messages_and_its_prefill() {
        let mut request = ChatRequest {
            messages: vec![Message::user("aaa")],
            prefill: None,
            sampling: crate::Sampling::default(),
            grammar: None,
            shared_prefix: 0,
        };
        let plain = estimate_prompt(&request);
        request.prefill = Some("bbb".into());
        assert_eq!(estimate_prompt(&request), plain + 1 + TEMPLATE_TOKENS);
    }
}
