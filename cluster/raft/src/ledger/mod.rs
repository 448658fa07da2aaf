//! The replicated state and what each command does to it. Pure: the same commands in the same order
//! give the same state on every node, down to its hash. Time is what the leader stamped, ids are
//! what the proposer made, and everything is in ordered maps.
//!
//! A command that is refused changes nothing but the time and the place in the log, so that a
//! rejection, too, is the same everywhere.

mod audit;
mod command;
mod jobs;
mod members;
mod registry;
mod rejection;
mod revocations;
mod settings;
mod tokens;

#[cfg(test)]
mod tests;

pub use audit::{Audit, AuditRecord};
pub use command::{Command, Outcome, Revocation, Stamped};
pub use jobs::{JobPhase, JobQueue, JobRecord, Jobs};
pub use members::{MemberRecord, Members, NewMember, Retired};
pub use registry::{Model, ModelVersion, Models, NewVersion, Stage};
pub use rejection::Rejection;
pub use revocations::{Revocations, Serial};
pub use settings::{SettingKind, SettingName, default_model, largest_blob, setting_names};
pub use tokens::{TokenRef, TokenSpec, TokenState, TokenUse, Tokens};

use base::{ClusterId, ContentHash, Epoch, NodeId, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A place in the log. Ordered as Raft orders logs: by term, then by index.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct LogPoint {
    pub term: u64,
    pub index: u64,
}

impl fmt::Display for LogPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.index)
    }
}

/// Who votes and who only learns. Two configs while a change is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoterSets {
    pub configs: Vec<Vec<NodeId>>,
    /// All nodes of the group, voters included.
    pub nodes: Vec<NodeId>,
}

impl VoterSets {
    pub fn voters(&self) -> BTreeSet<NodeId> {
        self.configs.iter().flatten().copied().collect()
    }

    pub fn learners(&self) -> BTreeSet<NodeId> {
        let voters = self.voters();
        self.nodes
            .iter()
            .copied()
            .filter(|node| !voters.contains(node))
            .collect()
    }
}

/// Everything the cluster has agreed on, at one entry of the log. The parts are shared: a clone is
/// cheap, and a part is copied only when it changes while somebody still reads the old one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The last entry that is in here.
    pub applied: Option<LogPoint>,
    pub voters: VoterSets,
    pub voters_at: Option<LogPoint>,
    /// The cluster's own time: see [`Stamped`].
    pub now: Time,
    pub cluster: Option<ClusterId>,
    /// Commands of a later version are refused until every member can read them. Whoever speaks an
    /// earlier one takes no part any more: the ledger does not take it in, and a member that comes
    /// back with an older program is stopped by its own log ([`crate::Fault::Outgrown`]).
    pub version: u16,
    pub tokens: Arc<Tokens>,
    pub members: Arc<Members>,
    pub revoked: Arc<Revocations>,
    pub settings: Arc<BTreeMap<String, String>>,
    pub jobs: Arc<Jobs>,
    pub models: Arc<Models>,
    pub audit: Arc<Audit>,
    /// The newest snapshots that the cluster committed a hash for, by the entry they end with.
    pub snapshots: BTreeMap<u64, ContentHash>,
}

impl State {
    /// Applies a committed command.
    pub fn apply(&mut self, at: LogPoint, stamped: &Stamped) -> Result<Outcome, Rejection> {
        self.applied = Some(at);
        self.now = self.now.max(stamped.at);
        self.decide(at, stamped)
    }

    /// An entry without a command.
    pub fn skip(&mut self, at: LogPoint) {
        self.applied = Some(at);
    }

    /// The group's voters changed.
    pub fn set_voters(&mut self, at: LogPoint, voters: VoterSets) {
        self.applied = Some(at);
        self.voters_at = Some(at);
        self.voters = voters;
    }

    /// Equal on all nodes that applied the same entries.
    pub fn hash(&self) -> ContentHash {
        let bytes = wire::to_bytes(self).expect("the state has only types that the wire can write");
        ContentHash(*blake3::hash(&bytes).as_bytes())
    }

    fn decide(&mut self, at: LogPoint, stamped: &Stamped) -> Result<Outcome, Rejection> {
        let command = &stamped.command;
        if command.since() > self.version.max(1) {
            return Err(Rejection::NotYet {
                version: self.version.max(1),
            });
        }
        rejection::text("the actor", &stamped.by, ACTOR_CHARS)?;
        let outcome = match command {
            Command::Found { cluster, member } => self.found(at, *cluster, member),
            Command::CreateToken(spec) => {
                Arc::make_mut(&mut self.tokens).create(spec, &stamped.by, self.now)
            }
            Command::RevokeToken { id } => Arc::make_mut(&mut self.tokens).revoke(*id),
            Command::Join { token, member } => self.join(at, *token, member),
            Command::UpdateMember {
                node,
                address,
                serial,
                version,
            } => {
                version.map_or(Ok(()), |version| self.knows_all(version))?;
                let members = Arc::make_mut(&mut self.members);
                members.update(*node, address.as_deref(), *serial, *version)
            }
            Command::SetRoles { node, roles } => {
                Arc::make_mut(&mut self.members).set_roles(*node, *roles)
            }
            Command::RemoveMember { node, reason } => self.remove(at, *node, reason),
            Command::Revoke { what, reason } => {
                Arc::make_mut(&mut self.revoked).revoke(what, reason)
            }
            Command::Set { name, value } => {
                settings::set(Arc::make_mut(&mut self.settings), name, value.as_deref())
            }
            Command::RaiseVersion { to } => self.raise_version(*to),
            Command::Note { what } => {
                rejection::text("the note", what, audit::WHAT_CHARS).map(|()| Outcome::Done)
            }
            Command::SnapshotTaken { index, hash } => self.snapshot_taken(*index, *hash),
            Command::AcceptJob { .. }
            | Command::AssignJob { .. }
            | Command::FinishJob { .. }
            | Command::FailJob { .. }
            | Command::CancelJob { .. }
            | Command::ForgetJob { .. } => self.job(stamped),
            Command::Publish(version) => {
                self.enough_holders(&version.holders)?;
                Arc::make_mut(&mut self.models).publish(version, self.now)
            }
            Command::Promote { name, version } => {
                Arc::make_mut(&mut self.models).promote(name, *version)
            }
            Command::Rollback { name, to } => Arc::make_mut(&mut self.models).rollback(name, *to),
        }?;
        if let Some(what) = command.audited() {
            Arc::make_mut(&mut self.audit).add(at.index, self.now, &stamped.by, what);
        }
        Ok(outcome)
    }

    fn found(
        &mut self,
        at: LogPoint,
        cluster: ClusterId,
        member: &NewMember,
    ) -> Result<Outcome, Rejection> {
        if let Some(known) = self.cluster {
            return Err(Rejection::Founded { cluster: known });
        }
        let members = Arc::make_mut(&mut self.members);
        members.admit(at.index, member, member.roles, None)?;
        self.cluster = Some(cluster);
        self.version = member.version;
        Ok(Outcome::Joined {
            index: at.index,
            already: false,
        })
    }

    /// One command, so that of two racing joins with one use left only one gets in.
    fn join(
        &mut self,
        at: LogPoint,
        token: TokenRef,
        member: &NewMember,
    ) -> Result<Outcome, Rejection> {
        let record = self.tokens.usable(token, member, self.now)?;
        if !settings::admits(&self.settings) {
            return Err(Rejection::Closed);
        }
        let roles = record.spec.roles;
        if let Some(known) = self.members.live.get(&member.node) {
            // The answer got lost and the joiner asks again: its use was counted already.
            return if record.used_by(member.node) && known.name == member.name {
                Ok(Outcome::Joined {
                    index: known.joined,
                    already: true,
                })
            } else {
                Err(Rejection::KnownMember { node: member.node })
            };
        }
        let (theirs, ours) = (member.version, self.version);
        self.knows_all(theirs)?;
        if !wire::works_with(ours, theirs) {
            return Err(Rejection::Version { theirs, ours });
        }
        Arc::make_mut(&mut self.members).admit(at.index, member, roles, Some(token))?;
        Arc::make_mut(&mut self.tokens).burn(token, member.node, self.now);
        Ok(Outcome::Joined {
            index: at.index,
            already: false,
        })
    }

    /// A removed member's certificate is void at once, and its id for ever. Who was revoked before
    /// is removed all the same.
    fn remove(&mut self, at: LogPoint, node: NodeId, reason: &str) -> Result<Outcome, Rejection> {
        if self.voters.voters().contains(&node) {
            return Err(Rejection::StillVoter { node });
        }
        rejection::text("the reason", reason, revocations::REASON_CHARS)?;
        // Both or neither.
        let mut members = Arc::clone(&self.members);
        Arc::make_mut(&mut members).retire(node, at.index)?;
        let what = Revocation::Node(node);
        let outcome = match self.revoked.all.get(&what) {
            Some(epoch) => Outcome::Revoked { epoch: *epoch },
            None => Arc::make_mut(&mut self.revoked).revoke(&what, reason)?,
        };
        self.members = members;
        Ok(outcome)
    }

    /// That a node of this version knows every command that the log may hold from here on. The
    /// cluster's version never falls, so a program older than it does not come back either.
    fn knows_all(&self, theirs: u16) -> Result<(), Rejection> {
        let ours = self.version;
        if theirs < ours {
            return Err(Rejection::Version { theirs, ours });
        }
        Ok(())
    }

    fn raise_version(&mut self, to: u16) -> Result<Outcome, Rejection> {
        let behind = self
            .members
            .live
            .iter()
            .find(|(_, member)| member.version < to);
        if let Some((node, member)) = behind {
            return Err(Rejection::Behind {
                node: *node,
                version: member.version,
            });
        }
        if to < self.version {
            return Err(Rejection::Lowered {
                version: self.version,
            });
        }
        self.version = to;
        Ok(Outcome::Done)
    }

    fn snapshot_taken(&mut self, index: u64, hash: ContentHash) -> Result<Outcome, Rejection> {
        match self.snapshots.get(&index) {
            Some(known) if *known != hash => Err(Rejection::OtherSnapshot { index }),
            _ => {
                self.snapshots.insert(index, hash);
                while self.snapshots.len() > SNAPSHOTS {
                    self.snapshots.pop_first();
                }
                Ok(Outcome::Done)
            }
        }
    }

    fn job(&mut self, stamped: &Stamped) -> Result<Outcome, Rejection> {
        if let Command::FinishJob { holders, .. } = &stamped.command {
            self.enough_holders(holders)?;
        }
        if let Command::AssignJob { node, .. } = &stamped.command
            && !self.members.live.contains_key(node)
        {
            return Err(Rejection::UnknownMember { node: *node });
        }
        let most = settings::open_jobs(&self.settings);
        Arc::make_mut(&mut self.jobs).apply(stamped, self.now, most)
    }

    /// Bytes that the ledger names must survive the loss of one node: two members hold them, or the
    /// only member there is.
    fn enough_holders(&self, holders: &[NodeId]) -> Result<(), Rejection> {
        let live = &self.members.live;
        let holding = holders.iter().filter(|node| live.contains_key(node));
        let have = holding.collect::<BTreeSet<_>>().len();
        let need = live.len().clamp(1, HOLDERS);
        if have < need {
            let (have, need) = (have as u64, need as u64);
            Err(Rejection::FewHolders { have, need })
        } else {
            Ok(())
        }
    }
}

/// Nodes that must hold what the ledger names, when there are that many.
const HOLDERS: usize = 2;
/// Committed snapshot hashes that are kept: a follower installs the newest or the one before.
const SNAPSHOTS: usize = 8;
/// Longest name of who did something.
const ACTOR_CHARS: usize = 96;
/// Epochs begin here; zero is before the first.
pub(crate) const FIRST_EPOCH: Epoch = Epoch(1);
