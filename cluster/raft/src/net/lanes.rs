//! Order on the way in. A leader has several appends to one follower on their way at once, and each
//! may travel on a stream of its own, so a later one can arrive first. It then waits here a moment.
//! Only speed depends on it: an append that comes too early conflicts, and is sent again.

use base::NodeId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

#[derive(Clone, Default)]
pub(crate) struct Lanes {
    // Not a message to an owner: taken once per append for a look-up.
    lanes: Arc<Mutex<BTreeMap<(NodeId, u64), Lane>>>,
}

type Lane = Arc<watch::Sender<Place>>;

/// The session that a lane is in, and the number that comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    session: u64,
    next: u64,
}

/// A message's turn; the next one's comes with [`Turn::over`].
pub(crate) struct Turn {
    lane: Lane,
    at: Place,
}

impl Lanes {
    pub(crate) async fn turn(&self, from: NodeId, lane: u64, session: u64, number: u64) -> Turn {
        let lane = self.lane(from, lane);
        lane.send_if_modified(|place| {
            // A first message begins a session whatever its number: the peer may have restarted.
            let begins = session > place.session || (number == 0 && session != place.session);
            if begins {
                *place = Place { session, next: 0 };
            }
            begins
        });
        let mut seen = lane.subscribe();
        let ready = |place: &Place| place.session != session || place.next >= number;
        // An early message that waited long enough goes on: its predecessor may be lost.
        let _late = tokio::time::timeout(PATIENCE, seen.wait_for(ready)).await;
        let at = Place {
            session,
            next: number + 1,
        };
        Turn { lane, at }
    }

    fn lane(&self, from: NodeId, lane: u64) -> Lane {
        let mut lanes = self.lanes.lock().expect("nothing panics under this lock");
        if let Some(found) = lanes.get(&(from, lane)) {
            return Arc::clone(found);
        }
        // Lanes are numbered as a peer opens them; the oldest are of links long gone.
        while lanes.range((from, 0)..=(from, u64::MAX)).count() >= LANES_PER_PEER {
            let oldest = lanes.range((from, 0)..).next().map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                lanes.remove(&oldest);
            }
        }
        let fresh = Arc::new(watch::Sender::new(Place::default()));
        lanes.insert((from, lane), Arc::clone(&fresh));
        fresh
    }
}

impl Turn {
    pub(crate) fn over(self) {
        self.lane.send_if_modified(|place| {
            let on = place.session == self.at.session && place.next < self.at.next;
            if on {
                *place = self.at;
            }
            on
        });
    }
}

/// How long an early message waits: far above what reordering on a LAN takes, below an election.
const PATIENCE: Duration = Duration::from_millis(25);
/// A peer that leads opens three for each time it is elected.
const LANES_PER_PEER: usize = 16;
