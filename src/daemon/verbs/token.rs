//! Where a joiner's token comes from: a file, the input, a variable, a person at the terminal. On
//! the command line it works and is warned of.

use crate::codes::ErrorCode;
use crate::ctl::{Failure, complain};
use crate::daemon::JoinArgs;
use node_config::Environment;
use std::fs::File;
use std::io::{BufRead, IsTerminal, Read};
use std::path::Path;
use transport::Token;

pub(super) fn read(args: &JoinArgs) -> Result<Token, Failure> {
    let text = match (&args.token, &args.token_file) {
        (Some(token), _) => {
            complain(
                "warning: a token among the words of a command stays in the shell's history, and \
                 others on this machine see it (`ps`); give it with --token-file - or RLM_TOKEN",
            );
            token.clone()
        }
        (None, Some(file)) if file.as_os_str() == "-" => input()?,
        (None, Some(file)) => from_file(file)?,
        (None, None) => unnamed()?,
    };
    text.trim().parse().map_err(|error| {
        Failure::new(ErrorCode::TokenText, "this is no token that can be used")
            .why(error)
            .next("copy it again, whole; a new one: `rlm-ctl token create`")
    })
}

/// Nothing said where it is.
fn unnamed() -> Result<String, Failure> {
    if let Some(token) = Environment::capture().get(VARIABLE) {
        return Ok(token.to_owned());
    }
    if std::io::stdin().is_terminal() {
        return input();
    }
    let failure = Failure::new(ErrorCode::TokenText, "join needs a token");
    Err(failure.next(
        "make one on a node of the cluster: `rlm-ctl token create`; then give it with \
         --token-file - or RLM_TOKEN",
    ))
}

/// All of standard input, or one line from a person.
fn input() -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let person = stdin.is_terminal();
    let mut bounded = stdin.lock().take(TOKEN_BYTES);
    let mut text = String::new();
    let read = if person {
        complain("paste the token that `rlm-ctl token create` printed, then press Enter:");
        bounded.read_line(&mut text)
    } else {
        bounded.read_to_string(&mut text)
    };
    read.map_err(|error| unreadable("standard input", &error))?;
    Ok(text)
}

fn from_file(path: &Path) -> Result<String, Failure> {
    let failed = |error| unreadable(&path.display().to_string(), &error);
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    let read = file.take(TOKEN_BYTES).read_to_string(&mut text);
    read.map_err(failed)?;
    Ok(text)
}

fn unreadable(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(ErrorCode::TokenText, "the token cannot be read").why(format!("{what}: {error}"))
}

/// Holds a token where neither a file nor the input does.
const VARIABLE: &str = "RLM_TOKEN";
/// More is no token.
const TOKEN_BYTES: u64 = 16 * 1024;
