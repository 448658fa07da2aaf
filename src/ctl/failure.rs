//! How a command fails in front of a person: what happened, why, what to do next, an error code and
//! an exit code.

use crate::codes::ErrorCode;
use crate::exit::Exit;
use std::fmt;

/// One failure, ready to be shown. Made at the edge from the typed errors of the crates.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// Of which kind it is; says more than the exit code.
    pub code: ErrorCode,
    pub what: String,
    pub why: Option<String>,
    pub next: Option<String>,
}

impl Failure {
    /// Of a kind; an [`Exit`] stands for those of that exit code that have none of their own.
    pub fn new(code: impl Into<ErrorCode>, what: impl fmt::Display) -> Failure {
        let code = code.into();
        Failure {
            exit: code.exit(),
            code,
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
                "error": self.code.to_string(), "code": self.exit.code(),
                "what": self.what, "why": self.why, "next": self.next,
            },
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = coded(&self.what, self.code);
        write!(f, "error: {what}")?;
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

/// A text with a code at the end of its first line.
pub(super) fn coded(text: &str, code: ErrorCode) -> String {
    match text.split_once('\n') {
        Some((first, rest)) => format!("{first} [{code}]\n{rest}"),
        None => format!("{text} [{code}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ErrorBody;

    fn failure() -> Failure {
        Failure::new(ErrorCode::Token, "this machine did not join")
            .why("it expired")
            .next("make a new one")
    }

    #[test]
    fn the_first_line_ends_with_the_code() {
        assert_eq!(
            failure().to_string(),
            "error: this machine did not join [RLM-E0401]\n  why:  it expired\n  next: \
             make a new one"
        );
        let long = Failure::new(Exit::Unreachable, "no source:\n  a\n  b");
        assert_eq!(long.to_string(), "error: no source: [RLM-E0300]\n  a\n  b");
        let json = failure().json();
        assert_eq!(json["error"]["error"], "RLM-E0401", "{json:#}");
        assert_eq!(json["error"]["code"], 4, "{json:#}");
    }

    #[test]
    fn the_code_travels_and_who_sends_none_or_a_later_one_is_understood() {
        let sent = serde_json::to_value(ErrorBody::from(failure())).unwrap();
        assert_eq!(sent["error"], "RLM-E0401", "{sent:#}");
        let heard = |sent: &serde_json::Value| {
            let body: ErrorBody = serde_json::from_value(sent.clone()).unwrap();
            let failure = Failure::from(body);
            (failure.exit, failure.code)
        };
        assert_eq!(heard(&sent), (Exit::Refused, ErrorCode::Token));
        let mut later = sent.clone();
        later["error"] = "RLM-E0499".into();
        assert_eq!(heard(&later), (Exit::Refused, ErrorCode::Refused));
        let mut earlier = sent;
        earlier.as_object_mut().unwrap().remove("error");
        assert_eq!(heard(&earlier), (Exit::Refused, ErrorCode::Refused));
    }
}
