//! The command line of `rlm-node`: names, help and shapes.

use crate::ctl::Output;
use clap::{Args, Parser, Subcommand};
use node_config::Clustering;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One machine's node: alone, or as a member of a cluster.
#[derive(Debug, Parser)]
#[command(
    name = "rlm-node",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = crate::exit::listed()
)]
pub struct Cli {
    /// Read this configuration file instead of the usual places
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The node's own folder: keys, log, store and socket
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new cluster with this machine as its first voter, and run it
    Init(InitArgs),
    /// Enter a cluster with a token from `rlm-ctl token create`, and run
    ///
    /// This machine's port and disk are tried before the token is used. What came of it is told
    /// with the path to the cluster, the clock and what the machine brings. Where it is a member
    /// already nothing is done.
    Join(JoinArgs),
    /// Serve until a signal ends it; `rlm-ctl` finds it by itself
    Run(Addresses),
    /// Leave the cluster for good: hand over, give up the seat, void the certificate
    Leave,
    /// Look at the paths to the others, the clocks, the disk and the certificate
    Doctor {
        /// The same as `-o json`
        #[arg(long)]
        json: bool,
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Holds one model; started by the engine itself
    #[command(hide = true)]
    EngineWorker,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct Addresses {
    /// The UDP address to listen on; `cluster.listen` of the configuration when not given. A node
    /// that was made moves there; where neither is set it stays where it is
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Where the others reach it, when that is another address than `cluster.advertise` says
    #[arg(long, value_name = "ADDR")]
    pub advertise: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub struct Place {
    #[command(flatten)]
    pub at: Addresses,
    /// Make the node and return; `rlm-node run` starts it, as a service does
    #[arg(long)]
    pub no_run: bool,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// What the cluster is called
    #[arg(long, default_value = "lab")]
    pub cluster: String,
    /// What this node is called; the host's name when not given
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Args)]
pub struct JoinArgs {
    /// The token. Others on this machine may see it here: --token-file - reads it from the input,
    /// RLM_TOKEN may hold it, and at a terminal it is asked for
    pub token: Option<String>,
    /// A file that holds the token, or - for standard input
    #[arg(long, value_name = "FILE|-", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
    /// What this node is called; the host's name when not given
    #[arg(long)]
    pub name: Option<String>,
    /// The pool of machines that it belongs to; a token may be for one pool only
    #[arg(long)]
    pub pool: Option<String>,
    #[command(flatten)]
    pub place: Place,
}

impl Place {
    /// The addresses to listen on and to be reached at: the flags', else the configuration's.
    pub fn addresses(&self, config: &Clustering) -> (SocketAddr, Option<SocketAddr>) {
        (
            self.at.listen.unwrap_or(config.listen),
            self.at.advertise.or(config.advertise),
        )
    }
}

impl Addresses {
    /// Where a node that was made is to be from now on: the flags' word, else the configuration's.
    /// The default of `cluster.listen` is nobody's word: `init` or `join` may have been told
    /// another, and the node stays there.
    pub fn wish(
        &self,
        config: &Clustering,
        default: &Clustering,
    ) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let configured = (config.listen != default.listen).then_some(config.listen);
        (
            self.listen.or(configured),
            self.advertise.or(config.advertise),
        )
    }
}

/// Longest wait for a handover when leaving.
pub(super) const LEAVE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use node_config::{Dirs, Environment, Layer, resolve};

    fn configured(text: &str) -> Clustering {
        let home = [("HOME".to_owned(), "/home/u".to_owned())];
        let dirs = Dirs::of(&Environment(home.into_iter().collect())).unwrap();
        let file = Layer::File {
            path: "node.toml".into(),
            text: text.to_owned(),
        };
        resolve(&[file], &dirs).unwrap().config.cluster
    }

    fn addresses(config: &str, flags: &[&str]) -> (String, Option<String>) {
        let config = configured(config);
        let words = ["rlm-node", "init"].iter().chain(flags);
        let cli = Cli::try_parse_from(words).unwrap();
        let Command::Init(args) = cli.command else {
            panic!("init was said");
        };
        let (listen, advertise) = args.place.addresses(&config);
        (listen.to_string(), advertise.map(|at| at.to_string()))
    }

    #[test]
    fn flags_come_before_the_configuration() {
        let text = "[cluster]\nlisten = \"10.0.0.1:1\"\nadvertise = \"192.0.2.1:1\"\n";
        let wide = "0.0.0.0:7411".to_owned();
        assert_eq!(addresses("", &[]), (wide, None));
        let configured = ("10.0.0.1:1".to_owned(), Some("192.0.2.1:1".to_owned()));
        assert_eq!(addresses(text, &[]), configured);
        let flags = ["--listen", "10.0.0.2:2", "--advertise", "192.0.2.2:2"];
        let flagged = ("10.0.0.2:2".to_owned(), Some("192.0.2.2:2".to_owned()));
        assert_eq!(addresses(text, &flags), flagged);
    }

    fn check(config: &str, flags: &[&str], expected: (Option<&str>, Option<&str>)) {
        let words = ["rlm-node", "run"].iter().chain(flags);
        let cli = Cli::try_parse_from(words).unwrap();
        let Command::Run(at) = cli.command else {
            panic!("run was said");
        };
        let at_of = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let expected = (expected.0.map(at_of), expected.1.map(at_of));
        assert_eq!(at.wish(&configured(config), &configured("")), expected);
    }

    #[test]
    fn a_node_that_was_made_moves_only_when_somebody_says_so() {
        check("", &[], (None, None));
        let text = "[cluster]\nlisten = \"10.0.0.1:1\"\nadvertise = \"192.0.2.1:1\"\n";
        check(text, &[], (Some("10.0.0.1:1"), Some("192.0.2.1:1")));
        let flags = ["--listen", "10.0.0.2:2"];
        check("", &flags, (Some("10.0.0.2:2"), None));
        check(text, &flags, (Some("10.0.0.2:2"), Some("192.0.2.1:1")));
        let flags = ["--advertise", "192.0.2.2:2"];
        check("", &flags, (None, Some("192.0.2.2:2")));
    }
}
