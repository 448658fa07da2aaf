//! How large a window Ollama is asked for. Pure. Ollama loads the model anew when `num_ctx`
//! changes, so sizes come in few steps and never shrink while an engine lives; and it must hold
//! the prompt, so the guess is high.

use crate::api::EngineError;

/// The window for a prompt that may have `prompt` tokens (a high guess) and a reply of up to
/// `reply`; `largest_yet` is what this engine asked for before, `window` what the model has.
pub(super) fn num_ctx(
    prompt: u64,
    reply: u32,
    largest_yet: u32,
    window: Option<u32>,
) -> Result<u32, EngineError> {
    let wanted = prompt + u64::from(reply);
    let step = u32::try_from(wanted.next_power_of_two()).unwrap_or(u32::MAX);
    let size = step.max(SMALLEST).max(largest_yet);
    let Some(window) = window else {
        return Ok(size);
    };
    // A guess that is high by half may still fit; beyond that the prompt is surely too long, and
    // in between the server says so itself, since it is told not to cut.
    let surely = prompt / GUESS_FACTOR + u64::from(reply);
    if surely > u64::from(window) {
        return Err(EngineError::TooLong {
            tokens: prompt,
            window: u64::from(window),
            over: wanted - u64::from(window),
        });
    }
    Ok(size.min(window))
}

/// Holds a root's first turns and most sub-calls without loading the model again.
const SMALLEST: u32 = 8192;

/// No text has fewer tokens than the guess divided by this (English prose comes nearest).
const GUESS_FACTOR: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_in_steps_and_never_shrinks() {
        assert_eq!(num_ctx(100, 64, 0, None), Ok(8192));
        assert_eq!(num_ctx(8000, 500, 0, None), Ok(16384));
        assert_eq!(num_ctx(100, 64, 16384, None), Ok(16384));
        assert_eq!(
            num_ctx(100, 64, 0, Some(2048)),
            Ok(2048),
            "no larger than the model's own"
        );
        assert_eq!(
            num_ctx(3000, 64, 0, Some(2048)),
            Ok(2048),
            "the guess may be high"
        );
    }

    #[test]
    fn a_prompt_that_cannot_fit_is_refused_with_its_sizes() {
        let error = num_ctx(9000, 64, 0, Some(4096)).unwrap_err();
        let over = 9000 + 64 - 4096;
        assert_eq!(
            error,
            EngineError::TooLong {
                tokens: 9000,
                window: 4096,
                over
            }
        );
    }
}
