//! How a command fails in front of a person: what happened, why, what to do next, and an exit code.

use crate::exit::Exit;
use std::fmt;

/// One failure, ready to be shown. Made at the edge from the typed errors of the crates.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub what: String,
    pub why: Option<String>,
    pub next: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, what: impl fmt::Display) -> Failure {
        Failure {
            exit,
            what: what.to_string(),
            why: None,
            next: None,
        }
    }

    #[must_use]
    pub fn why(mut self, why: impl fmt::Display) -> Failure {
        self.why = Some(why.to_string());
        self
    }

    #[must_use]
    pub fn next(mut self, next: impl fmt::Display) -> Failure {
        self.next = Some(next.to_string());
        self
    }

    /// One document for `-o json`, the same facts as the text.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "v": 1,
            "error": {
                "code": self.exit.code(), "what": self.what, "why": self.why, "next": self.next,
            },
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        if let Some(why) = &self.why {
            write!(f, "\n  why:  {why}")?;
        }
        if let Some(next) = &self.next {
            write!(f, "\n  next: {next}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
