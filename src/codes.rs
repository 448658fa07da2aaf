//! Stable codes of failures, such as `RLM-E0401`: one for each kind that a person or a script
//! treats differently, whatever its words are. The digits before the last two are the exit code; a
//! number is never used for another kind. `docs/errors.md` has the same table.

use crate::exit::Exit;
use std::fmt;

macro_rules! error_codes {
    ($($name:ident = $number:literal, $meaning:literal;)+) => {
        /// What kind of failure it is. The kinds whose number ends with 00 are those that nothing
        /// closer is known of than their exit code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum ErrorCode {
            $(
                #[doc = $meaning]
                $name = $number,
            )+
        }

        impl ErrorCode {
            /// Each code with what it means, by number.
            pub const ALL: &[(ErrorCode, &str)] = &[$((ErrorCode::$name, $meaning),)+];
        }
    };
}

error_codes! {
    Failed = 100, "the job or action failed for good; the failure says why";
    DiskFull = 101, "a disk has no room left";
    Disk = 102, "a disk or folder cannot be used";
    Damaged = 103, "files are not what was written";
    Address = 104, "an address or socket of this machine cannot be used";
    ModelFailed = 105, "the model cannot be run here";
    Sandbox = 106, "the sandbox of the REPL cannot start";
    JobFailed = 107, "the job ended without an answer";
    Replay = 108, "a replay differs from its trace or recording";
    Rejected = 109, "the cluster's rules do not allow it";
    Audit = 110, "the audit log was changed";
    Usage = 200, "the command line or the request is wrong";
    Config = 201, "the configuration is wrong";
    Context = 202, "a context cannot be read";
    TokenText = 203, "what was given is no join token";
    ModelName = 204, "a model's name or file is wrong";
    AlreadyRunning = 205, "a node runs there already";
    Unreachable = 300, "no node answers";
    Seeds = 301, "no seed of the token answers over UDP";
    ModelServer = 302, "no model server answers";
    Download = 303, "no source of the model can be reached";
    Refused = 400, "not allowed";
    Token = 401, "the token is unknown, expired, used up or revoked";
    TokenBound = 402, "the token is for another name or pool";
    Clock = 403, "a certificate is not in time: it has ended, or the clocks are apart";
    NotProved = 404, "the other end did not prove to be of the cluster";
    Closed = 405, "the cluster admits nobody now";
    Key = 406, "there is no key, or none that the node knows";
    NoQuorum = 500, "no majority of the voters answers";
    NotFound = 600, "the thing that was named is not there";
    NoCluster = 601, "the node is of no cluster";
    NoModel = 602, "the model is not on this machine";
    NoCapacity = 603, "no room, memory or free turn for it now";
    Deadline = 700, "a deadline passed; the work may go on";
    Budget = 701, "a budget of the job is used up";
    Cancelled = 800, "cancelled";
    Conflict = 900, "the state is another one than was assumed";
    NameTaken = 901, "another member has the name";
    Retired = 902, "the node was removed, and its id is not used again";
    FolderTaken = 903, "the folder is another node's, or a process runs in it";
    Unknown = 1000, "sent, and no answer: it may be done";
    Version = 1100, "the versions do not go together";
    Partial = 1200, "some of several things were done";
}

impl ErrorCode {
    /// The code that a text such as `RLM-E0401` names; none where a later program made it up.
    pub fn parse(text: &str) -> Option<ErrorCode> {
        let mut codes = ErrorCode::ALL.iter().map(|(code, _)| *code);
        codes.find(|code| code.to_string() == text)
    }

    pub fn exit(self) -> Exit {
        let number = self as u16 / KINDS;
        let mut exits = Exit::ALL.into_iter();
        let found = exits.find(|exit| u16::from(exit.code()) == number);
        found.unwrap_or(Exit::Failed)
    }
}

impl From<Exit> for ErrorCode {
    /// The kind of which no more is known.
    fn from(exit: Exit) -> ErrorCode {
        match exit {
            // What failed was not done.
            Exit::Done | Exit::Failed => ErrorCode::Failed,
            Exit::Usage => ErrorCode::Usage,
            Exit::Unreachable => ErrorCode::Unreachable,
            Exit::Refused => ErrorCode::Refused,
            Exit::NoQuorum => ErrorCode::NoQuorum,
            Exit::NotFound => ErrorCode::NotFound,
            Exit::Deadline => ErrorCode::Deadline,
            Exit::Cancelled => ErrorCode::Cancelled,
            Exit::Conflict => ErrorCode::Conflict,
            Exit::Unknown => ErrorCode::Unknown,
            Exit::Version => ErrorCode::Version,
            Exit::Partial => ErrorCode::Partial,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RLM-E{:04}", *self as u16)
    }
}

/// Kinds that an exit code has room for.
const KINDS: u16 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn codes() -> impl Iterator<Item = ErrorCode> {
        ErrorCode::ALL.iter().map(|(code, _)| *code)
    }

    #[test]
    fn no_two_kinds_share_a_number_and_each_names_its_exit_code() {
        let numbers: Vec<u16> = codes().map(|code| code as u16).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
        for code in codes() {
            assert_eq!(u16::from(code.exit().code()), code as u16 / 100, "{code}");
            assert_eq!(ErrorCode::parse(&code.to_string()), Some(code));
        }
        assert_eq!(ErrorCode::Token.to_string(), "RLM-E0401");
        assert_eq!(ErrorCode::parse("RLM-E9999"), None);
    }

    #[test]
    fn each_exit_code_but_success_has_a_kind() {
        for exit in Exit::ALL.into_iter().filter(|exit| *exit != Exit::Done) {
            let code = ErrorCode::from(exit);
            assert_eq!((code.exit(), code as u16 % 100), (exit, 0), "{code}");
        }
    }

    #[test]
    fn the_document_has_each_code() {
        let document = include_str!("../docs/errors.md");
        let rows: Vec<&str> = document
            .lines()
            .filter(|line| line.starts_with("| RLM-E"))
            .collect();
        let row = |(code, meaning): &(ErrorCode, &str)| {
            format!("| {code} | {} | {meaning} |", code.exit().code())
        };
        let codes: Vec<String> = ErrorCode::ALL.iter().map(row).collect();
        assert_eq!(rows, codes);
    }
}
