//! Puts old bugs back, one at a time, and lets the simulation find them. Each bug is a patch in
//! `sim/mutants` whose head names the world that should break. Exits 1 when one survives.
//!
//! `mutants [--list] [--seeds N] [--rotate K --of NUMBER] [--scratch DIR] [NAME...]`
//!
//! The committed tree is copied (a clone that shares the objects) to one fixed folder, so that the
//! builds of different mutants share all that a patch does not touch. A seed counts only when the
//! tree without the patch holds it: `mutants --healthy WORLD SEED` asks that in a process apart.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program's output"
)]

mod borrow;
mod tree;

use sim::entropy::isolated;
use sim::worlds::WorldKind;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use tree::Tree;

/// An old bug that can be put back.
struct Mutant {
    name: String,
    patch: PathBuf,
    bug: String,
    world: WorldKind,
}

/// What came of a mutant.
enum End {
    Killed {
        seed: u64,
        invariant: String,
    },
    Survived {
        seeds: u64,
    },
    /// No verdict: the patch does not apply, or what it makes does not build.
    Void(String),
}

/// What was asked for.
struct Asked {
    list: bool,
    seeds: u64,
    rotate: Option<(usize, u64)>,
    scratch: PathBuf,
    names: Vec<String>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, world, seed] = &words[..]
        && flag == "--healthy"
    {
        return healthy(world, seed);
    }
    let outcome = ask(&words).and_then(|asked| {
        let mutants = choose(load(&root().join("sim/mutants"))?, &asked)?;
        if asked.list {
            for mutant in &mutants {
                println!(
                    "{:<24} {:<8} {}",
                    mutant.name, mutant.world.name, mutant.bug
                );
            }
            return Ok(true);
        }
        hunt(&mutants, &asked)
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn healthy(world: &str, seed: &str) -> ExitCode {
    let (Some(world), Ok(seed)) = (WorldKind::of(world), seed.parse()) else {
        return ExitCode::from(2);
    };
    match isolated(seed, move || world.run(seed, false)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn ask(words: &[String]) -> Result<Asked, String> {
    let mut asked = Asked {
        list: false,
        seeds: SEEDS,
        rotate: None,
        scratch: root().join("target/mutants"),
        names: Vec::new(),
    };
    let (mut many, mut number) = (None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or_else(|| format!("{word} wants a value\n{USAGE}"))
        };
        match word.as_str() {
            "--list" => asked.list = true,
            "--seeds" => asked.seeds = decimal(value()?)?,
            "--rotate" => many = Some(decimal(value()?)?),
            "--of" => number = Some(any_number(value()?)?),
            "--scratch" => asked.scratch = PathBuf::from(value()?),
            name if !name.starts_with('-') => asked.names.push(name.to_owned()),
            _ => return Err(format!("no such flag: {word}\n{USAGE}")),
        }
    }
    asked.rotate = match (many, number) {
        (Some(many), Some(number)) => Some((usize::try_from(many).unwrap_or(usize::MAX), number)),
        (None, None) => None,
        _ => return Err(format!("--rotate and --of go together\n{USAGE}")),
    };
    Ok(asked)
}

fn decimal(word: &str) -> Result<u64, String> {
    word.parse()
        .map_err(|_| format!("{word} is no number\n{USAGE}"))
}

/// A number, or a commit's name, of which the beginning is one.
fn any_number(word: &str) -> Result<u64, String> {
    let hex = word.get(..HEX_DIGITS).unwrap_or(word);
    word.parse()
        .or_else(|_| u64::from_str_radix(hex, 16))
        .map_err(|_| format!("{word} is neither a number nor a commit\n{USAGE}"))
}

/// All mutants, by name.
fn load(folder: &Path) -> Result<Vec<Mutant>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut mutants = Vec::new();
    for entry in entries {
        let patch = entry.map_err(|error| error.to_string())?.path();
        if patch
            .extension()
            .is_some_and(|extension| extension == "patch")
        {
            mutants.push(read(patch)?);
        }
    }
    mutants.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(mutants)
}

fn read(patch: PathBuf) -> Result<Mutant, String> {
    let name = patch
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let text = fs::read_to_string(&patch).map_err(|error| format!("{name}: {error}"))?;
    let head = text.split("\ndiff --git ").next().unwrap_or_default();
    let field = |key: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(key));
        line.map(|line| line.trim().to_owned())
            .ok_or(format!("{name}: its head has no `{key}`"))
    };
    let world = field("World:")?;
    field("Seen:")?;
    Ok(Mutant {
        bug: field("Bug:")?,
        world: WorldKind::of(&world).ok_or(format!("{name}: there is no world `{world}`"))?,
        name,
        patch,
    })
}

/// Those that were named, or some that follow each other from a place that the number gives.
fn choose(mut all: Vec<Mutant>, asked: &Asked) -> Result<Vec<Mutant>, String> {
    for name in &asked.names {
        if !all.iter().any(|mutant| mutant.name == *name) {
            return Err(format!("no mutant is called {name}; --list names them"));
        }
    }
    if !asked.names.is_empty() {
        all.retain(|mutant| asked.names.contains(&mutant.name));
    }
    if let Some((many, number)) = asked.rotate
        && !all.is_empty()
    {
        let start = number % all.len() as u64;
        all.rotate_left(usize::try_from(start).unwrap_or_default());
        all.truncate(many);
    }
    Ok(all)
}

/// Whether all of them were killed.
fn hunt(mutants: &[Mutant], asked: &Asked) -> Result<bool, String> {
    let tree = Tree::make(&asked.scratch)?;
    let mut ends = Vec::new();
    for mutant in mutants {
        eprintln!("{}: building", mutant.name);
        let end = match tree.build(mutant) {
            Ok(()) => seeds(&tree, mutant, asked.seeds),
            Err(why) => Ok(End::Void(why)),
        };
        tree.restore()?;
        let line = row(mutant, &end?);
        eprintln!("{}", line.1);
        ends.push(line);
    }
    println!("{:<24} {:<8} {:>5}  broken", "mutant", "world", "seed");
    for (_, line) in &ends {
        println!("{line}");
    }
    Ok(ends.iter().all(|(killed, _)| *killed))
}

fn row(mutant: &Mutant, end: &End) -> (bool, String) {
    let (seed, what) = match end {
        End::Killed { seed, invariant } => (seed.to_string(), invariant.clone()),
        End::Survived { seeds } => ("-".to_owned(), format!("SURVIVED {seeds} seeds")),
        End::Void(why) => ("-".to_owned(), format!("VOID: {why}")),
    };
    let line = format!(
        "{:<24} {:<8} {seed:>5}  {what}",
        mutant.name, mutant.world.name
    );
    (matches!(end, End::Killed { .. }), line)
}

/// One seed after the other, until one breaks that holds without the patch.
fn seeds(tree: &Tree, mutant: &Mutant, most: u64) -> Result<End, String> {
    for seed in 1..=most {
        let world = mutant.world.name;
        let ran = finish(Command::new(&tree.program).args([world, &seed.to_string(), "--quiet"]))?;
        let Some(invariant) = broken(&ran) else {
            continue;
        };
        let myself = std::env::current_exe().map_err(|error| error.to_string())?;
        let control = finish(Command::new(myself).args(["--healthy", world, &seed.to_string()]))?;
        if control.ok {
            return Ok(End::Killed { seed, invariant });
        }
        eprintln!("{world} {seed} breaks without the patch, too: it proves nothing");
    }
    Ok(End::Survived { seeds: most })
}

/// The invariant that a run broke; a run that ends in another way than `ok` broke something too.
fn broken(ran: &Ran) -> Option<String> {
    if ran.ok {
        return None;
    }
    let named = ran
        .out
        .lines()
        .find_map(|line| line.strip_prefix("BROKEN "));
    let invariant = named.map(|line| line.split(" at ").next().unwrap_or(line));
    Some(
        invariant
            .unwrap_or(if ran.hangs {
                "it ends"
            } else {
                "it does not panic"
            })
            .to_owned(),
    )
}

struct Ran {
    ok: bool,
    hangs: bool,
    out: String,
}

/// Runs a simulation to its end, or ends it when it does not come.
fn finish(command: &mut Command) -> Result<Ran, String> {
    let told = |error: std::io::Error| error.to_string();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(told)?;
    let mut hangs = true;
    for _ in 0..LOOKS {
        if child.try_wait().map_err(told)?.is_some() {
            hangs = false;
            break;
        }
        std::thread::sleep(LOOK);
    }
    if hangs {
        child.kill().map_err(told)?;
    }
    let output = child.wait_with_output().map_err(told)?;
    Ok(Ran {
        ok: output.status.success(),
        hangs,
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

const USAGE: &str =
    "usage: mutants [--list] [--seeds N] [--rotate K --of NUMBER] [--scratch DIR] [NAME...]";
/// Seeds of a world in which a mutant must be found.
const SEEDS: u64 = 500;
/// Of a commit's name.
const HEX_DIGITS: usize = 15;
/// How long a seed may take: a quiet machine needs some seconds for the longest.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 60_000;
