//! Clients of a simulated cluster: they accept jobs under idempotency keys, write and read a
//! register, record replies, and use jobs and models together, and tell the oracle each word that
//! they were given.

mod jobs;
mod models;

use crate::objects::{RegisterAnswer, RegisterCall};
use crate::oracle::Oracle;
use base::{ContentHash, JobId, NodeId};
use bytes::Bytes;
use cluster::Node;
use crdt::Write;
use raft::ProposeError;
use raft::ledger::{Command, Outcome, Rejection};
use rand::Rng;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// One client on one machine.
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) oracle: Oracle,
}

/// Works until its machine goes down.
pub(crate) async fn work(node: Arc<Node>, client: Client) {
    let (mut job, mut model) = (jobs::Known::default(), models::Known::default());
    for turn in 0_u64.. {
        if client.oracle.told().quiet {
            return;
        }
        let choice = rand::rng().random_range(0..20);
        match choice {
            0..6 => client.accept(&node, turn).await,
            6..9 => client.write(&node).await,
            9..12 => client.read(&node).await,
            12..15 => client.record(&node, turn).await,
            15..18 => client.call_job(&node, &mut job).await,
            _ => client.call_model(&node, &mut model).await,
        }
        let pause = rand::rng().random_range(5..80);
        sleep(Duration::from_millis(pause)).await;
    }
}

impl Client {
    /// Asks with one key until the outcome is known, as a careful client does.
    async fn accept(&self, node: &Node, turn: u64) {
        let key = format!("{}-{turn}", self.name);
        let body = any_hash();
        self.oracle.told().open.insert(key.clone(), body);
        for _ in 0..ACCEPT_TRIES {
            let command = Command::AcceptJob {
                job: JobId(rand::rng().random()),
                key: key.clone(),
                body,
            };
            match node.submit(&self.name, command).await {
                Ok(Outcome::Job { job, .. }) => {
                    let mut told = self.oracle.told();
                    told.open.remove(&key);
                    let before = told.accepted.insert(key.clone(), (job, body));
                    if before.is_some_and(|(known, _)| known != job) {
                        told.contradictions.push(format!("{key} has two ids"));
                    }
                    return;
                }
                Ok(other) => {
                    let said = format!("{key} was accepted with {other:?}");
                    self.oracle.told().contradictions.push(said);
                    return;
                }
                Err(ProposeError::Rejected(Rejection::JobIdTaken { .. })) => {}
                Err(ProposeError::Rejected(why)) => {
                    let said = format!("{key} was rejected: {why}");
                    self.oracle.told().contradictions.push(said);
                    return;
                }
                Err(_) => self.oracle.told().failed += 1,
            }
            sleep(RETRY).await;
        }
    }

    async fn write(&self, node: &Node) {
        let value: u64 = rand::rng().random();
        let call = self.oracle.sent(RegisterCall::Write(value));
        let command = Command::Set {
            name: REGISTER.to_owned(),
            value: Some(value.to_string()),
        };
        match node.submit(&self.name, command).await {
            Ok(_) => self.oracle.answered(call, RegisterAnswer::Written),
            Err(error) if surely_not(&error) => self.oracle.refused(call),
            Err(_) => self.oracle.told().failed += 1,
        }
    }

    async fn read(&self, node: &Node) {
        let call = self.oracle.sent(RegisterCall::Read);
        match node.barrier().await {
            Ok(_) => {
                let state = node.state();
                let value = state
                    .settings
                    .get(REGISTER)
                    .and_then(|value| value.parse().ok());
                self.oracle
                    .answered(call, RegisterAnswer::Value(value.unwrap_or(0)));
            }
            Err(_) => self.oracle.refused(call),
        }
    }

    async fn record(&self, node: &Node, turn: u64) {
        let key = format!("{}/{turn}", self.name).into_bytes();
        let value = vec![0x42; rand::rng().random_range(1..400)];
        let write = Write::Record {
            key: Bytes::from(key.clone()),
            value: Bytes::from(value.clone()),
        };
        match node.write(write).await {
            Ok(()) => drop(self.oracle.told().records.insert(key, value)),
            Err(_) => self.oracle.told().failed += 1,
        }
    }
}

fn any_hash() -> ContentHash {
    ContentHash(std::array::from_fn(|_| rand::rng().random()))
}

/// A member as this node knows them; itself while it knows of none.
fn any_member(node: &Node) -> NodeId {
    let state = node.state();
    let live = &state.members.live;
    let any = rand::rng().random_range(0..live.len().max(1));
    live.keys().nth(any).copied().unwrap_or_else(|| node.id())
}

/// As many as the ledger asks for.
fn holders(node: &Node) -> Vec<NodeId> {
    node.state().members.live.keys().take(2).copied().collect()
}

/// Whether a refused command can never take effect.
fn surely_not(error: &ProposeError) -> bool {
    match error {
        ProposeError::NotLeader { .. }
        | ProposeError::NoQuorum
        | ProposeError::Overloaded
        | ProposeError::DiskFull
        | ProposeError::TooLong { .. }
        | ProposeError::Rejected(_)
        | ProposeError::Forbidden
        | ProposeError::Stopped(_) => true,
        ProposeError::Unknown => false,
    }
}

/// A setting whose only use here is to be written and read.
pub(crate) const REGISTER: &str = "jobs.model";
const ACCEPT_TRIES: u32 = 60;
const RETRY: Duration = Duration::from_millis(120);

#[cfg(test)]
mod tests;
