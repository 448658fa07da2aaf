//! What the crates log, on standard error: warnings and errors, one plain line each. They have no
//! time, since the journal of a service manager stamps what it keeps. Spans are not kept.

use super::notify::one_line;
use crate::ctl::complain;
use std::fmt::{Debug, Write};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Record};
use tracing::{Event, Id, Level, Metadata, Subscriber};

struct Log<S> {
    say: S,
}

/// From now on nothing that warns is silent.
pub(super) fn start() {
    // Fails only where somebody listens already.
    tracing::subscriber::set_global_default(Log { say: complain }).ok();
}

/// Openraft warns of each heartbeat that a dead peer does not answer, several times a second.
fn most(target: &str) -> Level {
    if target.starts_with("openraft") {
        Level::ERROR
    } else {
        Level::WARN
    }
}

impl<S: Fn(&str) + Send + Sync + 'static> Subscriber for Log<S> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= most(metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let word = if *metadata.level() == Level::ERROR {
            "error"
        } else {
            "warning"
        };
        let mut told = Told::default();
        event.record(&mut told);
        let (message, fields, target) = (told.message, told.fields, metadata.target());
        // A value may come from elsewhere: it must not look like a line of its own.
        (self.say)(&one_line(&format!("{word}: {message}{fields} ({target})")));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// An event's parts as text.
#[derive(Default)]
struct Told {
    message: String,
    fields: String,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // A value that cannot be shown is left out; the rest is told.
        match field.name() {
            "message" => write!(self.message, "{value:?}").ok(),
            name => write!(self.fields, " {name}={value:?}").ok(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn warnings_and_errors_are_plain_lines_and_the_rest_is_silent() {
        let (sender, said) = mpsc::channel();
        let say = move |line: &str| sender.send(line.to_owned()).unwrap();
        tracing::subscriber::with_default(Log { say }, || {
            tracing::info!("all is well");
            tracing::warn!(target: "repl", path = %"/a\nb", left = 2, "compiled code is damaged");
            tracing::warn!(target: "openraft::core", "no answer to a heartbeat");
            tracing::error!(target: "openraft::core", "the storage failed");
        });
        let lines: Vec<String> = said.try_iter().collect();
        assert_eq!(
            lines,
            [
                "warning: compiled code is damaged path=/a b left=2 (repl)",
                "error: the storage failed (openraft::core)",
            ]
        );
    }
}
