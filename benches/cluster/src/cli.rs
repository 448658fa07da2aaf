//! The command line: what is measured and where, and the hidden roles of the measured processes.

use crate::role::node::NodeArgs;
use crate::role::pure::Pure;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// The cluster's figures, ours beside the peers' in the same run. `benches/cluster/run` builds
/// everything, installs the peers and starts it
#[derive(Debug, Parser)]
#[command(name = "cluster-bench", disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Show the figures that there are
    #[arg(long)]
    pub(crate) list: bool,
    /// Measure this figure only (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// A tenth of the work: whether all goes well, not how fast
    #[arg(long)]
    pub(crate) quick: bool,
    /// A line of JSON for the machine and for each row
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder on the disk that is measured; the system's temporary folder by default
    #[arg(long, value_name = "DIR")]
    pub(crate) disk: Option<PathBuf>,
    /// Where rlm-node, rlm-ctl and seed lie; beside this program by default
    #[arg(long, value_name = "DIR")]
    pub(crate) programs: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// What the program is when it is not the one that measures.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// A node of the cluster, asked line by line
    #[command(hide = true)]
    Node(NodeArgs),
    /// The server's side of request and reply
    #[command(hide = true)]
    Echo,
    /// The server of bare datagrams
    #[command(hide = true)]
    Datagrams,
    /// The one behind nats-server that answers
    #[command(hide = true)]
    NatsEcho { port: u16 },
    /// Uses a processor for so many seconds
    #[command(hide = true)]
    Burn { seconds: u64 },
    /// One measurement of a pure machine; prints JSON
    #[command(subcommand)]
    Pure(Pure),
}
