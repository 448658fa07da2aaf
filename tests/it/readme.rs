//! The README's commands are true: the two scripts are there and whole, every `rlm-ctl` line is
//! understood by the program, and those that need no model run.

use crate::ctl::Home;
use crate::source::root;
use clap::Parser;
use rlm_node::ctl::Cli;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Lines of the README's shell blocks.
fn commands() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && !line.trim().is_empty() {
            found.push(line.to_owned());
        }
    }
    found
}

/// The words of a line, with double quotes as the shell has them.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split('"').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn the_two_commands_are_whole_scripts() {
    let scripts: Vec<String> = commands()
        .into_iter()
        .filter(|line| line.starts_with("./"))
        .collect();
    assert_eq!(
        scripts,
        ["./first-light", "./test"],
        "the README has two commands for set-up"
    );
    for script in scripts.iter().map(String::as_str).chain([".ci/run"]) {
        let path = root().join(script);
        let mode = std::fs::metadata(&path)
            .expect("a script")
            .permissions()
            .mode();
        assert!(mode & 0o111 != 0, "{script} is not executable");
        let read = Command::new("bash")
            .arg("-n")
            .arg(&path)
            .status()
            .expect("bash runs");
        assert!(read.success(), "{script} is not a bash script");
    }
}

#[test]
fn set_up_finds_libclang_only_with_its_headers() {
    let found = |files: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join("usr/lib").join(file);
            let parent = path.parent().expect("a file lies in a folder");
            std::fs::create_dir_all(parent).expect("a folder");
            std::fs::write(&path, "").expect("a file");
        }
        // Without programs nothing but the folder is looked at.
        let script = "source scripts/setup.sh && PATH=/nowhere rlm_libclang_present \"$1\"";
        let ran = Command::new("bash")
            .args(["-c", script, "bash"])
            .arg(folder.path())
            .current_dir(root())
            .output();
        ran.expect("bash runs").status.success()
    };
    let headers = "llvm-14/lib/clang/14.0.6/include/stddef.h";
    assert!(found(&["llvm-14/lib/libclang.so.1", headers]));
    assert!(found(&["llvm-14/lib/libclang-14.so.1", headers]));
    assert!(!found(&["llvm-14/lib/libclang.so.1"]));
    assert!(!found(&["llvm-14/lib/libclang-cpp.so.14", headers]));
    assert!(!found(&["llvm-18/lib/libclang.so.1", headers]));
}

#[test]
fn a_build_says_how_far_it_is_and_of_how_much_only_where_it_is_the_first() {
    let target = tempfile::tempdir().expect("a folder");
    let bash = |script: &str, args: &[&str]| {
        let mut command = Command::new("bash");
        let script = format!("set -euo pipefail; source scripts/setup.sh; {script}");
        command.args(["-c", &script, "bash"]).args(args);
        command.env("CARGO_TARGET_DIR", target.path());
        let ran = command.current_dir(root()).output().expect("bash runs");
        let said = String::from_utf8_lossy(&ran.stdout).trim().to_owned();
        (ran.status.success(), said)
    };
    for (seconds, begun, all, line) in [
        ("30", "18", "", "18 crates begun, 30 s"),
        ("130", "18", "", "18 crates begun, 2 min 10 s"),
        ("60", "0", "403", "0 of about 403 crates begun, 1 min 0 s"),
    ] {
        let told = bash("rlm_progress \"$@\"", &[seconds, begun, all]);
        assert_eq!(told, (true, format!("... {line}")));
    }
    let part = bash("rlm_crates \"$@\"", &["build", "-p", "sim"]);
    assert_eq!(part, (true, String::new()), "some crates are not all");
    assert!(bash("rlm_first_build", &[]).0);
    let built = target.path().join("release/.fingerprint");
    std::fs::create_dir_all(built).expect("a folder");
    assert!(!bash("rlm_first_build", &[]).0, "a second clone");
}

#[test]
fn every_rlm_ctl_line_is_understood() {
    let lines: Vec<String> = commands()
        .into_iter()
        .filter(|line| line.starts_with("rlm-ctl "))
        .collect();
    assert!(lines.len() >= 5, "the README shows how to ask: {lines:?}");
    for line in &lines {
        if let Err(error) = Cli::try_parse_from(words(line)) {
            panic!("{line}: {error}");
        }
    }
}

/// What they do is shown by `fleet`, with these very words.
#[test]
fn every_rlm_node_line_is_understood_and_four_commands_make_a_cluster() {
    let lines = commands();
    let of_cluster = |line: &&String| {
        line.starts_with("rlm-node ") || line.contains(" token ") || line.contains(" promote ")
    };
    let lines: Vec<&String> = lines.iter().filter(of_cluster).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for line in lines.iter().filter(|line| line.starts_with("rlm-node ")) {
        if let Err(error) = rlm_node::daemon::Cli::try_parse_from(words(line)) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn commands_that_need_no_model_run() {
    let home = Home::new();
    let free = |line: &&String| line.starts_with("rlm-ctl model") || line.contains(" config ");
    let lines = commands();
    let lines: Vec<&String> = lines.iter().filter(free).collect();
    assert!(!lines.is_empty(), "some commands need no model");
    for line in lines {
        let words = words(line);
        let args: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        home.run(&args).expect(0, &[]);
    }
}

#[test]
fn the_readme_is_one_page() {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    assert!(text.lines().count() <= 90, "{} lines", text.lines().count());
}
