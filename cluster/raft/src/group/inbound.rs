//! Frames from other nodes. The transport has checked that the sender may send their kind; here it
//! is checked that a message says who sent it, and that a command is one that the sender's role may
//! propose.

use super::{Group, HandleError, Inner, ProposeError, Standing};
use crate::fault::Fault;
use crate::net::{
    Append, AppendAnswer, AppendReply, Ask, AskReply, AskVote, Piece, PieceReply, Propose,
    ProposeReply, Refusal, Transfer, TransferReply, VoteReply,
};
use crate::snapshot::{IMAGE_BYTES, Image};
use crate::types::{Ballot, Record, Types, Vote, log_id, points};
use base::{NodeId, PeerRoles};
use bytes::Bytes;
use futures::future::poll_immediate;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest,
    VoteRequest,
};
use std::pin::pin;
use wire::Kind;

/// Pieces of a snapshot that is on its way here.
pub(crate) struct Incoming {
    from: NodeId,
    hash: [u8; 32],
    total: usize,
    bytes: Vec<u8>,
}

impl Group {
    /// Answers a frame of one of Raft's kinds, `Propose` or `Read`.
    pub async fn handle(
        &self,
        from: NodeId,
        roles: PeerRoles,
        frame: wire::Frame,
    ) -> Result<Bytes, HandleError> {
        let group = &self.inner;
        let kind = frame.kind;
        let reply = match kind {
            Kind::RaftAppend => {
                let append: Append = frame.body()?;
                same(append.from, from)?;
                wire::encode(kind, &group.append(append).await)
            }
            Kind::RaftVote | Kind::RaftPreVote => {
                let ask: AskVote = frame.body()?;
                same(ask.from, from)?;
                wire::encode(kind, &group.vote(ask, kind).await)
            }
            Kind::RaftSnapshot => {
                let piece: Piece = frame.body()?;
                same(piece.from, from)?;
                wire::encode(kind, &group.piece(piece).await)
            }
            Kind::RaftTransfer => {
                let transfer: Transfer = frame.body()?;
                same(transfer.from, from)?;
                wire::encode(kind, &group.transfer_in(transfer).await)
            }
            Kind::Propose => {
                let propose: Propose = frame.body()?;
                let reply: ProposeReply = if propose.command.allowed(from, roles) {
                    group.propose(&propose.by, propose.command).await
                } else {
                    Err(ProposeError::Forbidden)
                };
                wire::encode(kind, &reply)
            }
            Kind::Read => {
                let reply = match frame.body()? {
                    Ask::Barrier => AskReply::Barrier(group.barrier().await),
                    Ask::MyWord { node } => {
                        same(node, from)?;
                        AskReply::YourWord {
                            known: group.book.known(node),
                        }
                    }
                };
                wire::encode(kind, &reply)
            }
            Kind::Hello
            | Kind::Join
            | Kind::Renew
            | Kind::Revive
            | Kind::IssuerKey
            | Kind::Revoked
            | Kind::Gossip
            | Kind::Digest
            | Kind::Swim
            | Kind::Probe
            | Kind::BlobGet
            | Kind::BlobPut
            | Kind::Echo
            | Kind::Status => return Err(HandleError::NotOurs(kind)),
        };
        Ok(reply?)
    }
}

impl Inner {
    async fn append(&self, append: Append) -> AppendReply {
        let answer = self.append_answer(append).await;
        let repairing = *self.standing.borrow() == Standing::Repairing;
        AppendReply { repairing, answer }
    }

    async fn append_answer(&self, append: Append) -> AppendAnswer {
        if let Some(why) = self.stopped() {
            return AppendAnswer::Refused(Refusal::Stopped(why));
        }
        if !self.true_to(&append) {
            return AppendAnswer::Refused(Refusal::RolledBack);
        }
        let Append {
            from,
            lane,
            session,
            number,
            ballot,
            prev,
            commit,
            records,
            ..
        } = append;
        let Some(entries) = records.into_iter().map(Record::entry).collect() else {
            return AppendAnswer::Refused(Refusal::Garbled("voters without nodes".into()));
        };
        let request = AppendEntriesRequest::<Types> {
            vote: Vote::from(ballot),
            prev_log_id: prev.map(log_id),
            entries,
            leader_commit: commit.map(log_id),
        };
        let turn = self.lanes.turn(from, lane, session, number).await;
        let mut answer = pin!(self.raft.append_entries(request));
        // The first poll hands the request to openraft's core; then it is the next one's turn,
        // while this one waits for its fsync.
        let early = poll_immediate(&mut answer).await;
        turn.over();
        let answer = match early {
            Some(answer) => answer,
            None => answer.await,
        };
        match answer {
            Ok(AppendEntriesResponse::Success) => {
                self.met(ballot);
                AppendAnswer::Success
            }
            Ok(AppendEntriesResponse::PartialSuccess(upto)) => {
                self.met(ballot);
                AppendAnswer::Partial(points(upto.as_ref()))
            }
            Ok(AppendEntriesResponse::Conflict) => AppendAnswer::Conflict,
            Ok(AppendEntriesResponse::HigherVote(vote)) => AppendAnswer::Higher((&vote).into()),
            Err(error) => AppendAnswer::Refused(Refusal::Stopped(error.to_string())),
        }
    }

    /// Whether this node's log can be the one that the leader remembers.
    fn true_to(&self, append: &Append) -> bool {
        if append.voter && *self.standing.borrow() == Standing::Fresh && self.store.last().is_none()
        {
            let known = append.known.unwrap_or(0);
            self.alarm.raise(Fault::RolledBack { known, have: None });
            return false;
        }
        self.keeps(append.known)
    }

    async fn vote(&self, ask: AskVote, kind: Kind) -> VoteReply {
        if !self.may_vote() {
            return VoteReply::Refused(Refusal::NotSound);
        }
        let request = VoteRequest::<Types> {
            vote: Vote::from(ask.ballot),
            last_log_id: ask.last.map(log_id),
            leadership_transfer: ask.transfer,
        };
        let answer = if kind == Kind::RaftPreVote {
            self.raft.pre_vote(request).await
        } else {
            self.raft.vote(request).await
        };
        match answer {
            Ok(answer) => VoteReply::Answer {
                ballot: Ballot::from(&answer.vote),
                granted: answer.vote_granted,
                last: points(answer.last_log_id.as_ref()),
            },
            Err(error) => VoteReply::Refused(Refusal::Stopped(error.to_string())),
        }
    }

    async fn piece(&self, piece: Piece) -> PieceReply {
        if let Some(why) = self.stopped() {
            return PieceReply::Refused(Refusal::Stopped(why));
        }
        let ballot = piece.ballot;
        let image = match self.collect(piece) {
            Ok(Some(image)) => image,
            Ok(None) => return PieceReply::Next(self.collected()),
            Err(refusal) => return PieceReply::Refused(refusal),
        };
        let installed = self
            .raft
            .install_full_snapshot(Vote::from(ballot), image.snapshot());
        match installed.await {
            Ok(answer) => {
                if answer.vote == Vote::from(ballot) {
                    self.met(ballot);
                }
                PieceReply::Installed(Ballot::from(&answer.vote))
            }
            Err(fatal) => PieceReply::Refused(Refusal::Stopped(fatal.to_string())),
        }
    }

    /// Adds a piece; the whole image, proved, after the last. A piece out of place changes nothing.
    fn collect(&self, piece: Piece) -> Result<Option<Image>, Refusal> {
        let garbled = |what: &str| Refusal::Garbled(what.to_owned());
        let total = usize::try_from(piece.total).unwrap_or(usize::MAX);
        if total > IMAGE_BYTES {
            return Err(garbled("the snapshot is too long"));
        }
        let mut slot = self
            .incoming
            .lock()
            .expect("nothing panics under this lock");
        if piece.offset == 0 {
            let Piece { from, hash, .. } = piece;
            *slot = Some(Incoming {
                from,
                hash,
                total,
                bytes: Vec::new(),
            });
        }
        let Some(incoming) = slot.as_mut().filter(|incoming| {
            (incoming.from, incoming.hash, incoming.total) == (piece.from, piece.hash, total)
                && incoming.bytes.len() as u64 == piece.offset
                && incoming.bytes.len() + piece.bytes.len() <= total
        }) else {
            return Ok(None);
        };
        incoming.bytes.extend(&piece.bytes);
        if incoming.bytes.len() < total {
            return Ok(None);
        }
        let whole = slot
            .take()
            .map(|incoming| incoming.bytes)
            .unwrap_or_default();
        drop(slot);
        match Image::read(Bytes::from(whole)) {
            Ok(image) if image.hash.0 == piece.hash => Ok(Some(image)),
            Ok(_) => Err(garbled("another snapshot than was announced")),
            Err(error) => Err(Refusal::Garbled(error.to_string())),
        }
    }

    /// Where the next piece belongs.
    fn collected(&self) -> u64 {
        let slot = self
            .incoming
            .lock()
            .expect("nothing panics under this lock");
        slot.as_ref()
            .map_or(0, |incoming| incoming.bytes.len() as u64)
    }

    async fn transfer_in(&self, transfer: Transfer) -> TransferReply {
        if transfer.to == self.me {
            if !self.may_vote() {
                return TransferReply::Refused(Refusal::NotSound);
            }
            if *self.full.borrow() {
                // Under it the cluster would take no command.
                return TransferReply::Refused(Refusal::Stopped("its disk is full".to_owned()));
            }
        }
        let Transfer {
            ballot, to, last, ..
        } = transfer;
        let request = TransferLeaderRequest::new(Vote::from(ballot), to, last.map(log_id));
        match self.raft.handle_transfer_leader(request).await {
            Ok(Ok(())) => TransferReply::Taken,
            Ok(Err(TransferLeaderError::VoteChanged { expected, actual })) => {
                TransferReply::VoteChanged {
                    expected: Ballot::from(&expected),
                    actual: Ballot::from(&actual),
                }
            }
            Ok(Err(TransferLeaderError::LogNotFlushed { expected, actual })) => {
                TransferReply::NotFlushed {
                    expected: points(expected.as_ref()),
                    actual: points(actual.as_ref()),
                }
            }
            Err(fatal) => TransferReply::Refused(Refusal::Stopped(fatal.to_string())),
        }
    }
}

fn same(claimed: NodeId, sender: NodeId) -> Result<(), HandleError> {
    if claimed == sender {
        Ok(())
    } else {
        Err(HandleError::Impostor { claimed, sender })
    }
}
