//! Rules of the source that no compiler checks. Each has a reason in its message; each list of
//! exceptions may only shrink.

use crate::source::{File, expect_none, files};
use fancy_regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// Longest production file, in lines. A longer one holds two topics.
const MAX_FILE_LINES: usize = 800;
const MAX_LINE_CHARS: usize = 100;
/// Text of this many lines inside Rust belongs in a file of its own.
const MAX_RAW_STRING_LINES: usize = 60;
/// Mentions of lock types outside of tests. The aim is 0.3 in 1,000 lines, which would be 28 today:
/// the product has 24, and 13 stand in the simulated machines, in doubles for tests and in an
/// example. Goes down with each lock that becomes a message.
const LOCKS: usize = 37;

/// Tests, and what they share, that wait for time to pass, each with why that is no guess. Those
/// whose clock stands still (`start_paused`) step through time by it, and need no place here.
const WAITS: &[(&str, &str)] = &[
    ("cluster/actor/src/tests.rs", STEPPED),
    ("cluster/raft/src/group/tests/world.rs", STEPPED),
    ("cluster/transport/src/endpoint/tests/hub.rs", STEPPED),
    ("rlm/dispatch/src/tests/fake.rs", STEPPED),
    (
        "sim/src/computer/tests.rs",
        "a simulated computer's time, which the test moves",
    ),
    ("cluster/node/tests/it/lab/mod.rs", LOOKED),
    ("cluster/transport/src/endpoint/tests/hostile.rs", LOOKED),
    ("src/api/actors/tests.rs", LOOKED),
    ("tests/it/fleet.rs", LOOKED),
    ("tests/it/fleet/tokens.rs", LOOKED),
    ("tests/it/job.rs", LOOKED),
    (
        "rlm/repl/tests/repl/limits.rs",
        "a block is told to stop again and again until it has",
    ),
];
const STEPPED: &str = "shared by tests whose clock stands still: they step through time by it";
const LOOKED: &str = "looks, within a bound, until real sockets or processes have come so far";

/// The only files that may hold `unsafe`, each with what it is for.
const UNSAFE_FILES: &[(&str, &str)] = &[
    (
        "rlm/context/src/store.rs",
        "mapped files, text that was validated once",
    ),
    (
        "rlm/repl/src/memory.rs",
        "the guest's memory: snapshots and copy-on-write",
    ),
    (
        "rlm/repl/src/machine_code.rs",
        "loading a component that was compiled here",
    ),
    (
        "rlm/engine-llama/src/ffi/llama.rs",
        "the C interface of llama.cpp",
    ),
    (
        "rlm/engine-llama/src/ffi/sampler.rs",
        "the C interface of llama.cpp's samplers",
    ),
    (
        "sim/src/entropy.rs",
        "libc's sources of entropy, shadowed by the seed's",
    ),
    (
        "rlm/engine-llama/src/ffi/process.rs",
        "a child that dies with its parent",
    ),
];

/// Where the types are defined that travel between nodes or to a client.
const SENT: &[&str] = &["base/", "cluster/", "src/api/", "src/fleet/"];
/// What a node sees of itself; the API's types say it to others.
const OWN_VIEWS: &[&str] = &[
    "cluster/actor/src/mailbox.rs",
    "cluster/membership/src/health.rs",
    "cluster/membership/src/view.rs",
];

const MARKDOWN: &[&str] = &["README.md", "ARCHITECTURE.md"];
const MARKDOWN_FOLDERS: &[&str] = &["docs/", "rlm/orchestrator/prompts/", "rlm/repl/blob/"];

fn rust() -> Vec<File> {
    files(&[".rs"])
}

fn scan(pattern: &str, allowed: impl Fn(&File) -> bool) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a valid pattern");
    let mut findings = Vec::new();
    for file in rust().iter().filter(|file| !allowed(file)) {
        for (number, line) in file.production_lines() {
            if pattern
                .is_match(line)
                .expect("no back-tracking without an end")
            {
                findings.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    findings
}

#[test]
fn every_file_says_what_it_owns() {
    let missing: Vec<String> = rust()
        .iter()
        .filter(|file| !file.path.ends_with("tests.rs"))
        .filter(|file| {
            let first = file.text.lines().find(|line| !line.starts_with("#!["));
            !first.is_some_and(|line| line.starts_with("//! ") && line.len() > 20)
        })
        .map(|file| file.path.clone())
        .collect();
    expect_none(
        "a file opens with `//!`: what it owns and refuses",
        &missing,
    );
}

#[test]
fn files_and_lines_have_a_size() {
    let mut findings = Vec::new();
    for file in rust() {
        let lines = file.production_lines().count();
        if lines > MAX_FILE_LINES {
            findings.push(format!("{}: {lines} lines", file.path));
        }
        for (number, line) in file.production_lines() {
            if line.chars().count() > MAX_LINE_CHARS && !line.contains("http") {
                findings.push(format!(
                    "{}:{number}: {} columns",
                    file.path,
                    line.chars().count()
                ));
            }
        }
    }
    expect_none("split what is too long", &findings);
}

#[test]
fn nothing_is_left_unfinished() {
    let words =
        r"(?i)\b(TODO|FIXME|XXX|for now|placeholder for|simplified version|in production this)\b";
    expect_none(
        "what exists is finished; what is missing is not there",
        &scan(words, |file| file.path == "tests/it/tidy.rs"),
    );
}

#[test]
fn unsafe_lives_in_named_files() {
    let listed =
        |file: &File| file.is_test() || UNSAFE_FILES.iter().any(|(path, _)| *path == file.path);
    expect_none(
        "unsafe outside the named files",
        &scan(r"\bunsafe\b[^_]", listed),
    );
    let all = rust();
    let gone: Vec<String> = UNSAFE_FILES
        .iter()
        .filter(|(path, _)| {
            !all.iter()
                .any(|file| file.path == *path && file.text.contains("unsafe"))
        })
        .map(|(path, _)| (*path).to_owned())
        .collect();
    expect_none("listed for unsafe, but has none: shrink the list", &gone);
}

#[test]
fn anyhow_stays_at_the_edge() {
    let edge = |file: &File| file.path.starts_with("src/bin/") || file.path.starts_with("benches/");
    expect_none(
        "errors are for branching: a typed enum, not anyhow",
        &scan(r"\banyhow\b", edge),
    );
}

#[test]
fn names_say_what_a_thing_is() {
    let suffixes = "(Manager|Helper|Util|Utils|Service|Impl)";
    let pattern = format!(r"^\s*pub(\([a-z]+\))? (struct|enum|trait|type) \w*{suffixes}\b");
    expect_none(
        "a noun of the field, not a vague suffix",
        &scan(&pattern, |_| false),
    );
}

#[test]
fn no_process_global_state() {
    let pattern = r"^\s*(pub )?static \w+: .*(Mutex|RwLock|Atomic|Cell|OnceLock|LazyLock)";
    // llama.cpp's log callback is a C function without room for state of ours.
    let allowed = |file: &File| {
        ["rlm/engine-llama/src/ffi/llama.rs", "sim/src/entropy.rs"].contains(&&*file.path)
    };
    expect_none("state hangs off an instance", &scan(pattern, allowed));
    // A simulated thread's entropy, asked for by libc functions without room for state of ours.
    let allowed = |file: &File| file.path == "sim/src/entropy.rs";
    expect_none(
        "state hangs off an instance",
        &scan(r"\bthread_local!", allowed),
    );
}

#[test]
fn locks_are_rare_and_queues_are_bounded() {
    expect_none(
        "every queue has a bound",
        &scan(r"\bunbounded(_channel)?\s*\(", |_| false),
    );
    let locks = scan(r"\b(Mutex|RwLock)<", |_| false);
    assert!(
        locks.len() <= LOCKS,
        "{} lock types, {LOCKS} are known: send a message\n  {}",
        locks.len(),
        locks.join("\n  ")
    );
}

#[test]
fn long_texts_are_files() {
    let mut findings = Vec::new();
    for file in rust() {
        let mut start: Option<usize> = None;
        for (number, line) in file.production_lines() {
            match start {
                None if line.contains("r#\"") && !line.contains("\"#") => start = Some(number),
                Some(first) if line.contains("\"#") => {
                    if number - first > MAX_RAW_STRING_LINES {
                        findings.push(format!("{}:{first}", file.path));
                    }
                    start = None;
                }
                _ => {}
            }
        }
    }
    expect_none("a long text is a file of its own", &findings);
}

fn test_attributes() -> Regex {
    Regex::new(r"#\[(tokio::)?test[^\]]*\]").expect("a valid pattern")
}

/// Where a text calls what waits for time to pass. Python's `time.sleep` inside a test's text is
/// the guest's affair.
fn waits(text: &str) -> impl Iterator<Item = usize> {
    let calls = ["sleep(", "sleep_until(", "park_timeout("].into_iter();
    calls
        .flat_map(move |call| text.match_indices(call))
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = text[..*at].chars().next_back();
            !before.is_some_and(|c| c == '.' || c == '_' || c.is_alphanumeric())
        })
}

#[test]
fn tests_await_a_state_and_not_a_time() {
    let attribute = test_attributes();
    let mut findings = Vec::new();
    let mut waiting = BTreeSet::new();
    for file in rust().iter().filter(|file| file.path != "tests/it/tidy.rs") {
        let text = file.test_text();
        let tests: Vec<_> = attribute.find_iter(text).flatten().collect();
        for at in waits(text) {
            // The test that it stands in; the first one, for what stands above all of them.
            let above = tests.iter().rev().find(|test| test.start() < at);
            let test = above.or(tests.first());
            if test.is_some_and(|test| test.as_str().contains("start_paused = true")) {
                continue;
            }
            if WAITS.iter().any(|(path, _)| *path == file.path) {
                waiting.insert(file.path.clone());
            } else {
                let line = text[at..].lines().next().unwrap_or_default();
                findings.push(format!("{}: {line}", file.path));
            }
        }
    }
    expect_none("await a state, or stop the clock and step it", &findings);
    let gone: Vec<String> = WAITS
        .iter()
        .filter(|(path, _)| !waiting.contains(*path))
        .map(|(path, _)| (*path).to_owned())
        .collect();
    expect_none("listed for a wait, but has none: shrink the list", &gone);
}

#[test]
fn tests_assert_and_do_not_hide() {
    let mut findings = Vec::new();
    let test = test_attributes();
    for file in rust().iter().filter(|file| file.path != "tests/it/tidy.rs") {
        if file.test_text().contains("#[ignore") {
            findings.push(format!("{}: #[ignore", file.path));
        }
        let starts: Vec<usize> = test
            .find_iter(file.text.as_str())
            .flatten()
            .map(|found| found.start())
            .collect();
        for (i, start) in starts.iter().enumerate() {
            let end = starts.get(i + 1).copied().unwrap_or(file.text.len());
            let body = &file.text[*start..end];
            // The last three are the orchestrator's stories, which assert how a job ended.
            let asserts = [
                "assert",
                "check",
                "expect",
                "prop_",
                "panic!",
                ".unwrap_err()",
                "story.ends(",
                "story.answered(",
                "story.limited(",
            ];
            if !asserts.iter().any(|word| body.contains(word)) {
                let name = body
                    .lines()
                    .find(|line| line.contains("fn "))
                    .unwrap_or("?");
                findings.push(format!("{}: asserts nothing: {}", file.path, name.trim()));
            }
        }
    }
    expect_none("a test can fail, soon and for a reason", &findings);
}

#[test]
fn a_public_type_has_one_home() {
    let pattern = Regex::new(r"(?m)^pub (?:struct|enum|trait) (\w+)").expect("a valid pattern");
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in rust().iter().filter(|file| !file.is_test()) {
        for found in pattern.captures_iter(file.text.as_str()).flatten() {
            homes
                .entry(found[1].to_owned())
                .or_default()
                .push(file.path.clone());
        }
    }
    // Words that are told apart by their crate's or module's name where both are in use.
    let common = [
        "Call",
        "CallError",
        "Cli",
        "Command",
        "Effect",
        "Folder",
        "Input",
        "JobOptions",
        "Kind",
        "KvType",
        "Model",
        "Node",
        "OpenError",
        "Parts",
        "Profile",
        "Progress",
        "ReadError",
        "Revocations",
        "Settings",
        "Source",
        "Standing",
        "StartError",
        "Store",
        "StoreError",
        "Trace",
        "Verdict",
    ];
    let twice: Vec<String> = homes
        .into_iter()
        .filter(|(name, files)| files.len() > 1 && !common.contains(&name.as_str()))
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect();
    expect_none("a type is defined once", &twice);
}

#[test]
fn what_travels_has_the_same_width_on_every_machine() {
    let written = r"(?ms)#\[derive\([^)]*\bSerialize\b[^)]*\)\][^;{]*\{.*?^\}";
    let written = Regex::new(written).expect("a valid pattern");
    let mut findings = Vec::new();
    for file in rust().iter().filter(|file| !file.is_test()) {
        let sent = SENT.iter().any(|folder| file.path.starts_with(folder));
        if !sent || OWN_VIEWS.contains(&&*file.path) {
            continue;
        }
        for found in written.find_iter(file.text.as_str()).flatten() {
            let usize_at = found.as_str().lines().find(|line| line.contains("usize"));
            findings.extend(usize_at.map(|line| format!("{}: {}", file.path, line.trim())));
        }
    }
    expect_none("u32 or u64, not usize, in what is sent", &findings);
}

#[test]
fn documents_are_few_and_name_what_exists() {
    let allowed = |path: &str| {
        MARKDOWN.contains(&path) || MARKDOWN_FOLDERS.iter().any(|dir| path.starts_with(dir))
    };
    let stray: Vec<String> = files(&[".md"])
        .into_iter()
        .map(|file| file.path)
        .filter(|path| !allowed(path))
        .collect();
    expect_none("a document of its own needs a place in the list", &stray);

    let named = Regex::new(r"`([a-zA-Z_.-]+(?:/[a-zA-Z0-9_.-]+)+/?)`").expect("a valid pattern");
    let mut gone = Vec::new();
    for file in files(&["README.md", "ARCHITECTURE.md"]) {
        for found in named.captures_iter(file.text.as_str()).flatten() {
            let path = &found[1];
            if !path.starts_with('~') && !crate::source::root().join(path).exists() {
                gone.push(format!("{}: {path}", file.path));
            }
        }
    }
    expect_none("a document names a path that is not there", &gone);
}

#[test]
fn no_file_names_a_package_registry() {
    let hosts = [
        "crates.io/",
        "static.crates",
        "pypi.org",
        "pythonhosted",
        "npmjs",
        "deb.debian",
    ];
    let mut findings = Vec::new();
    let endings = [
        ".rs", ".toml", ".md", ".py", ".html", ".js", "/run", "/test", ".sh", ".lock",
    ];
    for file in files(&endings) {
        if file.path == "tests/it/tidy.rs" || file.path == "Cargo.lock" {
            continue;
        }
        for host in hosts {
            if file.text.contains(host) {
                findings.push(format!("{}: {host}", file.path));
            }
        }
    }
    expect_none(
        "packages are named, registries are the machine's business",
        &findings,
    );
}
