//! What an operator may turn, with defaults for one switched network of up to 200 nodes.

use foca::{Config, PeriodicParams};
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

/// Durations hold for round trips below `answer_within`; on slower links all of them stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwimSettings {
    /// Each node asks one peer for a sign of life this often.
    pub probe_every: Duration,
    /// How long a peer has to answer before helpers are asked, and before it is asked once more.
    pub answer_within: Duration,
    /// Helpers asked to reach a peer that did not answer.
    pub helpers: u8,
    /// A suspect's time to refute.
    pub suspect_for: Duration,
    /// A suspect is told this often that it is suspected.
    pub confirm_every: Duration,
    /// News go to `gossip_to` random peers this often, as long as there are news.
    pub gossip_every: Duration,
    pub gossip_to: u8,
    /// How often one piece of news is passed on by each node.
    pub repeats: u8,
    /// Each node asks a random peer for the list of members this often.
    pub roster_every: Duration,
    /// Seeds that are not members, and dead members, are dialled this often.
    pub dial_every: Duration,
    /// Dead members are remembered this long.
    pub remember_dead: Duration,
    /// A timer that fires later than this was not late by chance: the process stood still.
    pub pause: Duration,
    /// Largest datagram in bytes, read or written.
    pub datagram_bytes: usize,
    /// Members known at a time, dead ones included.
    pub max_members: usize,
}

impl Default for SwimSettings {
    fn default() -> SwimSettings {
        SwimSettings {
            probe_every: Duration::from_millis(250),
            answer_within: Duration::from_millis(80),
            helpers: 3,
            suspect_for: Duration::from_millis(600),
            confirm_every: Duration::from_millis(50),
            gossip_every: Duration::from_millis(100),
            gossip_to: 3,
            repeats: 16,
            roster_every: Duration::from_secs(5),
            dial_every: Duration::from_secs(1),
            remember_dead: Duration::from_secs(24 * 3600),
            pause: Duration::from_millis(400),
            // What a QUIC datagram holds on every path, less our frame's header.
            datagram_bytes: 1100,
            max_members: 1024,
        }
    }
}

/// Which relation between settings does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwimSettingsError {
    #[error("`answer_within` must be positive and at most a third of `probe_every`")]
    AnswerWithin,
    #[error("`suspect_for` must be at least three times `confirm_every`, and that positive")]
    SuspectFor,
    #[error("`helpers`, `gossip_to` and `repeats` must be positive")]
    Counts,
    #[error("`gossip_every`, `roster_every`, `dial_every` and `remember_dead` must be positive")]
    Periods,
    #[error("`pause` must be at least `probe_every`")]
    Pause,
    #[error("`datagram_bytes` must be between 600 and 65000")]
    Datagram,
    #[error("`max_members` must be between 2 and 65000")]
    Members,
}

impl SwimSettings {
    pub fn check(&self) -> Result<(), SwimSettingsError> {
        let periods = [
            self.gossip_every,
            self.roster_every,
            self.dial_every,
            self.remember_dead,
        ];
        if self.answer_within.is_zero() || self.answer_within * 3 > self.probe_every {
            Err(SwimSettingsError::AnswerWithin)
        } else if self.confirm_every.is_zero() || self.suspect_for < self.confirm_every * 3 {
            Err(SwimSettingsError::SuspectFor)
        } else if self.helpers == 0 || self.gossip_to == 0 || self.repeats == 0 {
            Err(SwimSettingsError::Counts)
        } else if periods.iter().any(Duration::is_zero) {
            Err(SwimSettingsError::Periods)
        } else if self.pause < self.probe_every {
            Err(SwimSettingsError::Pause)
        } else if !(600..=65_000).contains(&self.datagram_bytes) {
            Err(SwimSettingsError::Datagram)
        } else if !(2..=65_000).contains(&self.max_members) {
            Err(SwimSettingsError::Members)
        } else {
            Ok(())
        }
    }

    /// Zeros are replaced by one: `check` refused them before.
    pub(crate) fn foca(&self) -> Config {
        let count = |n: u8| NonZeroUsize::new(n.into()).unwrap_or(NonZeroUsize::MIN);
        Config {
            probe_period: self.probe_every,
            probe_rtt: self.answer_within,
            num_indirect_probes: count(self.helpers),
            max_transmissions: NonZeroU8::new(self.repeats).unwrap_or(NonZeroU8::MIN),
            suspect_to_down_after: self.suspect_for,
            remove_down_after: Some(self.remember_dead),
            max_packet_size: NonZeroUsize::new(self.datagram_bytes).unwrap_or(NonZeroUsize::MIN),
            notify_down_members: true,
            periodic_announce: Some(PeriodicParams {
                frequency: self.roster_every,
                num_members: NonZeroUsize::MIN,
            }),
            // Ours dials seeds as well, and also while nobody is connected.
            periodic_announce_to_down_members: None,
            periodic_gossip: Some(PeriodicParams {
                frequency: self.gossip_every,
                num_members: count(self.gossip_to),
            }),
        }
    }
}
