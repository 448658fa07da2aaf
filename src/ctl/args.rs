//! The command line of `rlm-ctl`: names, help and shapes. Decides nothing.

use super::fleet::{
    AuditArgs, CaCommand, ChangeArgs, KeyCommand, NodeCommand, NodesArgs, PromoteArgs,
    RegistryCommand, RemoveArgs, SettingsArgs, StatusArgs, TokenCommand, Where,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::ParseIntError;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Asks questions of contexts that no model's window could hold.
#[derive(Debug, Parser)]
#[command(
    name = "rlm-ctl",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = crate::exit::listed()
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
    Nodes(NodesArgs),
    /// Join tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Keys for a node's API over TCP (`api.listen`)
    #[command(subcommand)]
    Key(KeyCommand),
    /// The cluster's certificate authority
    #[command(subcommand)]
    Ca(CaCommand),
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
    /// Who changed what in the cluster, the newest last
    Audit(AuditArgs),
    /// Check the configuration and see where each value comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Holds one model; started by the engine itself
    #[command(hide = true)]
    EngineWorker,
}

impl Command {
    /// Whether a failure, too, is a JSON document on standard output.
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Submit(args) => args.output.is_json(),
            Command::Model(ModelCommand::List { output } | ModelCommand::Show { output, .. }) => {
                output.is_json()
            }
            Command::Status(args) => args.output.is_json(),
            Command::Nodes(args) => args.output.is_json(),
            Command::Token(command) => command.wants_json(),
            Command::Key(command) => command.wants_json(),
            Command::Ca(CaCommand::Export { output }) => output.is_json(),
            Command::Promote(args) => args.output.is_json(),
            Command::Demote(args) => args.output.is_json(),
            Command::Remove(args) => args.change.output.is_json(),
            Command::Node(NodeCommand::Tree { output }) => output.is_json(),
            Command::Registry(command) => command.wants_json(),
            Command::Settings(args) => args.output.is_json(),
            Command::Audit(args) => args.output.is_json(),
            Command::Model(ModelCommand::Pull { .. } | ModelCommand::Rm { .. })
            | Command::Trace(_)
            | Command::Config(_)
            | Command::EngineWorker => false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned text for a person
    #[default]
    Text,
    /// One JSON document
    Json,
}

impl Output {
    pub fn is_json(self) -> bool {
        self == Output::Json
    }
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
    /// Turns of the root model, even where its prompts are made for fewer
    #[arg(long, value_name = "N", value_parser = count::<u32>("budgets.turns"))]
    pub max_turns: Option<u32>,
    /// Sub-calls of the whole job
    #[arg(long, value_name = "N", value_parser = count::<u32>("budgets.sub_calls"))]
    pub max_sub_calls: Option<u32>,
    /// Prompt and completion tokens of the whole job
    #[arg(long, value_name = "N", value_parser = count::<u64>("budgets.tokens"))]
    pub max_tokens: Option<u64>,
    /// Wall-clock time of the job, such as 90s or 10m
    #[arg(long, value_name = "TIME", value_parser = wall)]
    pub max_time: Option<Duration>,
    /// Levels of rlm_query below the root; 0 makes rlm_query a plain llm_query
    #[arg(long, value_name = "N", value_parser = count::<u32>("budgets.depth"))]
    pub max_depth: Option<u32>,
    /// Failed turns in a row
    #[arg(long, value_name = "N", value_parser = count::<u32>("budgets.consecutive_errors"))]
    pub max_errors: Option<u32>,
    /// Sub-calls in flight at once
    #[arg(long, value_name = "N", value_parser = count::<u32>("dispatch.max_concurrent"))]
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
    /// Write each exchange with a model into this new folder; the reply cache is off
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Answer from what --record wrote there: no model is loaded, no server asked
    #[arg(long, value_name = "DIR")]
    pub replay: Option<PathBuf>,
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

/// A whole number that the setting `key` would take.
fn count<N>(key: &'static str) -> impl Fn(&str) -> Result<N, String> + Clone
where
    N: FromStr<Err = ParseIntError>,
{
    move |text: &str| -> Result<N, String> {
        fits(key, text)?;
        let number = text.trim().replace('_', "").parse::<N>();
        number.map_err(|error| error.to_string())
    }
}

fn wall(text: &str) -> Result<Duration, String> {
    let span = node_config::parse_span(text).map_err(|error| error.to_string())?;
    fits("budgets.wall", text).map(|()| span)
}

/// Flags have the bounds of the settings that they stand for.
fn fits(key: &str, text: &str) -> Result<(), String> {
    node_config::takes(key, text).map_err(|expected| format!("give {expected}"))
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{CommandFactory, Parser};

    #[test]
    fn every_command_can_be_parsed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_take_what_their_settings_take() {
        let parsed = |flag: &str, value: &str| {
            let words = ["rlm-ctl", "submit", "--context", "a", "What?", flag, value];
            Cli::try_parse_from(words).map_err(|error| error.to_string())
        };
        for (flag, right, wrong) in [
            ("--max-turns", "1", "0"),
            ("--max-sub-calls", "0", "10000001"),
            ("--max-tokens", "5_000_000", "999"),
            ("--max-time", "1s", "999ms"),
            ("--max-depth", "8", "4000"),
            ("--max-errors", "1000", "0"),
            ("--max-concurrent", "1", "0"),
        ] {
            assert!(parsed(flag, right).is_ok(), "{flag} {right}");
            let refused = parsed(flag, wrong).unwrap_err();
            assert!(refused.contains("give a "), "{refused}");
            let named = format!("invalid value '{wrong}' for '{flag} ");
            assert!(refused.contains(&named), "{refused}");
        }
    }

    #[test]
    fn whoever_wants_json_gets_it_for_failures_too() {
        for (words, json) in [
            ("nodes -o json", true),
            ("nodes -o ndjson", true),
            ("nodes -o id", false),
            ("token create -o json", true),
            ("token revoke 00 -o json", true),
            ("ca export -o json", true),
            ("ca export", false),
            ("remove n1 --dead -o json", true),
            ("registry rollback m -o json", true),
            ("settings cluster.name=lab -o json", true),
            ("audit -n 3 -o json", true),
            ("status", false),
        ] {
            let words = ["rlm-ctl"].into_iter().chain(words.split(' '));
            let cli = Cli::try_parse_from(words.clone()).unwrap();
            assert_eq!(cli.command.wants_json(), json, "{words:?}");
        }
    }
}
