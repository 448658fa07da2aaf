//! Which peers there are, what links to each, and what was told about them. Touches no connection
//! and waits for nothing: it is used under a lock.

use super::EndpointLoad;
use crate::bounds::Places;
use crate::link::Link;
use crate::{DialError, DownReason, LinkEvent, Settings};
use base::NodeId;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

#[derive(Default)]
pub(crate) struct Table {
    peers: BTreeMap<NodeId, Entry>,
    strangers: usize,
    /// Handshakes under way, by source.
    knocks: BTreeMap<IpAddr, usize>,
    last_number: u64,
    closed: bool,
}

struct Entry {
    peer: Arc<Peer>,
    links: Vec<Arc<Link>>,
    addrs: Vec<SocketAddr>,
    dialler: Option<AbortHandle>,
    /// Whether this peer should be linked with: set before its dialler is spawned.
    wanted: bool,
    /// What the handler was last told.
    announced: bool,
    /// The last link's end, not told yet.
    lost: Option<DownReason>,
}

/// A peer as its callers see it.
pub(crate) struct Peer {
    pub(crate) node: NodeId,
    pub(crate) requests_in: Arc<Places>,
    pub(crate) requests_out: Arc<Places>,
    pub(crate) view: watch::Sender<View>,
    pub(crate) redial: Notify,
}

#[derive(Clone, Debug)]
pub(crate) enum View {
    /// No link, and nobody dials.
    Absent,
    /// No link yet, or just lost; a dial is under way.
    Dialling,
    Up(Arc<Link>),
    /// No link, and the last dial failed; another one follows.
    Failed(DialError),
}

/// Why a link was not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    Closed,
    Full,
}

impl Table {
    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
        for entry in self.peers.values_mut() {
            entry.links.clear();
            entry
                .peer
                .view
                .send_replace(View::Failed(DialError::Closed));
        }
    }

    pub(crate) fn peer(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.peers.get(&node).map(|entry| entry.peer.clone())
    }

    pub(crate) fn addrs(&self, node: NodeId) -> Vec<SocketAddr> {
        let entry = self.peers.get(&node);
        entry.map(|entry| entry.addrs.clone()).unwrap_or_default()
    }

    /// Notes that a peer should be linked with; returns it where nobody dials it yet.
    pub(crate) fn want(
        &mut self,
        node: NodeId,
        addrs: Vec<SocketAddr>,
        settings: &Settings,
    ) -> Option<Arc<Peer>> {
        if self.closed {
            return None;
        }
        let entry = self.entry(node, settings);
        entry.addrs = addrs;
        let fresh = !entry.wanted;
        entry.wanted = true;
        entry.peer.view.send_if_modified(|view| {
            let idle = matches!(view, View::Absent);
            if idle {
                *view = View::Dialling;
            }
            idle
        });
        fresh.then(|| entry.peer.clone())
    }

    pub(crate) fn set_dialler(&mut self, node: NodeId, dialler: AbortHandle) {
        match self.peers.get_mut(&node) {
            Some(entry) if entry.wanted => entry.dialler = Some(dialler),
            Some(_) | None => dialler.abort(),
        }
    }

    pub(crate) fn redial(&self, node: NodeId) {
        if let Some(entry) = self.peers.get(&node) {
            entry.peer.redial.notify_one();
        }
    }

    /// Dials no more; returns the links to close.
    pub(crate) fn forget(&mut self, node: NodeId) -> Vec<Arc<Link>> {
        let Some(entry) = self.peers.get_mut(&node) else {
            return Vec::new();
        };
        entry.wanted = false;
        entry.addrs.clear();
        if let Some(dialler) = entry.dialler.take() {
            dialler.abort();
        }
        if entry.links.is_empty() {
            entry.peer.view.send_replace(View::Absent);
        }
        let links = entry.links.clone();
        self.prune(node);
        links
    }

    pub(crate) fn dial_failed(&mut self, node: NodeId, why: DialError) {
        if let Some(entry) = self.peers.get_mut(&node)
            && entry.links.is_empty()
        {
            entry.peer.view.send_replace(View::Failed(why));
        }
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The peer that a new link is for, if there is room.
    pub(crate) fn room_for(
        &mut self,
        node: NodeId,
        settings: &Settings,
    ) -> Result<Arc<Peer>, Rejected> {
        if self.closed {
            return Err(Rejected::Closed);
        }
        let linked = self.peers.values().filter(|entry| !entry.links.is_empty());
        let known = self.peers.get(&node).is_some_and(|entry| entry.wanted);
        if !known && linked.count() >= settings.max_peers {
            return Err(Rejected::Full);
        }
        Ok(self.entry(node, settings).peer.clone())
    }

    /// Enters a link; returns those that are too many now.
    pub(crate) fn insert(&mut self, link: Arc<Link>, date: Duration) -> Vec<Arc<Link>> {
        let Some(entry) = self.peers.get_mut(&link.peer()) else {
            return vec![link];
        };
        entry.links.push(link);
        // Best last.
        entry.links.sort_by_key(|link| link.rank(date));
        let surplus = entry.links.len().saturating_sub(MAX_LINKS);
        let surplus = entry.links.drain(..surplus).collect();
        entry.show();
        surplus
    }

    pub(crate) fn remove(&mut self, link: &Link, reason: DownReason, date: Duration) {
        let Some(entry) = self.peers.get_mut(&link.peer()) else {
            return;
        };
        let before = entry.links.len();
        entry.links.retain(|other| other.number != link.number);
        entry.links.sort_by_key(|link| link.rank(date));
        if before > 0 && entry.links.is_empty() {
            entry.lost = Some(reason);
        }
        entry.show();
    }

    pub(crate) fn linked_at(&self, addr: SocketAddr) -> Option<NodeId> {
        let mut links = self.peers.values().filter_map(|entry| entry.links.last());
        let found = links.find(|link| link.connection.remote_address() == addr);
        found.map(|link| link.peer())
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        let links = self.peers.values().flat_map(|entry| &entry.links);
        links.cloned().collect()
    }

    pub(crate) fn load(&self) -> EndpointLoad {
        let mut load = EndpointLoad::default();
        for entry in self.peers.values() {
            load.links += usize::from(!entry.links.is_empty());
            load.requests_in += entry.peer.requests_in.taken();
            load.requests_out += entry.peer.requests_out.taken();
        }
        load
    }

    pub(crate) fn best_links(&mut self, date: Duration) -> Vec<Arc<Link>> {
        self.rank_again(date);
        let links = self.peers.values().filter_map(|entry| entry.links.last());
        links.cloned().collect()
    }

    /// Ranks change as certificates age; returns the links that are not the best of their pair.
    pub(crate) fn rank_again(&mut self, date: Duration) -> Vec<Arc<Link>> {
        let mut retired = Vec::new();
        for entry in self.peers.values_mut() {
            if let [_, _, ..] = entry.links.as_slice() {
                entry.links.sort_by_key(|link| link.rank(date));
                entry.show();
                retired.extend(entry.links.iter().rev().skip(1).cloned());
            }
        }
        retired
    }

    /// What the handler should be told next, in order for each peer.
    pub(crate) fn news(&mut self) -> Vec<LinkEvent> {
        let mut events = Vec::new();
        let mut gone = Vec::new();
        for (node, entry) in &mut self.peers {
            let lost = entry.lost.take();
            if let (Some(reason), true) = (lost, entry.announced) {
                entry.announced = false;
                events.push(LinkEvent::Down {
                    peer: *node,
                    reason,
                });
            }
            match entry.links.last() {
                Some(link) if !entry.announced => {
                    entry.announced = true;
                    events.push(LinkEvent::Up {
                        peer: *node,
                        addr: link.connection.remote_address(),
                        roles: link.certificate.roles,
                    });
                }
                Some(_) => {}
                None => gone.push(*node),
            }
        }
        for node in gone {
            self.prune(node);
        }
        events
    }

    pub(crate) fn knocks(&self, source: IpAddr) -> (usize, usize) {
        let from_source = self.knocks.get(&source).copied().unwrap_or(0);
        (self.knocks.values().sum(), from_source)
    }

    pub(crate) fn knock(&mut self, source: IpAddr) {
        *self.knocks.entry(source).or_default() += 1;
    }

    pub(crate) fn knocked(&mut self, source: IpAddr) {
        if let Some(count) = self.knocks.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.knocks.remove(&source);
            }
        }
    }

    pub(crate) fn stranger_in(&mut self, settings: &Settings) -> bool {
        let room = !self.closed && self.strangers < settings.max_strangers;
        if room {
            self.strangers += 1;
        }
        room
    }

    pub(crate) fn stranger_out(&mut self) {
        self.strangers = self.strangers.saturating_sub(1);
    }

    fn entry(&mut self, node: NodeId, settings: &Settings) -> &mut Entry {
        self.peers.entry(node).or_insert_with(|| Entry {
            peer: Arc::new(Peer {
                node,
                requests_in: Places::new(settings.in_flight),
                requests_out: Places::new(settings.in_flight),
                view: watch::Sender::new(View::Absent),
                redial: Notify::new(),
            }),
            links: Vec::new(),
            addrs: Vec::new(),
            dialler: None,
            wanted: false,
            announced: false,
            lost: None,
        })
    }

    /// Forgets a peer that is neither wanted nor linked nor awaits an announcement.
    fn prune(&mut self, node: NodeId) {
        let idle = |entry: &Entry| {
            !entry.wanted && entry.links.is_empty() && !entry.announced && entry.lost.is_none()
        };
        if self.peers.get(&node).is_some_and(idle) {
            self.peers.remove(&node);
        }
    }
}

impl Entry {
    /// Lets the callers see the best link, or that there is none.
    fn show(&self) {
        let next = match self.links.last() {
            Some(link) => View::Up(link.clone()),
            None if self.wanted => View::Dialling,
            None => View::Absent,
        };
        self.peer.view.send_if_modified(|view| {
            let same = match (&*view, &next) {
                (View::Up(now), View::Up(then)) => now.number == then.number,
                (View::Absent, View::Absent) | (View::Dialling, View::Dialling) => true,
                _ => false,
            };
            if !same {
                *view = next;
            }
            !same
        });
    }
}

/// Links of one pair that may live side by side: one in use, one taking over, and one to spare.
const MAX_LINKS: usize = 3;
