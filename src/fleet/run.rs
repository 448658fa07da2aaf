//! A node's cluster half inside the daemon.

use super::{facts, machine};
use crate::codes::ErrorCode;
use crate::ctl::{Failure, complain};
use crate::exit::Exit;
use crate::settings::Settings;
use actor::Child;
use cluster::{Folder, Home, LogEvents, Node, NodeRecord, Parts};
use raft::{ProcessAbort, Writer};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use transport::{Sockets, SystemWallClock};

/// A running node and its record.
pub struct RunningNode {
    pub node: Arc<Node>,
    pub record: NodeRecord,
}

/// Starts the node that lives in `data`; none lives there when `init` and `join` were never run.
/// Where a place to listen or to be reached at is given, the node is there from now on. `actors` go
/// into its tree.
pub async fn start(
    data: &Path,
    settings: &Settings,
    wish: (Option<SocketAddr>, Option<SocketAddr>),
    actors: Vec<Child>,
) -> Result<Option<RunningNode>, Failure> {
    let home = Folder::new(data);
    let old = match home.load_record() {
        Ok(record) => record,
        Err(cluster::HomeError::Empty { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let record = moved(&old, wish)?;
    let sockets = Sockets::bind(record.listen).map_err(|error| {
        Failure::new(ErrorCode::Address, "the node did not start")
            .why(format!("UDP {} cannot be used: {error}", record.listen))
            .next("stop the process that uses it: `ss -ulpn` names it")
    })?;
    // Only once it can be there: a wrong address leaves the node where it was.
    if record != old {
        remember(&home, &record)?;
        complain(&format!(
            "{} moves from {} to {}; the others learn it from the cluster",
            record.name, old.address, record.address
        ));
    }
    let (sender, watched) = watch::channel(facts(settings));
    let parts = Parts {
        sockets,
        wall: Arc::new(SystemWallClock),
        events: Arc::new(LogEvents),
        abort: Arc::new(ProcessAbort),
        writer: Writer::Thread,
        facts: watched,
        settings: super::settings(&settings.config.cluster),
        actors,
    };
    let node = Node::start(home, parts).await?;
    tokio::spawn(machine::follow(settings.clone(), sender));
    Ok(Some(RunningNode {
        node: Arc::new(node),
        record,
    }))
}

/// The record with the places that are wished. Without a word on where the others reach the node it
/// is where it listens now, at the host that it had where it listens on all.
fn moved(
    old: &NodeRecord,
    (listen, advertise): (Option<SocketAddr>, Option<SocketAddr>),
) -> Result<NodeRecord, Failure> {
    let listen = listen.unwrap_or(old.listen);
    let mut address = match advertise {
        Some(address) => address,
        None if listen == old.listen => old.address,
        None => listen,
    };
    if address.ip().is_unspecified() {
        address.set_ip(old.address.ip());
    }
    if address.port() == 0 && address != old.address {
        return Err(Failure::new(Exit::Usage, "the node did not start")
            .why(format!("nobody can reach {address}: it has no port"))
            .next("give one, as in --advertise 10.0.0.5:7411"));
    }
    Ok(NodeRecord {
        listen,
        address,
        ..old.clone()
    })
}

/// Writes it down, unless another process runs in the folder.
fn remember(home: &Folder, record: &NodeRecord) -> Result<(), Failure> {
    drop(home.log()?);
    Ok(home.save_record(record)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ClusterId, NodeId};

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn record(listen: &str, address: &str) -> NodeRecord {
        NodeRecord {
            v: 1,
            cluster: ClusterId([1; 8]),
            cluster_name: "lab".to_owned(),
            node: NodeId([2; 16]),
            name: "n1".to_owned(),
            listen: at(listen),
            address: at(address),
            boot: 3,
            founder: true,
            peers: Vec::new(),
        }
    }

    fn check(wish: (Option<&str>, Option<&str>), listen: &str, address: &str) {
        let old = record("0.0.0.0:7411", "10.0.0.5:7411");
        let new = moved(&old, (wish.0.map(at), wish.1.map(at))).unwrap();
        assert_eq!(new, record(listen, address), "{wish:?}");
    }

    #[test]
    fn a_node_is_where_it_is_told_to_be_and_else_where_it_was() {
        let (all, host) = ("0.0.0.0:7411", "10.0.0.5:7411");
        check((None, None), all, host);
        // A service's unit says the same at each start.
        check((Some(all), None), all, host);
        check((Some("0.0.0.0:9"), None), "0.0.0.0:9", "10.0.0.5:9");
        check((Some("10.0.0.7:9"), None), "10.0.0.7:9", "10.0.0.7:9");
        check((None, Some("192.0.2.1:9")), all, "192.0.2.1:9");
        // As a join may say it: the host that the cluster saw.
        check((None, Some("0.0.0.0:9")), all, "10.0.0.5:9");
        check((Some("10.0.0.7:9"), Some(host)), "10.0.0.7:9", host);
    }

    #[test]
    fn a_node_is_not_sent_where_nobody_reaches_it() {
        let old = record("0.0.0.0:7411", "10.0.0.5:7411");
        let failure = moved(&old, (Some(at("0.0.0.0:0")), None)).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
    }
}
