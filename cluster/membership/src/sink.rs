//! What foca says during one call, kept until the call returned.

use crate::Member;
use bytes::Bytes;
use foca::{Header, Message, Notification, Runtime, Timer};
use std::time::Duration;

/// What foca did or saw, as far as we act on it.
#[derive(Debug)]
pub(crate) enum Fact {
    Pinged(Header<Member>),
    Received(Header<Member>),
    /// Neither the peer nor a helper answered within the probe's period.
    ProbeFailed(Member),
    /// Membership changed: the table must be read again.
    Changed,
    /// The cluster took us for dead; this is our next life.
    Renewed(Member),
}

#[derive(Debug, Default)]
pub(crate) struct Sink {
    pub(crate) facts: Vec<Fact>,
    pub(crate) sends: Vec<(Member, Bytes)>,
    pub(crate) timers: Vec<(Timer<Member>, Duration)>,
    /// Ours, as the last header that foca wrote says.
    pub(crate) incarnation: u16,
}

impl Runtime<Member> for Sink {
    fn notify(&mut self, notification: Notification<'_, Member>) {
        let fact = match notification {
            Notification::MemberUp(_)
            | Notification::MemberDown(_)
            | Notification::Rename(_, _)
            | Notification::Active
            | Notification::Idle
            | Notification::Defunct => Fact::Changed,
            Notification::Rejoin(me) => Fact::Renewed(me.clone()),
            Notification::DataReceived(header) => Fact::Received(header.clone()),
            Notification::DataSent(header) => {
                self.incarnation = header.src_incarnation;
                if !matches!(header.message, Message::Ping(_)) {
                    return;
                }
                Fact::Pinged(header.clone())
            }
            Notification::ProbeFailed(_, member) => Fact::ProbeFailed(member.clone()),
        };
        self.facts.push(fact);
    }

    fn send_to(&mut self, to: Member, data: &[u8]) {
        self.sends.push((to, Bytes::copy_from_slice(data)));
    }

    fn submit_after(&mut self, timer: Timer<Member>, after: Duration) {
        self.timers.push((timer, after));
    }
}
