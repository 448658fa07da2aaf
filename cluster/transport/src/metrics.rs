//! Counters of one endpoint since its start. Each says when it moves; what a rising one means is in
//! the same sentence where it is not plain.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A snapshot of the counters.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct TransportMetrics {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)+
        }

        impl Counters {
            pub(crate) fn read(&self) -> TransportMetrics {
                TransportMetrics { $($name: self.$name.0.load(Ordering::Relaxed),)+ }
            }
        }

        impl TransportMetrics {
            /// Names and values, in the order of the declaration.
            pub fn rows(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }
    };
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

counters! {
    /// Links that came up, dialled or accepted, with peers that have a certificate.
    links_up,
    /// Links that went down, whatever the reason.
    links_down,
    /// Dials that were begun; divided by `links_up` it shows how hard peers are to reach.
    dials,
    /// Dials that ended without a link.
    dials_failed,
    /// Links that gave way to another one of the same pair: both had dialled, or one was renewed.
    links_replaced,
    /// Links closed because their certificate was revoked.
    links_revoked,
    /// Links closed because their certificate had ended.
    links_expired,
    /// Connections of peers without a certificate that were let in.
    strangers,
    /// Connections turned away because as many as allowed were there.
    turned_away,
    /// Handshakes accepted from outside.
    handshakes,
    /// Handshakes from outside that did not end in a connection: bad certificates, half handshakes.
    handshakes_failed,
    /// Knocks answered with a demand to prove the address; moves under a flood or a mass restart.
    knocks_to_prove,
    /// Knocks refused or ignored because of too many handshakes under way.
    knocks_dropped,
    /// Calls begun by this node.
    calls,
    /// Calls of this node that got no reply, for any reason.
    calls_failed,
    /// Calls of this node not sent because of too many under way to the peer.
    calls_overloaded,
    /// Requests that arrived and were handed to their receiver.
    requests,
    /// Requests refused because their sender may not send them.
    requests_unauthorised,
    /// Requests refused because of too many under way, or of too many bytes held.
    requests_overloaded,
    /// Requests refused because they claim more bytes than their kind may have.
    requests_too_large,
    /// Requests whose time was over before they were begun.
    requests_expired,
    /// Requests whose time was over while they were worked on.
    requests_timed_out,
    /// Requests that could not be read: garbage, cut off, or a version too far away.
    requests_garbled,
    /// Datagrams sent.
    datagrams_out,
    /// Datagrams not sent: no link, larger than the path takes, or others waited and these had
    /// another way.
    datagrams_unsent,
    /// Datagrams that arrived and were handed on.
    datagrams_in,
    /// Datagrams dropped because their sender may not send them.
    datagrams_unauthorised,
    /// Receivers that panicked; each cost its request only.
    panics,
}
