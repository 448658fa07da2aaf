//! What to do with a knock on the door, before anything is spent on it. Pure.
//!
//! A handshake costs a signature and some kilobytes. A sender may lie about its address, so above a
//! threshold it must first answer a packet sent there; a source that has proved its address still
//! gets only so many handshakes at a time.

use crate::Settings;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Knock {
    /// Handshakes under way, of all sources.
    pub(crate) under_way: usize,
    /// Of them, from this address.
    pub(crate) from_source: usize,
    /// Whether the sender showed that it receives at its address.
    pub(crate) proved: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Accept,
    /// Ask for a proof of the address; no state is kept.
    Prove,
    /// Say no: the source is real and will try later.
    Refuse,
    /// Say nothing, so that nothing is sent to a victim whose address was forged.
    Ignore,
}

pub(crate) fn admit(knock: Knock, settings: &Settings) -> Admission {
    let full = knock.under_way >= settings.max_handshakes;
    let greedy = knock.from_source >= settings.max_handshakes_per_source;
    match (full || greedy, knock.proved) {
        (true, true) => Admission::Refuse,
        (true, false) => Admission::Ignore,
        (false, true) => Admission::Accept,
        (false, false) if knock.under_way >= settings.retry_above => Admission::Prove,
        (false, false) => Admission::Accept,
    }
}

#[cfg(test)]
mod tests;
