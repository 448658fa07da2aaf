//! What makes two calls the same: the model's identity and everything in the request that
//! determines the reply. Keys are compared whole; the digest only finds and orders them.

use base::{ContentHash, Message};
use engine::{ChatRequest, Sampling};
use std::cmp::Ordering;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) digest: ContentHash,
    model: Arc<str>,
    request: Arc<ChatRequest>,
}

type KeyParts<'a> = (
    &'a str,
    Option<&'a str>,
    Option<&'a str>,
    [u64; 4],
    &'a [String],
);

impl Key {
    /// `None` when the reply is left to chance (a temperature without a seed): such calls are
    /// neither cached nor asked once for several, since each asker wants a draw of its own.
    pub(crate) fn of(model: &Arc<str>, request: &Arc<ChatRequest>) -> Option<Key> {
        if request.sampling.temperature > 0.0 && request.sampling.seed == 0 {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        write(model, request, &mut |bytes| {
            hasher.update(bytes);
        });
        let digest = ContentHash(*hasher.finalize().as_bytes());
        Some(Key {
            digest,
            model: model.clone(),
            request: request.clone(),
        })
    }

    #[cfg(test)]
    pub(crate) fn with_digest(mut self, digest: ContentHash) -> Key {
        self.digest = digest;
        self
    }

    /// The whole key in the form that is stored and hashed.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&self.model, &self.request, &mut |part| {
            bytes.extend_from_slice(part)
        });
        bytes
    }

    /// Bytes that a kept key holds in memory, to a good approximation.
    pub(crate) fn weight(&self) -> usize {
        let messages = self
            .request
            .messages
            .iter()
            .map(|message| message.content.len() + 32);
        messages.sum::<usize>() + self.request.grammar.as_ref().map_or(0, String::len) + 256
    }

    fn parts(&self) -> KeyParts<'_> {
        let (prefill, grammar) = (&self.request.prefill, &self.request.grammar);
        let sampling = &self.request.sampling;
        (
            &self.model,
            prefill.as_deref(),
            grammar.as_deref(),
            numbers(sampling),
            &sampling.stop,
        )
    }

    fn messages(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.request.messages.iter().map(said)
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        let whole = || {
            if Arc::ptr_eq(&self.request, &other.request) && self.model == other.model {
                return Ordering::Equal;
            }
            self.parts()
                .cmp(&other.parts())
                .then_with(|| self.messages().cmp(other.messages()))
        };
        self.digest.cmp(&other.digest).then_with(whole)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// The numbers that determine a reply. Greedy sampling draws nothing: its seed and `top_p` are left
/// out, so that jobs with different seeds share their greedy replies.
fn numbers(sampling: &Sampling) -> [u64; 4] {
    let most = u64::from(sampling.max_tokens);
    if sampling.temperature <= 0.0 {
        return [0, 0, 0, most];
    }
    let bits = |number: f32| u64::from(number.to_bits());
    [
        bits(sampling.temperature),
        bits(sampling.top_p),
        sampling.seed,
        most,
    ]
}

fn said(message: &Message) -> (&'static str, &str) {
    (message.role.as_str(), &message.content)
}

/// Counts and numbers, then each text with its length before it: no two different requests give the
/// same bytes. `shared_prefix` is left out: it changes the work, not the reply.
fn write(model: &str, request: &ChatRequest, out: &mut dyn FnMut(&[u8])) {
    let sampling = &request.sampling;
    out(&(request.messages.len() as u64).to_le_bytes());
    out(&[
        u8::from(request.prefill.is_some()),
        u8::from(request.grammar.is_some()),
    ]);
    out(&(sampling.stop.len() as u64).to_le_bytes());
    numbers(sampling)
        .iter()
        .for_each(|number| out(&number.to_le_bytes()));
    let mut text = |text: &str| {
        out(&(text.len() as u64).to_le_bytes());
        out(text.as_bytes());
    };
    text(model);
    for message in &request.messages {
        text(message.role.as_str());
        text(&message.content);
    }
    request.prefill.iter().for_each(|prefill| text(prefill));
    request.grammar.iter().for_each(|grammar| text(grammar));
    sampling.stop.iter().for_each(|stop| text(stop));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> ChatRequest {
        ChatRequest {
            messages: vec![Message::user("a")],
            prefill: None,
            sampling: Sampling::default(),
            grammar: None,
            shared_prefix: 0,
        }
    }

    fn key(model: &str, change: impl FnOnce(&mut ChatRequest)) -> Key {
        let mut request = request();
        change(&mut request);
        Key::of(&model.into(), &request.into()).unwrap()
    }

    fn drawn(change: impl FnOnce(&mut ChatRequest)) -> Key {
        key("m", |request| {
            (request.sampling.temperature, request.sampling.seed) = (0.5, 1);
            change(request);
        })
    }

    #[track_caller]
    fn check_all_differ(keys: &[Key]) {
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[..i] {
                assert_ne!(a, b, "{i}");
                assert_ne!(a.digest, b.digest, "{i}");
                assert_ne!(a.bytes(), b.bytes(), "{i}");
            }
        }
    }

    #[test]
    fn everything_that_determines_the_reply_is_in_the_key() {
        check_all_differ(&[
            key("m", |_| {}),
            key("n", |_| {}),
            key("m", |r| r.messages[0].content.push('b')),
            key("m", |r| r.messages[0].role = base::Role::System),
            key("m", |r| r.messages.push(Message::user("a"))),
            key("m", |r| r.prefill = Some(String::new())),
            key("m", |r| r.grammar = Some(String::new())),
            key("m", |r| r.sampling.stop.push("x".into())),
            key("m", |r| r.sampling.max_tokens = 1),
            drawn(|_| {}),
            drawn(|r| r.sampling.seed = 2),
            drawn(|r| r.sampling.top_p = 0.5),
            drawn(|r| r.sampling.temperature = 0.6),
        ]);
    }

    #[test]
    fn what_does_not_determine_the_reply_is_not_in_the_key() {
        let plain = key("m", |_| {});
        for same in [
            key("m", |r| r.shared_prefix = 1),
            key("m", |r| r.sampling.seed = 7),
            key("m", |r| r.sampling.top_p = 0.5),
        ] {
            assert_eq!(
                (&plain, plain.digest, plain.bytes()),
                (&same, same.digest, same.bytes())
            );
        }
    }

    #[test]
    fn equal_digests_do_not_make_equal_keys() {
        let other = key("m", |r| r.messages[0].content.push('b'));
        let plain = key("m", |_| {});
        let forged = other.clone().with_digest(plain.digest);
        assert_ne!(plain, forged);
        assert_ne!(plain.cmp(&forged), Ordering::Equal);
        assert_eq!(plain.cmp(&forged), forged.cmp(&plain).reverse());
    }

    #[test]
    fn replies_left_to_chance_have_no_key() {
        let mut random = request();
        random.sampling.temperature = 0.7;
        assert!(Key::of(&"m".into(), &random.clone().into()).is_none());
        random.sampling.seed = 5;
        assert!(Key::of(&"m".into(), &random.into()).is_some());
    }
}
