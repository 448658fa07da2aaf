//! The way out: openraft's network traits over a [`Courier`], with several appends in flight.

use super::{
    Append, AppendAnswer, AppendReply, AskVote, Book, Courier, CourierError, Piece, PieceReply,
    Transfer, TransferReply, VoteReply,
};
use crate::ledger::State;
use crate::machine::Snapshot;
use crate::snapshot::Image;
use crate::types::{Ballot, Record, Types, Vote, log_id, point, points};
use base::NodeId;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, v2::RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
    StreamAppendResult, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{EmptyNode, OptionalSend};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use wire::Kind;

type Rpc<T> = Result<T, RPCError<Types>>;

/// Makes links; counts them, since each is a lane of its own.
pub(crate) struct Factory {
    me: NodeId,
    courier: Arc<dyn Courier>,
    book: Book,
    /// How long an append may take, the follower's fsync included.
    patience: Duration,
    state: watch::Receiver<Arc<State>>,
    lanes: u64,
}

/// One direction to one node, for one purpose.
pub(crate) struct Link {
    out: Out,
    session: u64,
}

/// What one message needs, so that several can be on their way.
#[derive(Clone)]
struct Out {
    me: NodeId,
    to: NodeId,
    courier: Arc<dyn Courier>,
    book: Book,
    patience: Duration,
    state: watch::Receiver<Arc<State>>,
    lane: u64,
}

impl Factory {
    pub(crate) fn new(
        me: NodeId,
        courier: Arc<dyn Courier>,
        book: Book,
        patience: Duration,
        state: watch::Receiver<Arc<State>>,
    ) -> Factory {
        Factory {
            me,
            courier,
            book,
            patience,
            state,
            lanes: 0,
        }
    }
}

impl RaftNetworkFactory<Types> for Factory {
    type Network = Link;

    async fn new_client(&mut self, target: NodeId, _node: &EmptyNode) -> Link {
        self.lanes += 1;
        let out = Out {
            me: self.me,
            to: target,
            courier: self.courier.clone(),
            book: self.book.clone(),
            patience: self.patience,
            state: self.state.clone(),
            lane: self.lanes,
        };
        Link { out, session: 0 }
    }
}

impl Out {
    async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        kind: Kind,
        body: &Q,
        ttl: Duration,
    ) -> Rpc<A> {
        send(&*self.courier, self.to, kind, body, ttl)
            .await
            .map_err(|error| match error {
                CourierError::Timeout => RPCError::Network(NetworkError::new(&error)),
                CourierError::Unreachable(_) | CourierError::Refused(_) => unreachable(&error),
            })
    }

    async fn append(
        self,
        session: u64,
        number: u64,
        request: AppendEntriesRequest<Types>,
    ) -> Rpc<AppendEntriesResponse<Types>> {
        let ballot = Ballot::from(&request.vote);
        let commit = points(request.leader_commit.as_ref());
        let prev = points(request.prev_log_id.as_ref());
        let last = request
            .entries
            .last()
            .map(|entry| point(&entry.log_id))
            .or(prev);
        let body = Append {
            from: self.me,
            lane: self.lane,
            session,
            number,
            known: self
                .book
                .remind(self.to, ballot.term, commit.map(|commit| commit.index)),
            voter: self.votes(),
            ballot,
            prev,
            commit,
            records: request.entries.iter().map(Record::from).collect(),
        };
        // A heartbeat says nothing of the follower's disk.
        let sent = (!body.records.is_empty()).then(Instant::now);
        let reply: AppendReply = self.call(Kind::RaftAppend, &body, self.patience).await?;
        match reply.answer {
            AppendAnswer::Success => {
                self.acknowledged(ballot, last.map(|last| last.index), sent);
                Ok(AppendEntriesResponse::Success)
            }
            AppendAnswer::Partial(upto) => {
                self.acknowledged(ballot, upto.map(|upto| upto.index), sent);
                Ok(AppendEntriesResponse::PartialSuccess(upto.map(log_id)))
            }
            AppendAnswer::Conflict if reply.repairing => {
                self.book.forget(self.to);
                Ok(AppendEntriesResponse::Conflict)
            }
            AppendAnswer::Conflict => {
                // openraft would start such a node over from nothing, lost vote and all.
                if self.book.conflicts(self.to, prev.map(|prev| prev.index)) {
                    tracing::error!(node = %self.to, "lost entries that it had acknowledged");
                    return Err(RPCError::Unreachable(Unreachable::from_string(
                        "the node's disk went back in time",
                    )));
                }
                Ok(AppendEntriesResponse::Conflict)
            }
            AppendAnswer::Higher(ballot) => {
                Ok(AppendEntriesResponse::HigherVote(Vote::from(ballot)))
            }
            AppendAnswer::Refused(refusal) => Err(unreachable(&refusal)),
        }
    }

    fn votes(&self) -> bool {
        self.state
            .borrow()
            .voters
            .configs
            .iter()
            .flatten()
            .any(|voter| *voter == self.to)
    }

    fn acknowledged(&self, ballot: Ballot, index: Option<u64>, sent: Option<Instant>) {
        self.book.acknowledged(self.to, ballot.term, index);
        if let Some(sent) = sent {
            self.book.took(self.to, sent.elapsed());
        }
    }

    async fn vote(&self, kind: Kind, request: VoteRequest<Types>) -> Rpc<VoteResponse<Types>> {
        let body = AskVote {
            from: self.me,
            ballot: Ballot::from(&request.vote),
            last: points(request.last_log_id.as_ref()),
            transfer: request.leadership_transfer,
        };
        match self.call(kind, &body, self.patience).await? {
            VoteReply::Answer {
                ballot,
                granted,
                last,
            } => Ok(VoteResponse::new(
                Vote::from(ballot),
                last.map(log_id),
                granted,
            )),
            VoteReply::Refused(refusal) => Err(unreachable(&refusal)),
        }
    }

    /// Sends an image piece by piece.
    async fn image(&self, ballot: Ballot, image: &Image) -> Rpc<SnapshotResponse<Types>> {
        let total = image.bytes.len();
        let mut offset = 0;
        loop {
            let end = total.min(offset + PIECE_BYTES);
            let piece = Piece {
                from: self.me,
                ballot,
                hash: image.hash.0,
                total: total as u64,
                offset: offset as u64,
                bytes: image.bytes.slice(offset..end),
            };
            match self.call(Kind::RaftSnapshot, &piece, PIECE_TTL).await? {
                PieceReply::Installed(ballot) => {
                    return Ok(SnapshotResponse::new(Vote::from(ballot)));
                }
                // A receiver that lost its pieces asks from the start; one that repeats itself is
                // given up.
                PieceReply::Next(next) => {
                    let next = usize::try_from(next).unwrap_or(usize::MAX);
                    if next > total || (next <= offset && next != 0) || next == total {
                        return Err(RPCError::Network(NetworkError::from_string(
                            "the receiver lost its place in the snapshot",
                        )));
                    }
                    if next == 0 && offset == 0 {
                        return Err(RPCError::Network(NetworkError::from_string(
                            "the receiver takes no snapshot now",
                        )));
                    }
                    offset = next;
                }
                PieceReply::Refused(refusal) => return Err(unreachable(&refusal)),
            }
        }
    }
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<Types>> {
        self.session += 1;
        self.out.clone().append(self.session, 0, request).await
    }

    /// Keeps [`PIPELINE`] appends on their way; answers come in the requests' order, and none after
    /// the first that is not a full success.
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<'s, Rpc<BoxStream<'s, Rpc<StreamAppendResult<Types>>>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        self.session += 1;
        let (out, session) = (self.out.clone(), self.session);
        let answers = input
            .enumerate()
            .map(move |(number, request)| answer(out.clone(), session, number as u64, request))
            .buffered(PIPELINE);
        let until_first_failure = futures::stream::unfold(Some(answers), |answers| async move {
            let mut answers = answers?;
            let (answer, whole) = answers.next().await?;
            Some((answer, whole.then_some(answers)))
        });
        async move { Ok(until_first_failure.boxed()) }.boxed()
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Rpc<VoteResponse<Types>> {
        self.out.vote(Kind::RaftVote, request).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Rpc<VoteResponse<Types>> {
        self.out.vote(Kind::RaftPreVote, request).await
    }

    async fn full_snapshot(
        &mut self,
        vote: openraft::alias::VoteOf<Types>,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        // What leaves here is proved again: memory can go wrong, too.
        let image = Image::read(snapshot.snapshot)
            .map_err(|error| StreamingError::Unreachable(Unreachable::new(&error)))?;
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = self.out.image(Ballot::from(&vote), &image) => Ok(sent?),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Rpc<TransferLeaderResponse<Types>> {
        let body = Transfer {
            from: self.out.me,
            ballot: Ballot::from(request.from_leader()),
            to: *request.to_node_id(),
            last: points(request.last_log_id()),
        };
        let ttl = option.soft_ttl().max(self.out.patience);
        match self.out.call(Kind::RaftTransfer, &body, ttl).await? {
            TransferReply::Taken => Ok(Ok(())),
            TransferReply::VoteChanged { expected, actual } => {
                let (expected, actual) = (Vote::from(expected), Vote::from(actual));
                Ok(Err(TransferLeaderError::VoteChanged { expected, actual }))
            }
            TransferReply::NotFlushed { expected, actual } => {
                let (expected, actual) = (expected.map(log_id), actual.map(log_id));
                Ok(Err(TransferLeaderError::LogNotFlushed { expected, actual }))
            }
            TransferReply::Refused(refusal) => Err(unreachable(&refusal)),
        }
    }
}

/// An append's answer as openraft's stream wants it, and whether the stream goes on after it.
async fn answer(
    out: Out,
    session: u64,
    number: u64,
    request: AppendEntriesRequest<Types>,
) -> (Rpc<StreamAppendResult<Types>>, bool) {
    let prev = request.prev_log_id;
    let last = request.entries.last().map(|entry| entry.log_id).or(prev);
    match out.append(session, number, request).await {
        Ok(AppendEntriesResponse::Success) => (Ok(Ok(last)), true),
        Ok(AppendEntriesResponse::PartialSuccess(upto)) => (Ok(Ok(upto)), upto == last),
        Ok(AppendEntriesResponse::HigherVote(vote)) => {
            (Ok(Err(StreamAppendError::HigherVote(vote))), false)
        }
        Ok(AppendEntriesResponse::Conflict) => match prev {
            Some(prev) => (Ok(Err(StreamAppendError::Conflict(prev))), false),
            None => {
                let error = "a conflict before the first entry";
                (
                    Err(RPCError::Network(NetworkError::from_string(error))),
                    false,
                )
            }
        },
        Err(error) => (Err(error), false),
    }
}

/// Encodes, sends, decodes.
pub(crate) async fn send<Q: Serialize, A: DeserializeOwned>(
    courier: &dyn Courier,
    to: NodeId,
    kind: Kind,
    body: &Q,
    ttl: Duration,
) -> Result<A, CourierError> {
    let refused = |error: &dyn std::error::Error| CourierError::Refused(error.to_string());
    let frame = wire::encode(kind, body).map_err(|error| refused(&error))?;
    let reply = courier.send(to, kind, frame, ttl);
    let reply = match tokio::time::timeout(ttl, reply).await {
        Ok(reply) => reply?,
        Err(_) => return Err(CourierError::Timeout),
    };
    reply.body().map_err(|error| refused(&error))
}

fn unreachable<E: std::error::Error + 'static>(error: &E) -> RPCError<Types> {
    RPCError::Unreachable(Unreachable::new(error))
}

/// Appends on their way to one follower: one batch is being synced there, the next is on its way or
/// waits. More of them are smaller ones: with 8, a commit cost a tenth more processor.
const PIPELINE: usize = 2;
/// Of one piece of a snapshot.
const PIECE_BYTES: usize = 1024 * 1024;
const PIECE_TTL: Duration = Duration::from_secs(10);
