//! Housekeeping: what must be done now and then, and telling the handler of links.

use super::Inner;
use crate::link::close_for;
use crate::streams::Close;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

pub(crate) async fn keep_house(inner: Arc<Inner>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for link in inner.table().links() {
            link.listen();
        }
        inner.drop_fallen();
        inner.close_retired();
        let mut tasks = inner.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
    }
}

pub(crate) async fn announce_links(inner: Arc<Inner>) {
    loop {
        // First, since links came and went before anybody announced them.
        let news = inner.table().news();
        for event in news {
            inner.handler.link(event);
        }
        inner.announce.notified().await;
    }
}

impl Inner {
    /// Closes links whose certificates are worth nothing any more.
    pub(crate) fn drop_fallen(&self) {
        let date = self.wall.unix();
        let links = self.table().links();
        for link in links {
            let Err(denial) = self.standing(&link.certificate, date) else {
                continue;
            };
            let why = close_for(denial);
            match why {
                Close::Revoked => self.counters.links_revoked.add(),
                Close::Expired => self.counters.links_expired.add(),
                Close::Left | Close::Replaced | Close::Full | Close::Own | Close::Done => {}
            }
            link.close(why);
        }
    }

    /// A link that another one took over from stays until the other has proved that it lives, and
    /// until its own requests are done.
    fn close_retired(&self) {
        let date = self.wall.unix();
        let retired = self.table().rank_again(date);
        let patience = self.settings.idle + Duration::from_secs(1);
        for link in retired {
            let since = link.retired.get_or_init(Instant::now).elapsed();
            if (since > patience && link.idle()) || since > patience * RETIRED_MOST {
                self.counters.links_replaced.add();
                link.close(Close::Replaced);
            }
        }
    }
}

/// Also the resolution of `LinkFacts::heard`, and how late an ended certificate is seen.
const TICK: Duration = Duration::from_millis(250);
/// Times the patience after which even a busy link goes.
const RETIRED_MOST: u32 = 10;
