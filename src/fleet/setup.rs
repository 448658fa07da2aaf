//! `rlm-node init` and `join`: a folder becomes a node.

use super::disk::fsync_time;
use crate::codes::ErrorCode;
use crate::ctl::{Failure, complain};
use base::ContentHash;
use cluster::{EnterOptions, Entered, Folder, FoundOptions, Home, HomeError, NodeRecord};
use rand::SeedableRng;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use transport::{Greeting, JoinError, Settings, Sockets, SystemWallClock, Token, WallClock, greet};

/// What `init` is told.
#[derive(Clone, Debug)]
pub struct FoundWish {
    pub data: PathBuf,
    pub cluster: String,
    pub node: String,
    pub listen: SocketAddr,
    pub advertise: Option<SocketAddr>,
}

/// What `join` is told besides the token.
#[derive(Clone, Debug)]
pub struct JoinWish {
    pub data: PathBuf,
    pub node: String,
    pub pool: Option<String>,
    pub listen: SocketAddr,
    pub advertise: Option<SocketAddr>,
}

/// What came of a `join`. The rest is none where this machine was a member already.
#[derive(Debug)]
pub struct JoinOutcome {
    pub entered: Entered,
    /// What an fsync takes here.
    pub fsync: Option<Duration>,
    /// How the seed that let it in answers from now on.
    pub greeting: Option<Result<Greeting, JoinError>>,
}

/// Makes a cluster of this machine alone; the second value is its root's hash, as tokens carry it.
pub fn found(wish: &FoundWish) -> Result<(NodeRecord, ContentHash), Failure> {
    let address = match wish.advertise {
        Some(address) => address,
        None => SocketAddr::new(reachable(wish.listen.ip())?, wish.listen.port()),
    };
    let options = FoundOptions {
        cluster_name: wish.cluster.clone(),
        node_name: wish.node.clone(),
        listen: wish.listen,
        address,
    };
    prepare(&wish.data)?;
    let home = Folder::new(&wish.data);
    let now = SystemWallClock.unix();
    let record = cluster::found(&home, &options, &mut rand::rng(), now)?;
    Ok((record, home.load_identity()?.root_hash()))
}

/// Enters the token's cluster, then looks at the path to it.
pub async fn join(wish: &JoinWish, token: &Token) -> Result<JoinOutcome, Failure> {
    prepare(&wish.data)?;
    let home = Folder::new(&wish.data);
    // A member that joins again is told so, whatever its port does.
    let fsync = match home.load_record() {
        Err(HomeError::Empty { .. }) => Some(look_ahead(wish)?),
        Ok(_) | Err(_) => None,
    };
    let options = EnterOptions {
        name: wish.node.clone(),
        pool: wish.pool.clone(),
        listen: wish.listen,
        address: wish.advertise,
        transport: Settings::default(),
    };
    let any = passing(wish);
    let sockets = Sockets::bind(any).map_err(|error| {
        Failure::new(ErrorCode::Address, "this machine did not join")
            .why(format!("no UDP socket on {any}: {error}"))
            .next("let this machine open UDP sockets, or name an address of it with --listen ADDR")
    })?;
    let mut rng = rand::rngs::StdRng::from_os_rng();
    let with = (sockets, Arc::new(SystemWallClock) as Arc<dyn WallClock>);
    let entered = cluster::enter(&home, token, &options, with, &mut rng).await?;
    let greeting = match &entered {
        Entered::Joined { path, .. } => Some(greeted(wish, token, path.seed).await),
        Entered::Already { .. } => None,
    };
    Ok(JoinOutcome {
        entered,
        fsync,
        greeting,
    })
}

/// The joiner asks from a port of its own; the node's own port is bound when it runs.
fn passing(wish: &JoinWish) -> SocketAddr {
    SocketAddr::new(wish.listen.ip(), 0)
}

async fn greeted(wish: &JoinWish, token: &Token, seed: SocketAddr) -> Result<Greeting, JoinError> {
    let sockets = Sockets::bind(passing(wish));
    let sockets = sockets.map_err(|error| JoinError::Socket(error.to_string()))?;
    let with = (sockets, &Settings::default());
    greet(token, seed, with, Arc::new(SystemWallClock)).await
}

/// What would stop the node later is found before the token is used up: its own port, and a disk
/// that does not keep what it is given.
fn look_ahead(wish: &JoinWish) -> Result<Duration, Failure> {
    let what = "this machine did not join";
    drop(UdpSocket::bind(wish.listen).map_err(|error| {
        Failure::new(ErrorCode::Address, what)
            .why(format!("UDP {} cannot be used: {error}", wish.listen))
            .next("stop the process that uses it (`ss -ulpn` names it), or give --listen ADDR")
    })?);
    let fsync = fsync_time(&wish.data).map_err(|error| {
        Failure::new(ErrorCode::Disk, what)
            .why(format!("{} keeps nothing: {error}", wish.data.display()))
            .next("look at the disk, or give another folder with --data DIR")
    })?;
    if fsync > SLOW_DISK {
        complain(&format!(
            "warning: the disk needs {} ms for an fsync; every command of a voter waits for it: \
             put the node's folder on a faster one (--data DIR), or leave this node without a vote",
            fsync.as_millis()
        ));
    }
    Ok(fsync)
}

fn prepare(data: &Path) -> Result<(), Failure> {
    node_config::ensure_private_dir(data).map_err(|error| {
        Failure::new(ErrorCode::Disk, "the node's folder cannot be made")
            .why(error)
            .next("look at that folder's owner and rights, or name another with --data DIR")
    })
}

/// The address by which others on the network reach this machine. Nothing is sent: connecting a UDP
/// socket only asks the kernel for its route.
fn reachable(listen: IpAddr) -> Result<IpAddr, Failure> {
    if !listen.is_unspecified() {
        return Ok(listen);
    }
    let route = || {
        let socket = UdpSocket::bind((listen, 0))?;
        socket.connect(if listen.is_ipv4() {
            ELSEWHERE_V4
        } else {
            ELSEWHERE_V6
        })?;
        socket.local_addr()
    };
    match route() {
        Ok(address) if !address.ip().is_unspecified() => Ok(address.ip()),
        Ok(_) | Err(_) => {
            complain("no route to a network: only this machine itself can reach the node");
            Ok(if listen.is_ipv4() {
                IpAddr::from([127, 0, 0, 1])
            } else {
                IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])
            })
        }
    }
}

/// An fsync above this makes elections likely at the default times.
const SLOW_DISK: Duration = Duration::from_millis(50);
/// Addresses for documentation (RFC 5737, RFC 3849): any that is not local shows the route.
const ELSEWHERE_V4: &str = "192.0.2.1:9";
const ELSEWHERE_V6: &str = "[2001:db8::1]:9";
