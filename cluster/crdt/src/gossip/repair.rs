//! Repairs: announcements of what is new, pulls of what is missing, comparisons of everything.

use super::{Dots, Effect, Gossip, Letter};
use crate::{Delta, Replica, Spans, StoreDigest};
use base::{NodeId, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// Dots that came lately and are announced a few more times. News that come within one stretch
/// share their announcements.
#[derive(Clone, Debug)]
pub(super) struct News {
    dots: BTreeMap<Replica, Spans>,
    since: Time,
    times: u32,
    pub(super) due: Time,
}

/// Dots of one replica that a peer has and this node lacks.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    spans: Spans,
    /// Who has some of them, the latest last.
    holders: Vec<NodeId>,
    tries: u32,
    pub(super) due: Time,
}

impl Gossip {
    /// A change too large to push: the peers ask for it.
    pub(super) fn announce_large(&mut self, now: Time, delta: Delta, out: &mut Vec<Effect>) {
        let dots: Dots = delta.covers().collect();
        let peers = self.some_peers(LARGE_TO);
        self.send(peers, Letter::Have { dots: dots.clone() }, out);
        self.note_news(now, dots);
    }

    pub(super) fn note_news(&mut self, now: Time, dots: Dots) {
        let after = self.settings.announce_after;
        let stretch = after / 2;
        let latest = self.news.last_mut();
        let joins = |news: &&mut News| news.times == 0 && now.since(news.since) < stretch;
        if let Some(news) = latest.filter(joins) {
            for (replica, spans) in dots {
                news.dots.entry(replica).or_default().merge(&spans);
            }
            return;
        }
        if self.settings.announce_times == 0 {
            return;
        }
        if self.news.len() >= NEWS_MAX {
            self.news.remove(0);
        }
        self.news.push(News {
            dots: dots.into_iter().collect(),
            since: now,
            times: 0,
            due: now + after,
        });
    }

    pub(super) fn announce_due(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.news.iter().all(|news| news.due > now) {
            return;
        }
        let mut together: BTreeMap<Replica, Spans> = BTreeMap::new();
        let settings = self.settings;
        self.news.retain_mut(|news| {
            if news.due > now {
                return true;
            }
            for (replica, spans) in &news.dots {
                together.entry(*replica).or_default().merge(spans);
            }
            news.times += 1;
            news.due = now + settings.announce_after * 4_u32.pow(news.times.min(6));
            news.times < settings.announce_times
        });
        let dots: Dots = together.into_iter().collect();
        for part in dots.chunks(DOTS_MAX) {
            let peers = self.some_peers(settings.announce_to);
            self.send(
                peers,
                Letter::Have {
                    dots: part.to_vec(),
                },
                out,
            );
        }
    }

    pub(super) fn on_have(&mut self, now: Time, from: NodeId, dots: Dots, out: &mut Vec<Effect>) {
        let mut asked = Vec::new();
        for (replica, spans) in dots {
            let missing = self.store.missing(&replica, &spans);
            if missing.is_empty() {
                continue;
            }
            if self.wanted.len() >= WANTED_MAX && !self.wanted.contains_key(&replica) {
                continue;
            }
            let wanted = self.wanted.entry(replica).or_insert_with(|| Wanted {
                spans: Spans::default(),
                holders: Vec::new(),
                tries: 0,
                due: now,
            });
            wanted.holders.retain(|holder| *holder != from);
            wanted.holders.push(from);
            if wanted.holders.len() > HOLDERS_MAX {
                wanted.holders.remove(0);
            }
            let new = missing.minus(&wanted.spans);
            wanted.spans.merge(&missing);
            if !new.is_empty() {
                wanted.tries = 0;
                wanted.due = now + PULL_AFTER;
                asked.push((replica, new));
            }
        }
        self.pull(from, asked, out);
    }

    /// Asks again for what did not come, each time another holder.
    pub(super) fn pull_due(&mut self, now: Time, out: &mut Vec<Effect>) {
        let mut asks: BTreeMap<NodeId, Dots> = BTreeMap::new();
        let store = &self.store;
        self.wanted.retain(|replica, wanted| {
            if wanted.due > now {
                return true;
            }
            wanted.spans = store.missing(replica, &wanted.spans);
            if wanted.spans.is_empty() || wanted.tries >= PULL_TRIES {
                return false;
            }
            let turn = wanted.tries as usize % wanted.holders.len().max(1);
            let Some(holder) = wanted.holders.iter().rev().nth(turn) else {
                return false;
            };
            asks.entry(*holder)
                .or_default()
                .push((*replica, wanted.spans.clone()));
            wanted.tries += 1;
            wanted.due = now + PULL_AFTER * 2_u32.pow(wanted.tries.min(6));
            true
        });
        for (holder, dots) in asks {
            self.pull(holder, dots, out);
        }
    }

    fn pull(&mut self, from: NodeId, dots: Dots, out: &mut Vec<Effect>) {
        for part in dots.chunks(DOTS_MAX) {
            self.tally.pulled += part.len() as u64;
            self.send(
                vec![from],
                Letter::Pull {
                    dots: part.to_vec(),
                },
                out,
            );
        }
    }

    pub(super) fn on_pull(&mut self, from: NodeId, dots: &Dots, out: &mut Vec<Effect>) {
        if dots.iter().all(|(_, spans)| spans.is_sound()) {
            self.send_content(from, dots.clone(), out);
        }
    }

    /// Sends the content of some dots, in letters of bounded size and number.
    fn send_content(&mut self, to: NodeId, mut dots: Dots, out: &mut Vec<Effect>) {
        for _ in 0..CONTENTS_MAX {
            let delta = self.store.delta(&dots, CONTENT_BYTES);
            if delta.is_empty() {
                return;
            }
            for (replica, told) in delta.covers() {
                for (_, rest) in dots.iter_mut().filter(|(r, _)| *r == replica) {
                    *rest = rest.minus(&told);
                }
            }
            self.send(vec![to], Letter::Content { delta }, out);
        }
    }

    pub(super) fn summary(&self, now: Time) -> Letter {
        let root = self.store.root();
        Letter::Summary { time: now, root }
    }

    pub(super) fn on_summary(
        &mut self,
        now: Time,
        from: NodeId,
        time: Time,
        root: u64,
        out: &mut Vec<Effect>,
    ) {
        self.store.heard_clock(from, now, time);
        let again = self.store.restamp(now);
        self.spread(now, again, out);
        if root != self.store.root() {
            self.tally.differed += 1;
            let digest = self.store.digest();
            self.send(vec![from], Letter::Digest { digest }, out);
        }
    }

    pub(super) fn on_digest(
        &mut self,
        now: Time,
        from: NodeId,
        digest: &StoreDigest,
        out: &mut Vec<Effect>,
    ) {
        if !digest.rows.iter().all(|row| row.seen.is_sound()) {
            return;
        }
        self.store.merge_floor(digest.floor, now);
        let rows = digest.rows.iter();
        let theirs: Dots = rows.map(|row| (row.replica, row.seen.clone())).collect();
        self.on_have(now, from, theirs, out);
        let news = self.store.news_for(digest);
        self.send_content(from, news, out);
        for replica in self.store.disputes(digest).into_iter().take(DISPUTES_MAX) {
            self.dispute(from, replica, out);
        }
        let floor = self.store.floor();
        if floor > digest.floor {
            self.send(vec![from], Letter::Evicted { floor }, out);
        }
    }

    fn dispute(&mut self, with: NodeId, replica: Replica, out: &mut Vec<Effect>) {
        let (seen, counts) = self.store.alive(&replica);
        let letter = Letter::Alive {
            replica,
            seen,
            counts,
        };
        self.send(vec![with], letter, out);
    }

    pub(super) fn on_alive(
        &mut self,
        from: NodeId,
        (replica, seen, counts): (Replica, Spans, Vec<u64>),
        out: &mut Vec<Effect>,
    ) {
        let sorted = counts.windows(2).all(|pair| pair[0] < pair[1]);
        if !sorted || !seen.is_sound() {
            return;
        }
        if self.store.bury(replica, &seen, &counts) {
            self.dispute(from, replica, out);
        }
        out.push(Effect::Changed);
    }
}

/// Stretches of news under announcement. The oldest are dropped: comparisons find the rest.
const NEWS_MAX: usize = 64;
/// Replicas with known gaps.
const WANTED_MAX: usize = 4096;
/// Peers to ask for one replica's dots.
const HOLDERS_MAX: usize = 3;
/// Replicas in one letter, so that it keeps its cap.
const DOTS_MAX: usize = 1024;
/// Peers that hear at once of a change too large to push.
const LARGE_TO: usize = 8;
/// Until a pull is repeated; doubled each time.
const PULL_AFTER: Duration = Duration::from_millis(5);
const PULL_TRIES: u32 = 8;
/// Bytes of one letter of content: a repair never holds a connection for long.
const CONTENT_BYTES: usize = 64 * 1024;
/// Letters in answer to one pull or digest. The next comparison goes on.
const CONTENTS_MAX: usize = 32;
/// Disputed replicas in answer to one digest.
const DISPUTES_MAX: usize = 16;
