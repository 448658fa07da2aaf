//! `suite`: makes the evaluation sets, and asks their questions through `rlm-ctl`. Owns the
//! command line, folders and the exit code; what is right is decided in the library.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use suite::{Launcher, QuestionResult, RealText, SET_NAMES};

#[derive(Parser)]
#[command(about = "Questions with known answers, and how many of them rlm-ctl gets right")]
struct Cli {
    #[command(subcommand)]
    command: Task,
    /// Folder of unpacked crates (CRATE-VERSION each); found below the cargo home by default.
    #[arg(long, global = true)]
    registry: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Task {
    /// Shows the sets.
    List,
    /// Writes a set's contexts and questions.jsonl into a folder.
    Make {
        /// A set's name, or FILE.toml of your own
        set: String,
        folder: PathBuf,
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Asks a set's questions and compares the answers; exit code 1 when too few are right.
    Run(RunArgs),
}

#[derive(Args)]
struct RunArgs {
    /// A set's name, or FILE.toml of your own
    set: String,
    /// The program to ask; the rlm-ctl beside this one by default.
    #[arg(long)]
    program: Option<PathBuf>,
    #[arg(long)]
    model: Option<String>,
    #[arg(long)]
    sub_model: Option<String>,
    /// Ask this question only (repeatable).
    #[arg(long)]
    only: Vec<String>,
    /// Ask the first N only.
    #[arg(long)]
    limit: Option<usize>,
    /// Write a JSON line per question.
    #[arg(long)]
    out: Option<PathBuf>,
    /// How many must be right; all of them by default.
    #[arg(long)]
    at_least: Option<usize>,
    /// Seconds after which a question's program is killed.
    #[arg(long, default_value_t = 300)]
    timeout: u64,
    /// Keep the contexts in this folder; a temporary one by default.
    #[arg(long)]
    folder: Option<PathBuf>,
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let text = match cli.registry {
        Some(folder) => RealText::registry(folder),
        None => RealText::find().context("no CARGO_HOME and no home folder: give --registry")?,
    };
    match cli.command {
        Task::List => list(),
        Task::Make { set, folder, seed } => {
            let made = make(&set, seed, &text, &folder)?;
            let count = made.questions.len();
            writeln!(io::stdout(), "{count} questions in {}", folder.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Run(args) => run(&args, &text),
    }
}

fn list() -> Result<ExitCode> {
    for name in SET_NAMES {
        let set = suite::find_set(name)?;
        writeln!(
            io::stdout(),
            "{name:<12} {:>3} questions  {}",
            set.question_count(),
            set.about()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn make(name: &str, seed: Option<u64>, text: &RealText, folder: &Path) -> Result<suite::MadeSet> {
    let set = suite::find_set(name)?;
    let made = suite::make_set(&set, seed.unwrap_or(set.default_seed()), text)?;
    suite::write_set(&made, folder)?;
    for note in &made.notes {
        writeln!(io::stderr(), "note: {note}")?;
    }
    Ok(made)
}

fn run(args: &RunArgs, text: &RealText) -> Result<ExitCode> {
    let temporary = tempfile::Builder::new().prefix("rlm-suite-").tempdir()?;
    let folder = args.folder.as_deref().unwrap_or(temporary.path());
    let made = make(&args.set, args.seed, text, folder)?;
    for id in &args.only {
        if !made.questions.iter().any(|question| question.id == *id) {
            let ids: Vec<&str> = made.questions.iter().map(|q| q.id.as_str()).collect();
            bail!(
                "set {} has no question {id:?}; it has {}",
                args.set,
                ids.join(", ")
            );
        }
    }
    let launcher = Launcher {
        program: program(args.program.as_deref())?,
        first_args: Vec::new(),
        model: args.model.clone(),
        sub_model: args.sub_model.clone(),
        timeout: Duration::from_secs(args.timeout),
    };
    let chosen = made
        .questions
        .into_iter()
        .filter(|question| args.only.is_empty() || args.only.contains(&question.id))
        .take(args.limit.unwrap_or(usize::MAX));
    let mut out = args.out.as_ref().map(fs::File::create).transpose()?;
    let mut results = Vec::new();
    for question in chosen {
        writeln!(io::stderr(), "\n== {}: {}", question.id, question.question)?;
        let asked = suite::ask(&launcher, &question, folder);
        let result = QuestionResult::new(question, asked);
        suite::print_verdict(&mut io::stdout(), &result)?;
        if let Some(file) = &mut out {
            writeln!(file, "{}", suite::json_line(&result))?;
        }
        results.push(result);
    }
    let right = suite::print_summary(&mut io::stdout(), &results)?;
    let needed = args.at_least.unwrap_or(results.len());
    if right < needed {
        writeln!(io::stdout(), "{right} right, {needed} needed")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The program named, else `rlm-ctl` beside this one, else the one in the path.
fn program(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let own = std::env::current_exe().context("cannot tell where this program lies")?;
    let beside = own.with_file_name("rlm-ctl");
    Ok(if beside.exists() {
        beside
    } else {
        PathBuf::from("rlm-ctl")
    })
}
