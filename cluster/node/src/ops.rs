//! What people ask of a node: the same calls serve the API, the command line and the simulation.

use crate::core::Core;
use crate::foundation;
use crate::front::echo;
use crate::messages::{EchoBody, ProbeReply, ProbeRequest};
use crate::node::Node;
use crate::spread::{Known, StoreError};
use crate::swim::SwimNote;
use crate::view::{self, StatusView};
use actor::{ActorView, Tree};
use base::{ContentHash, NodeId, PeerRole, PeerRoles, Time};
use bytes::Bytes;
use crdt::Write;
use membership::SwimView;
use raft::ledger::{Command, Outcome, State, TokenRef, TokenSpec};
use raft::{ChangeError, Fault, ProposeError, RaftView, ReadError, ReadPoint};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use transport::{Identity, LinkFacts, Revocations, Token, TokenError, TransportMetrics};
use wire::Kind;

/// What a new token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenWish {
    pub roles: PeerRoles,
    pub name: Option<String>,
    pub pool: Option<String>,
    pub uses: u32,
    pub ttl: Duration,
}

/// Why no token was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFail {
    #[error(transparent)]
    Text(#[from] TokenError),
    #[error(transparent)]
    Propose(#[from] ProposeError),
}

/// Why a node does not vote, or votes still.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleFail {
    #[error("there is no member {0}")]
    UnknownMember(NodeId),
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The role is given or taken; the group follows when it can.
    #[error("the role is changed, but the group has not followed within {} s", .0.as_secs())]
    Pending(Duration),
}

impl Node {
    /// What this node sees, at once and without a word to anybody. With `confirm`, only after the
    /// leader made sure that nothing newer is committed, and with what only the leader knows.
    pub async fn status(&self, confirm: bool) -> StatusView {
        if !confirm {
            return view::status(&self.core);
        }
        let confirmed = self.core.group.read_barrier().await.is_ok();
        let ours = view::status(&self.core);
        let complete = match ours.leader {
            Some(leader) if leader != self.core.node => {
                match ask_status(&self.core, leader).await {
                    Some(leaders) => view::with_leaders(ours, &leaders),
                    None => ours,
                }
            }
            Some(_) | None => ours,
        };
        StatusView {
            confirmed,
            ..complete
        }
    }

    pub fn state(&self) -> Arc<State> {
        self.core.state()
    }

    /// The live supervision tree, parents before children; empty once the node has stopped.
    pub fn tree(&self) -> Vec<ActorView> {
        self.with_tree(Tree::view)
    }

    /// Actors that should move and do not. A watchdog is fed while there are none.
    pub fn stalled(&self) -> Vec<String> {
        self.with_tree(Tree::stalled)
    }

    /// As [`Node::stalled`], with Raft's loop among them: it is asked for a turn. A watchdog is fed
    /// by this answer, so that whatever hangs takes the signs of life with it.
    pub async fn hanging(&self) -> Vec<String> {
        let mut hanging = self.stalled();
        if !self.core.group.turns(TURN).await {
            hanging.push("raft".to_owned());
        }
        hanging
    }

    /// The cluster's own time, on which tokens expire.
    pub fn cluster_time(&self) -> Time {
        self.core.group.now()
    }

    pub fn raft(&self) -> RaftView {
        self.core.group.view()
    }

    /// This node's place in the group, in a few words.
    pub fn place(&self) -> String {
        foundation::place(self.core.node, &self.raft())
    }

    /// Why this node takes no part in Raft any more, when it does not.
    pub fn fault(&self) -> Option<Fault> {
        self.core.group.fault()
    }

    /// Returns once the cluster runs at a version that this program does not speak: whoever runs
    /// the node ends it then.
    pub async fn outgrown(&self) {
        let mut faults = self.core.group.watch_fault();
        let outgrown = |fault: &Option<Fault>| matches!(fault, Some(Fault::Outgrown { .. }));
        if faults.wait_for(outgrown).await.is_err() {
            // The group has ended for another reason, and tells it itself.
            std::future::pending::<()>().await;
        }
    }

    pub fn membership(&self) -> Arc<SwimView> {
        self.core.swim_view.borrow().clone()
    }

    pub fn known(&self) -> Arc<Known> {
        self.core.known.borrow().clone()
    }

    pub fn links(&self) -> Vec<LinkFacts> {
        self.core.endpoint.links()
    }

    /// What this node is, for TLS of its own: the certificate in force, and who is not believed.
    pub fn identity(&self) -> watch::Receiver<Identity> {
        self.core.identity.subscribe()
    }

    pub fn revoked(&self) -> watch::Receiver<Arc<Revocations>> {
        self.core.endpoint.revoked()
    }

    pub fn transport_metrics(&self) -> TransportMetrics {
        self.core.endpoint.metrics()
    }

    /// Proposes wherever the leader is; the outcome is the committed command's.
    pub async fn submit(&self, by: &str, command: Command) -> Result<Outcome, ProposeError> {
        self.core.group.submit(by, command).await
    }

    /// Afterwards [`Node::state`] has all that was committed before the call.
    pub async fn barrier(&self) -> Result<ReadPoint, ReadError> {
        self.core.group.read_barrier().await
    }

    /// Writes to the replicated store; answered when it is on this node's disk.
    pub async fn write(&self, write: Write) -> Result<(), StoreError> {
        self.core.write(write).await
    }

    pub async fn record(&self, key: Bytes) -> Result<Option<Bytes>, StoreError> {
        self.core.record(key).await
    }

    pub async fn holders(&self, hash: ContentHash) -> Result<BTreeSet<NodeId>, StoreError> {
        self.core.holders(hash).await
    }

    pub async fn total(&self, metric: &str) -> Result<u64, StoreError> {
        self.core.total(metric.to_owned()).await
    }

    /// Makes a token and commits its public half; the secret is only in what is returned.
    pub async fn create_token(&self, by: &str, wish: TokenWish) -> Result<Token, TokenFail> {
        let seeds = self.seeds();
        let root = self.core.identity.borrow().root_hash();
        let token = Token::create(self.core.cluster, root, seeds, &mut rand::rng())?;
        let record = token.record();
        let spec = TokenSpec {
            id: record.id.0,
            public: record.key,
            says: record.says,
            roles: wish.roles,
            name: wish.name,
            pool: wish.pool,
            uses: wish.uses,
            ttl: wish.ttl,
        };
        self.submit(by, Command::CreateToken(spec)).await?;
        Ok(token)
    }

    pub async fn revoke_token(&self, by: &str, id: TokenRef) -> Result<(), ProposeError> {
        self.submit(by, Command::RevokeToken { id }).await.map(drop)
    }

    /// Voters first, this node among them: only voters admit.
    fn seeds(&self) -> Vec<String> {
        let state = self.state();
        let voters = state
            .members
            .live
            .iter()
            .filter(|(_, m)| m.roles.has(PeerRole::Voter));
        let mut seeds: Vec<(bool, String)> = voters
            .map(|(node, member)| (*node != self.core.node, member.address.clone()))
            .collect();
        seeds.sort();
        seeds
            .into_iter()
            .map(|(_, address)| address)
            .take(SEEDS)
            .collect()
    }

    /// Gives a member the voter's role and waits until it votes.
    pub async fn promote(&self, by: &str, node: NodeId, wait: Duration) -> Result<(), RoleFail> {
        let roles = self.roles(node)?;
        let roles = roles.with(PeerRole::Voter);
        self.submit(by, Command::SetRoles { node, roles }).await?;
        self.until(wait, |raft| raft.voters.contains(&node)).await
    }

    /// Takes the voter's role from a member and waits until it votes no more.
    pub async fn demote(&self, by: &str, node: NodeId, wait: Duration) -> Result<(), RoleFail> {
        let roles = self.roles(node)?.without(PeerRole::Voter);
        self.submit(by, Command::SetRoles { node, roles }).await?;
        self.until(wait, |raft| !raft.voters.contains(&node) && !raft.joint)
            .await
    }

    /// Demotes where needed, then removes a member for good: its certificate is void at once.
    pub async fn remove(
        &self,
        by: &str,
        node: NodeId,
        (reason, wait): (&str, Duration),
    ) -> Result<(), RoleFail> {
        if self.raft().voters.contains(&node) {
            self.demote(by, node, wait).await?;
        }
        let reason = reason.to_owned();
        self.submit(by, Command::RemoveMember { node, reason })
            .await?;
        Ok(())
    }

    /// Gives up the vote and the membership, for good. The leader may cut the link before its
    /// answer is here, so a peer that refuses this node's certificate as revoked is one too.
    pub async fn leave(&self, by: &str, (reason, wait): (&str, Duration)) -> Result<(), RoleFail> {
        let refused = timeout(wait, self.core.removed_here_or_refused());
        tokio::pin!(refused);
        let removed = tokio::select! {
            removed = self.take_itself_out(by, (reason, wait)) => removed,
            Ok(()) = &mut refused => return Ok(()),
        };
        let unsaid = match removed {
            Err(RoleFail::Propose(
                error @ (ProposeError::Unknown
                | ProposeError::NoQuorum
                | ProposeError::NotLeader { .. }),
            )) => error,
            other => return other,
        };
        refused.await.map_err(|_| RoleFail::Propose(unsaid))
    }

    /// Asks again while the leader knows this node by a link from before its last role.
    async fn take_itself_out(
        &self,
        by: &str,
        (reason, wait): (&str, Duration),
    ) -> Result<(), RoleFail> {
        let end = Instant::now() + wait;
        loop {
            let removed = self.remove(by, self.core.node, (reason, wait)).await;
            let stale = matches!(removed, Err(RoleFail::Propose(ProposeError::Forbidden)));
            if !stale || Instant::now() >= end {
                return removed;
            }
            sleep(ROLE).await;
        }
    }

    fn roles(&self, node: NodeId) -> Result<PeerRoles, RoleFail> {
        let state = self.state();
        let member = state
            .members
            .live
            .get(&node)
            .ok_or(RoleFail::UnknownMember(node))?;
        Ok(member.roles)
    }

    async fn until(
        &self,
        wait: Duration,
        done: impl Fn(&RaftView) -> bool,
    ) -> Result<(), RoleFail> {
        let looking = async {
            while !done(&self.raft()) {
                sleep(LOOK).await;
            }
        };
        timeout(wait, looking)
            .await
            .map_err(|_| RoleFail::Pending(wait))
    }

    /// Hands the leadership to another voter, if this node has it.
    pub async fn hand_over(&self) -> Result<(), ChangeError> {
        match self.core.group.transfer(None).await {
            Ok(_) | Err(ChangeError::NotLeader { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The round trip to a peer for that many bytes, and how far its calendar is ahead (ms).
    pub async fn measure(&self, to: NodeId, bytes: usize) -> Option<(Duration, i64)> {
        let payload = Bytes::from(vec![0x5a; bytes]);
        let before = self.core.wall.unix();
        let (rtt, theirs) = echo(&self.core, to, payload, MEASURE).await?;
        let middle = before + rtt / 2;
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Some((rtt, millis(theirs) - millis(middle)))
    }

    /// The round trip between two other nodes, as the first one measures it.
    pub async fn measure_between(&self, from: NodeId, to: NodeId) -> Option<Duration> {
        let body = ProbeRequest { target: to };
        let frame = wire::encode(Kind::Probe, &body).ok()?;
        let reply = self
            .core
            .endpoint
            .call(from, Kind::Probe, frame, MEASURE)
            .await
            .ok()?;
        let reply: ProbeReply = reply.body().ok()?;
        reply.rtt
    }
}

impl Core {
    /// Ends once the ledger has removed this node, or a peer refuses its certificate as revoked.
    async fn removed_here_or_refused(&self) {
        loop {
            sleep(LOOK).await;
            let state = self.state();
            if state.members.retired.contains_key(&self.node) {
                return;
            }
            for peer in state.members.live.keys().filter(|peer| **peer != self.node) {
                let nothing = EchoBody {
                    payload: Bytes::new(),
                    unix: Duration::ZERO,
                };
                let Ok(frame) = wire::encode_plain(Kind::Echo, &nothing) else {
                    continue;
                };
                let call = self.endpoint.call(*peer, Kind::Echo, frame, ASK).await;
                if call.is_err_and(|error| error.says_revoked()) {
                    return;
                }
            }
        }
    }

    /// So that the peers can tell a goodbye from a death.
    pub(crate) async fn say_goodbye(&self) {
        let (said, heard) = oneshot::channel();
        let telling = async {
            // A membership machine that is gone has nothing to say.
            if self
                .swim_notes
                .send(SwimNote::Leave(said), GOODBYE)
                .await
                .is_ok()
            {
                heard.await.ok();
            }
        };
        timeout(GOODBYE, telling).await.ok();
    }
}

async fn ask_status(core: &Core, leader: NodeId) -> Option<StatusView> {
    let frame = wire::encode(Kind::Status, &()).ok()?;
    let reply = core
        .endpoint
        .call(leader, Kind::Status, frame, ASK)
        .await
        .ok()?;
    reply.body().ok()
}

/// Seeds in a token: one is enough to get in, the others are for when it is down.
const SEEDS: usize = 4;
/// Between two tries of what a new link allows; links are renewed within seconds.
const ROLE: Duration = Duration::from_millis(250);
/// How often a change of the voters is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// A turn of Raft's loop has at most one fsync in it; a slow disk's takes a second.
const TURN: Duration = Duration::from_secs(5);
/// A status that takes longer is shown without the leader's part.
const ASK: Duration = Duration::from_millis(500);
const MEASURE: Duration = Duration::from_secs(2);
/// The goodbye is a few datagrams.
const GOODBYE: Duration = Duration::from_millis(500);
