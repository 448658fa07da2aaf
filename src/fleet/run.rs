//! A node's cluster half inside the daemon.

use super::facts;
use crate::ctl::Failure;
use crate::exit::Exit;
use crate::settings::Settings;
use cluster::{Folder, Home, LogEvents, Node, NodeRecord, Parts};
use raft::{ProcessAbort, Writer};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use transport::{Sockets, SystemWallClock};

/// A running node and its record.
pub struct RunningNode {
    pub node: Arc<Node>,
    pub record: NodeRecord,
    /// Facts are published for as long as this lives.
    _facts: watch::Sender<crdt::NodeFacts>,
}

/// Starts the node that lives in `data`; none lives there when `init` and `join` were never run.
pub async fn start(
    data: &Path,
    settings: &Settings,
    models: Vec<String>,
) -> Result<Option<RunningNode>, Failure> {
    let home = Folder::new(data);
    let record = match home.load_record() {
        Ok(record) => record,
        Err(cluster::HomeError::Empty { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let sockets = Sockets::bind(record.listen).map_err(|error| {
        Failure::new(Exit::Failed, "the node did not start")
            .why(format!("UDP {} cannot be used: {error}", record.listen))
            .next("stop the process that uses it: `ss -ulpn` names it")
    })?;
    let (facts, watched) = watch::channel(facts(settings, models));
    let parts = Parts {
        sockets,
        wall: Arc::new(SystemWallClock),
        events: Arc::new(LogEvents),
        abort: Arc::new(ProcessAbort),
        writer: Writer::Thread,
        facts: watched,
        settings: super::settings(&settings.config.cluster),
    };
    let node = Node::start(home, parts).await?;
    Ok(Some(RunningNode {
        node: Arc::new(node),
        record,
        _facts: facts,
    }))
}
