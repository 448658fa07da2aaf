//! The dispatcher as its callers see it, with engines that are slow, failing, hanging or dying.

use crate::key::Key;
use base::{Finish, Message, Usage};
use engine::{ChatRequest, Reply, Sampling, Timings};

pub(crate) fn request(text: &str) -> ChatRequest {
    ChatRequest {
        messages: vec![Message::user(text)],
        prefill: None,
        sampling: Sampling::default(),
        grammar: None,
        shared_prefix: 0,
    }
}

pub(crate) fn key(text: &str) -> Key {
    Key::of(&"m".into(), &request(text).into()).unwrap()
}

pub(crate) fn reply(text: &str) -> Reply {
    Reply {
        text: text.to_owned(),
        finish: Finish::End,
        usage: Usage {
            prompt_tokens: 2,
            cached_tokens: 0,
            completion_tokens: 1,
        },
        timings: Timings::default(),
    }
}

mod batches;
mod caching;
mod fake;
