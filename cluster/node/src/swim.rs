//! Drives the membership machine: datagrams and timers in, effects out. Decides nothing.

use crate::core::Core;
use crate::event::NodeEvent;
use actor::{ActorContext, Inbox};
use base::{NodeId, Time};
use bytes::Bytes;
use membership::{Swim, SwimEffect, SwimInput, SwimView};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// What others tell the driver.
#[derive(Debug)]
pub(crate) enum SwimNote {
    Datagram {
        from: NodeId,
        bytes: Bytes,
    },
    /// Dial these for ever.
    Announce(Vec<(NodeId, SocketAddr)>),
    /// Removed from the cluster.
    Refuse(NodeId),
    /// Say goodbye; answered when it is said.
    Leave(oneshot::Sender<()>),
}

pub(crate) struct SwimDriver {
    core: Arc<Core>,
    swim: Swim,
    timers: BTreeMap<(Instant, u64), ()>,
    out: Vec<SwimEffect>,
}

impl SwimDriver {
    pub(crate) fn new(core: Arc<Core>, swim: Swim) -> SwimDriver {
        SwimDriver {
            core,
            swim,
            timers: BTreeMap::new(),
            out: Vec::new(),
        }
    }

    /// Runs until it is told to stop.
    pub(crate) async fn run(mut self, context: &ActorContext, inbox: &mut Inbox<SwimNote>) {
        let seeds = self.core.seeds.clone();
        self.step(SwimInput::Announce(seeds));
        loop {
            let next = self.timers.keys().next().copied();
            let wake = async {
                match next {
                    Some((at, _)) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                note = inbox.next(context) => match note {
                    Some(note) => self.hear(note),
                    None => return,
                },
                () = wake => {
                    if let Some(((_, timer), ())) = self.timers.pop_first() {
                        self.step(SwimInput::Timer(timer));
                    }
                }
            }
        }
    }

    fn hear(&mut self, note: SwimNote) {
        match note {
            SwimNote::Datagram { from, bytes } => {
                self.step(SwimInput::Datagram { from, bytes });
            }
            SwimNote::Announce(peers) => self.step(SwimInput::Announce(peers)),
            SwimNote::Refuse(node) => self.step(SwimInput::Refuse(node)),
            SwimNote::Leave(said) => {
                self.step(SwimInput::Leave);
                // Whoever asked may have gone.
                said.send(()).ok();
            }
        }
    }

    fn step(&mut self, input: SwimInput) {
        let now = self.core.now();
        self.swim.step(now, input, &mut self.out);
        let mut changed = false;
        for effect in std::mem::take(&mut self.out) {
            changed |= self.act(now, effect);
        }
        if changed {
            let view: SwimView = self.swim.view();
            self.core.swim_view.send_replace(Arc::new(view));
            let usable: BTreeSet<NodeId> = self.swim.usable().map(|m| m.node).collect();
            self.core.usable.send_if_modified(|known| {
                let changed = *known != usable;
                if changed {
                    *known = usable;
                }
                changed
            });
        }
    }

    /// Whether the view may have changed.
    fn act(&mut self, now: Time, effect: SwimEffect) -> bool {
        match effect {
            SwimEffect::Send { to, addr, bytes } => {
                self.core.link_first(to, addr);
                // Without a link it is lost, which the machine is made for.
                self.core.endpoint.datagram(to, bytes).ok();
                false
            }
            SwimEffect::Schedule { after, timer } => {
                self.timers.insert((Instant::now() + after, timer), ());
                false
            }
            SwimEffect::Up(member) => {
                self.core.keep_linked(member.node, member.addr);
                self.tell(now, NodeEvent::PeerUp(member.node))
            }
            SwimEffect::Restarted(member) => {
                self.core.keep_linked(member.node, member.addr);
                self.tell(now, NodeEvent::PeerRestarted(member.node))
            }
            SwimEffect::Suspect(node) => self.tell(now, NodeEvent::PeerSuspect(node)),
            SwimEffect::Trusted(node) => self.tell(now, NodeEvent::PeerTrusted(node)),
            SwimEffect::Dead(member) => self.tell(now, NodeEvent::PeerDead(member.node)),
            SwimEffect::Left(node) => self.tell(now, NodeEvent::PeerLeft(node)),
            SwimEffect::Restless(node) => self.tell(now, NodeEvent::PeerRestless(node)),
            SwimEffect::Link { .. } | SwimEffect::Renewed(_) => true,
            SwimEffect::Standing(standing) => self.tell(now, NodeEvent::Standing(standing)),
        }
    }

    fn tell(&self, now: Time, event: NodeEvent) -> bool {
        self.core.tell(now, event);
        true
    }
}
