//! What a pull does next, decided from what is on disk and what a server said. Pure.

use serde::{Deserialize, Serialize};

/// What an interrupted pull remembers beside its growing file. All sources hold the same file, so
/// what one of them gave is a beginning for the others, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartState {
    pub(crate) v: u32,
    /// Which address gave the bytes, and its mark for that content (an `ETag` or a date).
    pub(crate) url: Option<String>,
    pub(crate) validator: Option<String>,
    /// Where each part that came from a wheel ends in the growing file.
    pub(crate) wheel_ends: Vec<u64>,
}

/// How the next request to an address begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Whole,
    /// From this byte on; `if_range` makes the server start over if its file changed.
    From {
        start: u64,
        if_range: Option<String>,
    },
}

/// Whether what is on disk can be continued. Without a known hash only the server's own mark says
/// that its file is still the same.
pub(crate) fn ask(have: u64, state: &PartState, url: &str, hash_known: bool) -> Ask {
    if have == 0 {
        return Ask::Whole;
    }
    let same = state.url.as_deref() == Some(url);
    let if_range = state.validator.clone().filter(|_| same);
    if if_range.is_none() && !hash_known {
        return Ask::Whole;
    }
    Ask::From {
        start: have,
        if_range,
    }
}

/// What a server's answer to a download means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The bytes that follow go on where the file ends.
    Append,
    /// The bytes that follow are the file from its beginning.
    Restart,
    /// Everything is there already.
    Complete,
    Fail(String),
}

/// The parts of an answer that matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) length: Option<u64>,
    /// `bytes START-END/TOTAL`, or `bytes */TOTAL` with status 416.
    pub(crate) content_range: Option<String>,
    pub(crate) content_type: Option<String>,
}

pub(crate) fn judge(head: &Head, asked: &Ask, expected: Option<u64>) -> Step {
    let total = |size: u64, step: Step| match expected {
        Some(expected) if size != expected => Step::Fail(format!(
            "its file has {size} bytes, and the right one {expected}"
        )),
        _ => step,
    };
    let have = match asked {
        Ask::Whole => 0,
        Ask::From { start, .. } => *start,
    };
    let range = head.content_range.as_deref().and_then(parse_range);
    match (head.status, range) {
        (200, _)
            if head
                .content_type
                .as_deref()
                .is_some_and(|t| t.starts_with("text/html")) =>
        {
            Step::Fail("it answers with a web page instead of the file".into())
        }
        (200, _) => head
            .length
            .map_or(Step::Restart, |length| total(length, Step::Restart)),
        (206, Some((Some(start), size))) if start == have => total(size, Step::Append),
        (206, _) => Step::Fail("it answers with another range than was asked for".into()),
        (416, Some((None, size))) if size == have => total(size, Step::Complete),
        (401 | 403, _) => Step::Fail(format!(
            "it refuses with HTTP {}; the model may be gated: accept its licence at the hub, \
             download the file there, and put it in place yourself",
            head.status
        )),
        (404, _) => Step::Fail("there is no such file (HTTP 404)".into()),
        (status, _) => Step::Fail(format!("it answers with HTTP {status}")),
    }
}

fn parse_range(text: &str) -> Option<(Option<u64>, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let total = total.parse().ok()?;
    if range == "*" {
        return Some((None, total));
    }
    let (start, _) = range.split_once('-')?;
    Some((Some(start.parse().ok()?), total))
}

/// Bytes that must be free before a pull begins: what is missing, what unpacking needs beside it,
/// and a reserve so that the machine does not run full.
pub(crate) fn room_needed(bytes: u64, have: u64, largest_wheel: u64, reserve: u64) -> u64 {
    bytes.saturating_sub(have) + largest_wheel + reserve
}

/// What to do when a whole file does not have the right hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mend {
    /// Its beginning was left from before: throw it away and ask this source once more.
    Again,
    /// All of it came from this source: the source is wrong.
    GiveUp,
}

pub(crate) fn mend(began_with: u64, again_already: bool) -> Mend {
    if began_with > 0 && !again_already {
        Mend::Again
    } else {
        Mend::GiveUp
    }
}

/// Whether a broken download is continued at once: as long as it moves, up to a bound.
pub(crate) fn resume_now(gained: u64, resumes: u32) -> bool {
    gained > 0 && resumes < MAX_RESUMES
}

/// A line that drops every 50 MB still brings 1 GB.
const MAX_RESUMES: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16, length: Option<u64>, range: Option<&str>) -> Head {
        Head {
            status,
            length,
            content_range: range.map(str::to_owned),
            content_type: None,
        }
    }

    #[test]
    fn a_download_goes_on_only_where_it_is_safe() {
        let mut state = PartState {
            url: Some("u".into()),
            validator: Some("\"e\"".into()),
            ..PartState::default()
        };
        let from = |if_range: Option<&str>| Ask::From {
            start: 5,
            if_range: if_range.map(str::to_owned),
        };
        assert_eq!(ask(0, &state, "u", true), Ask::Whole);
        assert_eq!(ask(5, &state, "u", false), from(Some("\"e\"")));
        assert_eq!(ask(5, &state, "other", false), Ask::Whole);
        assert_eq!(
            ask(5, &state, "other", true),
            from(None),
            "the hash will tell"
        );
        state.validator = None;
        assert_eq!(ask(5, &state, "u", false), Ask::Whole);
    }

    #[test]
    fn an_answer_is_taken_for_what_it_is() {
        let from = Ask::From {
            start: 5,
            if_range: None,
        };
        let cases = [
            (head(200, Some(9), None), Some(9), Step::Restart),
            (head(200, None, None), None, Step::Restart),
            (
                head(206, Some(4), Some("bytes 5-8/9")),
                Some(9),
                Step::Append,
            ),
            (head(416, None, Some("bytes */5")), Some(5), Step::Complete),
        ];
        for (head, expected, step) in cases {
            assert_eq!(judge(&head, &from, expected), step);
        }
        let fails = [
            (head(200, Some(8), None), "8 bytes, and the right one 9"),
            (head(206, Some(9), Some("bytes 0-8/9")), "another range"),
            (head(206, Some(9), None), "another range"),
            (head(404, None, None), "no such file"),
            (head(403, None, None), "gated"),
            (head(500, None, None), "HTTP 500"),
        ];
        for (head, why) in fails {
            let step = judge(&head, &from, Some(9));
            assert!(
                matches!(&step, Step::Fail(reason) if reason.contains(why)),
                "{step:?}"
            );
        }
        let page = Head {
            content_type: Some("text/html".into()),
            ..head(200, Some(9), None)
        };
        assert!(matches!(judge(&page, &from, None), Step::Fail(_)));
    }

    #[test]
    fn a_wrong_hash_condemns_only_what_one_source_gave_alone() {
        assert_eq!(mend(10, false), Mend::Again);
        assert_eq!(mend(10, true), Mend::GiveUp);
        assert_eq!(mend(0, false), Mend::GiveUp);
        assert!(resume_now(1, 0) && !resume_now(0, 0) && !resume_now(1, MAX_RESUMES));
        assert_eq!(room_needed(100, 30, 20, 5), 95);
    }
}
