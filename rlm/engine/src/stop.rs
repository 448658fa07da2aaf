//! Finds stop strings in a text that comes in pieces. Pure. Invariant: what was given out never
//! contains a stop string nor the beginning of one that could still be completed.

/// Watches for stop strings; servers take only a few of them, and some take none.
#[derive(Debug)]
pub(crate) struct StopScan<'a> {
    stops: &'a [String],
    held: String,
}

/// What may be given out, and whether a stop string ended the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    pub(crate) text: String,
    pub(crate) stopped: bool,
}

impl<'a> StopScan<'a> {
    pub(crate) fn new(stops: &'a [String]) -> StopScan<'a> {
        StopScan {
            stops,
            held: String::new(),
        }
    }

    pub(crate) fn push(&mut self, piece: &str) -> Scanned {
        self.held.push_str(piece);
        let whole = self.stops.iter().filter(|stop| !stop.is_empty());
        if let Some(at) = whole.filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Scanned {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let keep = self.longest_beginning();
        let rest = self.held.split_off(self.held.len() - keep);
        Scanned {
            text: std::mem::replace(&mut self.held, rest),
            stopped: false,
        }
    }

    /// What was held back, once the text is over.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// The length of the longest end of `held` with which a stop string begins.
    fn longest_beginning(&self) -> usize {
        let begins = |stop: &String| {
            stop.char_indices()
                .map(|(at, _)| at)
                .skip(1)
                .filter(|at| self.held.ends_with(&stop[..*at]))
                .max()
        };
        self.stops.iter().filter_map(begins).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&str], stops: &[&str], text: &str, stopped: bool) {
        let stops: Vec<String> = stops.iter().map(|s| (*s).to_owned()).collect();
        let mut scan = StopScan::new(&stops);
        let mut got = String::new();
        for piece in pieces {
            let scanned = scan.push(piece);
            got.push_str(&scanned.text);
            if scanned.stopped {
                assert!(stopped);
                assert_eq!(got, text);
                return;
            }
        }
        got.push_str(&scan.finish());
        assert!(!stopped);
        assert_eq!(got, text);
    }

    #[test]
    fn a_stop_string_ends_the_text_before_itself() {
        check(&["one ``", "` two"], &["```"], "one ", true);
        check(&["a\nUser", ":", "x"], &["\nUser:", "zz"], "a", true);
        check(&["abc"], &["c", "b"], "a", true);
        check(&["né", "e"], &["ée"], "n", true);
    }

    #[test]
    fn the_beginning_of_a_stop_string_is_held_and_given_back() {
        check(&["one ``", " two"], &["```"], "one `` two", false);
        check(&["end ``"], &["```"], "end ``", false);
        check(&["x"], &[""], "x", false);
    }
}
