//! The cluster's commands of `rlm-ctl`: names, help and shapes.

use super::super::args::Output;
use base::ContentHash;
use clap::{Args, Subcommand, ValueEnum};
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
    /// The same as a file: the root's certificate (`rlm-ctl ca export` on a node prints it), or a
    /// chain that ends with it
    #[arg(long, value_name = "FILE", global = true)]
    pub ca: Option<PathBuf>,
    /// A file with the key that only you can read
    #[arg(long, value_name = "FILE", global = true)]
    pub key_file: Option<PathBuf>,
    /// A folder with a certificate of the cluster and its key, in place of a key
    #[arg(long, value_name = "DIR", global = true)]
    pub identity: Option<PathBuf>,
}

/// The forms of what consists of several things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ListOutput {
    /// Aligned text for a person
    #[default]
    Text,
    /// One JSON document
    Json,
    /// One JSON document a line, for each thing
    Ndjson,
    /// Only what names each thing, one a line
    Id,
}

impl ListOutput {
    pub fn is_json(self) -> bool {
        matches!(self, ListOutput::Json | ListOutput::Ndjson)
    }
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Ask the leader to confirm that nothing newer is committed
    #[arg(long)]
    pub confirm: bool,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct NodesArgs {
    /// Ask the leader to confirm that nothing newer is committed
    #[arg(long)]
    pub confirm: bool,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: ListOutput,
}

#[derive(Debug, Args)]
pub struct AuditArgs {
    /// How many of the newest records
    #[arg(short = 'n', long = "last", default_value_t = 20, value_name = "N")]
    pub last: u32,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: ListOutput,
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
        /// Only a node that joins this pool may use it
        #[arg(long)]
        pool: Option<String>,
        /// How many machines may join with it
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it can be used, such as 15m or 2h; 7 days at most
        #[arg(long, default_value = "15m", value_parser = super::span, value_name = "TIME")]
        ttl: Duration,
        /// With `id` the token itself goes to standard error: nothing shows it a second time
        #[arg(long, short, value_enum, default_value_t)]
        output: ListOutput,
    },
    /// Tokens, who made and used them, and what is left of them
    List {
        #[arg(long, short, value_enum, default_value_t)]
        output: ListOutput,
    },
    /// Make a token worthless
    Revoke {
        id: String,
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
}

impl TokenCommand {
    pub(in crate::ctl) fn wants_json(&self) -> bool {
        match self {
            TokenCommand::Create { output, .. } | TokenCommand::List { output } => output.is_json(),
            TokenCommand::Revoke { output, .. } => output.is_json(),
        }
    }
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
        output: ListOutput,
    },
    /// Make a key worthless, at once
    Revoke {
        id: String,
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
}

impl KeyCommand {
    pub(in crate::ctl) fn wants_json(&self) -> bool {
        match self {
            KeyCommand::List { output } => output.is_json(),
            KeyCommand::Create { output, .. } | KeyCommand::Revoke { output, .. } => {
                output.is_json()
            }
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Print the cluster's root certificate (PEM), for --ca and for other programs; its hash goes
    /// to standard error. No key is printed
    Export {
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
}

#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// A node's name, or the beginning of its id
    pub node: String,
    /// How long to wait for the group to follow
    #[arg(long, default_value = "30s", value_parser = super::span, value_name = "TIME")]
    pub wait: Duration,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
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
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct RemoveArgs {
    #[command(flatten)]
    pub change: ChangeArgs,
    /// For the audit log
    #[arg(long, default_value = "removed by an administrator")]
    pub reason: String,
    /// It will not come back: whether it looks alive is not asked
    #[arg(long)]
    pub dead: bool,
    /// Remove it although it is alive; `rlm-node leave` there is the orderly way
    #[arg(long)]
    pub force: bool,
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
        output: ListOutput,
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
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Serve an earlier version again, at once
    Rollback {
        name: String,
        /// The version promoted before when not given
        #[arg(long)]
        to: Option<u32>,
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
}

impl RegistryCommand {
    pub(in crate::ctl) fn wants_json(&self) -> bool {
        match self {
            RegistryCommand::List { output } => output.is_json(),
            RegistryCommand::Add(args) => args.output.is_json(),
            RegistryCommand::Show { output, .. }
            | RegistryCommand::Promote { output, .. }
            | RegistryCommand::Rollback { output, .. } => output.is_json(),
        }
    }
}

#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// NAME=VALUE sets, NAME= goes back to the default; nothing lists them all
    pub assignment: Option<String>,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: ListOutput,
}
