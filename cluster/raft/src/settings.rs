//! What a user may turn. Times first: they decide how soon a dead leader is replaced and how often
//! a living one is suspected.

use std::time::Duration;

/// `Default` suits a LAN: no leader for less than a second after a kill, as long as an fsync and a
/// round trip together stay well under `election_min`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Between two signs of life of the leader. Smaller finds a dead leader sooner and costs
    /// messages.
    pub heartbeat: Duration,
    /// Shortest time that a follower waits before it campaigns. Must be above `heartbeat` and ten
    /// times what a slow fsync plus a round trip takes.
    pub election_min: Duration,
    /// Longest such time; also how long a leader's authority outlives the last quorum. A failover
    /// takes between this and twice this.
    pub election_max: Duration,
    /// How long `propose` waits for its answer before it says that the outcome is unknown.
    pub propose: Duration,
    /// How long a read waits for a quorum and for the local state to catch up.
    pub read: Duration,
    /// How long a change of the voters may take, catching up included.
    pub change: Duration,
    /// Commands between two snapshots. Smaller restarts sooner and writes more.
    pub snapshot_every: u64,
    /// Entries that stay in the log behind a snapshot, so that a follower that was away for a
    /// moment needs no snapshot.
    pub keep_behind: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            heartbeat: Duration::from_millis(50),
            election_min: Duration::from_millis(150),
            election_max: Duration::from_millis(300),
            propose: Duration::from_secs(5),
            read: Duration::from_secs(5),
            change: Duration::from_secs(60),
            snapshot_every: 20_000,
            keep_behind: 2_000,
        }
    }
}

impl Settings {
    /// Says which relation does not hold.
    pub fn check(&self) -> Result<(), String> {
        let relations = [
            (self.heartbeat.as_millis() > 0, "heartbeat is under 1 ms"),
            (
                self.heartbeat < self.election_min,
                "heartbeat is not below election_min",
            ),
            (
                self.election_min < self.election_max,
                "election_min is not below election_max",
            ),
            (
                self.election_max < self.propose,
                "propose is not above election_max",
            ),
            (self.snapshot_every > 1, "snapshot_every is under 2"),
        ];
        match relations.iter().find(|(holds, _)| !holds) {
            Some((_, broken)) => Err((*broken).to_owned()),
            None => Ok(()),
        }
    }

    pub(crate) fn openraft(&self) -> Result<openraft::Config, String> {
        self.check()?;
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let config = openraft::Config {
            cluster_name: "rlm".to_owned(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            enable_pre_vote: Some(true),
            // A leader that lost its quorum falls silent, so that those who can reach one another
            // elect; this is openraft's form of check-quorum.
            quorum_loss_probe_interval: Some(2 * millis(self.election_max) + 1),
            // Votes stay off until this node's standing is known: see `group::standing`.
            enable_elect: false,
            // Standard Raft: a leader that restarts stands for election like any other.
            enable_leader_restore: Some(false),
            // A node under repair starts from an empty log. `net` refuses every other reversion
            // before openraft sees it.
            allow_log_reversion: Some(true),
            broadcast_submitted_on_append: Some(true),
            max_payload_entries: APPEND_ENTRIES,
            snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(self.snapshot_every),
            max_in_snapshot_log_to_keep: self.keep_behind,
            replication_lag_threshold: self.snapshot_every + self.keep_behind,
            purge_batch_size: PURGE_BATCH,
            api_channel_size: Some(CORE_QUEUE),
            notification_channel_size: Some(CORE_QUEUE),
            backoff: "20ms 40ms 80ms ..500ms".to_owned(),
            ..openraft::Config::default()
        };
        config.validate().map_err(|error| error.to_string())
    }
}

/// Entries in one message to a follower: at 100 bytes each, a few tens of kilobytes.
const APPEND_ENTRIES: u64 = 512;
/// Entries purged at a time, since each purge is a write.
const PURGE_BATCH: u64 = 256;
/// Messages that wait for openraft's core: above what proposals in flight can make.
const CORE_QUEUE: u64 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_between_times_are_checked() {
        assert_eq!(Settings::default().check(), Ok(()));
        assert!(Settings::default().openraft().is_ok());
        let slow = Settings {
            heartbeat: Duration::from_secs(1),
            ..Settings::default()
        };
        assert!(slow.openraft().is_err());
    }
}
