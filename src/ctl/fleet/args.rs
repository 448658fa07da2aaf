//! The cluster's commands of `rlm-ctl`: names, help and shapes.

use super::super::args::Output;
use base::ContentHash;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Which node is asked.
#[derive(Clone, Debug, Default, Args)]
pub struct Where {
    /// The folder of the node to ask; without it, this user's own node
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// The node's socket itself, or a node elsewhere, which needs a key (RLM_API_KEY or --key-file)
    #[arg(
        long,
        value_name = "SOCKET|https://HOST:PORT",
        global = true,
        conflicts_with = "data"
    )]
    pub connect: Option<String>,
    /// The hash of the cluster's root certificate: with https, what the node must prove to be of
    #[arg(long, value_name = "HASH", global = true, conflicts_with = "ca")]
    pub pin: Option<ContentHash>,
    /// The same as a file: the root's certificate, or a chain that ends with it
    #[arg(long, value_name = "FILE", global = true)]
    pub ca: Option<PathBuf>,
    /// A file with the key that only you can read
    #[arg(long, value_name = "FILE", global = true)]
    pub key_file: Option<PathBuf>,
    /// A folder with a certificate of the cluster and its key, in place of a key
    #[arg(long, value_name = "DIR", global = true)]
    pub identity: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Ask the leader to confirm that nothing newer is committed
    #[arg(long)]
    pub confirm: bool,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a join token; it alone goes to standard output
    Create {
        /// worker, voter-candidate, or both joined by +
        #[arg(long, default_value = "worker+voter-candidate", value_name = "ROLES")]
        role: String,
        /// Only a node of this name may use it
        #[arg(long)]
        name: Option<String>,
        #[arg(long)]
        pool: Option<String>,
        /// How many machines may join with it
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it can be used, such as 15m or 2h; 7 days at most
        #[arg(long, default_value = "15m", value_parser = super::span, value_name = "TIME")]
        ttl: Duration,
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Tokens, who made and used them, and what is left of them
    List {
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Make a token worthless
    Revoke { id: String },
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key for the API over TCP of the node that answers; it alone goes to standard output
    Create {
        /// Who uses it
        name: String,
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Keys of the node that answers
    List {
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Make a key worthless, at once
    Revoke { id: String },
}

#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// A node's name, or the beginning of its id
    pub node: String,
    /// How long to wait for the group to follow
    #[arg(long, default_value = "30s", value_parser = super::span, value_name = "TIME")]
    pub wait: Duration,
}

#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// A node's name, or the beginning of its id
    #[arg(required_unless_present = "all")]
    pub node: Option<String>,
    /// Every node that may vote and has caught up
    #[arg(long, conflicts_with = "node")]
    pub all: bool,
    /// How long to wait for the group to follow, for each node
    #[arg(long, default_value = "30s", value_parser = super::span, value_name = "TIME")]
    pub wait: Duration,
}

#[derive(Debug, Args)]
pub struct RemoveArgs {
    #[command(flatten)]
    pub change: ChangeArgs,
    /// For the audit log
    #[arg(long, default_value = "removed by an administrator")]
    pub reason: String,
}

#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// The actors of the node that answers, with restarts and mailboxes
    Tree {
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// Models and which version of each serves
    List {
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// All versions of one model
    Show {
        name: String,
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Enter a file as a new version, once two nodes have its bytes; its number is printed
    Add(super::registry::AddArgs),
    /// Serve this version
    Promote {
        name: String,
        // `version` itself is the flag that tells the program's.
        #[arg(id = "number", value_name = "VERSION")]
        version: u32,
    },
    /// Serve an earlier version again, at once
    Rollback {
        name: String,
        /// The version promoted before when not given
        #[arg(long)]
        to: Option<u32>,
    },
}

#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// NAME=VALUE sets, NAME= goes back to the default; nothing lists them all
    pub assignment: Option<String>,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}
