//! The command line of `rlm-ctl`: names, help and shapes. Decides nothing.

use super::fleet::{
    ChangeArgs, KeyCommand, NodeCommand, PromoteArgs, RegistryCommand, RemoveArgs, SettingsArgs,
    StatusArgs, TokenCommand, Where,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Asks questions of contexts that no model's window could hold.
#[derive(Debug, Parser)]
#[command(
    name = "rlm-ctl",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// Read this configuration file instead of the usual places
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Say less: only answers, warnings and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    #[command(flatten)]
    pub place: Where,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask a question about a context and print the answer
    Submit(Box<SubmitArgs>),
    /// Look at, fetch and remove models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Read a job's trace, or run it again without a model
    #[command(subcommand)]
    Trace(TraceCommand),
    /// The cluster on one screen: who leads, what may be lost, who is not ready and why
    Status(StatusArgs),
    /// Every node, with its part, slots and reasons
    Nodes(StatusArgs),
    /// Join tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Keys for a node's API over TCP (`api.listen`)
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make nodes voters
    Promote(PromoteArgs),
    /// Take a voter's seat; the node stays a member
    Demote(ChangeArgs),
    /// Remove a node for good; its certificate is void at once
    Remove(RemoveArgs),
    /// Inside of the node that answers
    #[command(subcommand)]
    Node(NodeCommand),
    /// Models and training versions that the cluster agreed on
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// Settings of the whole cluster
    Settings(SettingsArgs),
    /// Check the configuration and see where each value comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Holds one model; started by the engine itself
    #[command(hide = true)]
    EngineWorker,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned text for a person
    #[default]
    Text,
    /// One JSON document
    Json,
}

#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// The question
    pub question: String,
    /// A file, a folder, or `-` for standard input; repeat it for several
    #[arg(long, short, required = true, value_name = "PATH|-")]
    pub context: Vec<PathBuf>,
    /// The root model: a catalog name, PATH.gguf, ollama:NAME or openai:NAME@URL
    #[arg(long, short, value_name = "MODEL")]
    pub model: Option<String>,
    /// The model that sub-calls go to; the root model when not given
    #[arg(long, value_name = "MODEL")]
    pub sub_model: Option<String>,
    /// Prompts for `small` or `capable` models; by default the catalog's word for the root model
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Turns of the root model
    #[arg(long, value_name = "N")]
    pub max_turns: Option<u32>,
    /// Sub-calls of the whole job
    #[arg(long, value_name = "N")]
    pub max_sub_calls: Option<u32>,
    /// Prompt and completion tokens of the whole job
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u64>,
    /// Wall-clock time of the job, such as 90s or 10m
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_time: Option<Duration>,
    /// Levels of rlm_query below the root; 0 makes rlm_query a plain llm_query
    #[arg(long, value_name = "N")]
    pub max_depth: Option<u32>,
    /// Failed turns in a row
    #[arg(long, value_name = "N")]
    pub max_errors: Option<u32>,
    /// Sub-calls in flight at once
    #[arg(long, value_name = "N")]
    pub max_concurrent: Option<u32>,
    /// Neither read nor write the reply cache
    #[arg(long)]
    pub no_cache: bool,
    /// Seed of everything random in the job
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Form of the answer on standard output
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
    /// Write the trajectory here (JSON lines)
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// The catalog, and which of it is on this machine
    List {
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Fetch a model: a catalog name, hf:OWNER/REPO/FILE or an https URL
    Pull {
        /// The default model when not given
        name: Option<String>,
        /// Say nothing and do nothing when it is already here
        #[arg(long)]
        if_missing: bool,
    },
    /// What is known about a model of the catalog or a GGUF file
    Show {
        name: String,
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Remove a fetched model
    Rm { name: String },
}

#[derive(Debug, Subcommand)]
pub enum TraceCommand {
    /// The trajectory, for a person
    Show { file: PathBuf },
    /// Run the job again from its trace, without a model, and compare every byte
    Replay {
        file: PathBuf,
        /// Where the context is now, when it has moved
        #[arg(long, short, value_name = "PATH")]
        context: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read every configuration file and report what is wrong
    Check {
        /// Also check this file as a profile
        file: Option<PathBuf>,
    },
    /// Print the configuration in force
    Show {
        /// Name the source of each value
        #[arg(long)]
        origin: bool,
    },
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    node_config::parse_span(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn every_command_can_be_parsed() {
        Cli::command().debug_assert();
    }
}
