//! Shows a running job on standard error: a live status line on a terminal, plain lines elsewhere.
//! Standard output belongs to the answer.

mod tone;
mod transcript;

use crate::clock::Clock;
use crate::job::{JobEvent, Observer};
use crate::settings::Settings;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use node_config::{ColorWhen, Switch};
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
pub use tone::{Line, Tone};
pub use transcript::{Transcript, ending};

const LIVE_EVERY: Duration = Duration::from_millis(120);
/// The status line shows seconds.
const LIVE_CLOCK: Duration = Duration::from_secs(1);

struct Screen {
    transcript: Transcript,
    colored: bool,
    /// When a line was last printed; only the plain form looks at it.
    printed: base::Time,
}

impl Screen {
    /// The plain form's sign of life: what the job does, when no line was printed for `every`.
    fn sign_of_life(&mut self, now: base::Time, every: Duration) -> Option<String> {
        if now.since(self.printed) < every {
            return None;
        }
        self.printed = now;
        Some(format!("... {}", self.transcript.status(now)))
    }
}

/// The display of one job. Dropping it clears the status line.
pub struct Display {
    clock: Clock,
    bar: Option<ProgressBar>,
    // Events come from several tasks of one job, and a line is whole or not there: a lock is held
    // for one line's writing. A message queue would have to be bounded and would then lose lines.
    screen: Arc<Mutex<Screen>>,
    ticker: tokio::task::JoinHandle<()>,
}

impl Display {
    /// Must be made inside a tokio runtime; it ticks by itself.
    pub fn start(settings: &Settings) -> Display {
        let clock = Clock::start();
        let terminal = std::io::stderr().is_terminal();
        let live = match settings.config.display.live {
            Switch::Auto => terminal,
            Switch::On => true,
            Switch::Off => false,
        };
        let every = settings.config.display.every;
        let bar = live.then(status_bar);
        let screen = Arc::new(Mutex::new(Screen {
            transcript: Transcript::new(clock.now()),
            colored: colored(
                settings.config.display.color,
                terminal,
                settings.outside.no_color,
            ),
            printed: clock.now(),
        }));
        let ticker = tokio::spawn(tick(clock, every, bar.clone(), Arc::clone(&screen)));
        Display {
            clock,
            bar,
            screen,
            ticker,
        }
    }
}

impl Observer for Display {
    fn see(&self, event: JobEvent) {
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = screen.transcript.lines(&event);
        if !lines.is_empty() {
            screen.printed = self.clock.now();
        }
        for line in lines {
            print_line(self.bar.as_ref(), &line.show(screen.colored));
        }
        if let Some(bar) = &self.bar {
            bar.set_message(screen.transcript.status(self.clock.now()));
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.ticker.abort();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn colored(when: ColorWhen, terminal: bool, no_color: bool) -> bool {
    match when {
        ColorWhen::Auto => terminal && !no_color,
        ColorWhen::Always => true,
        ColorWhen::Never => false,
    }
}

fn status_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(LIVE_EVERY);
    bar
}

async fn tick(clock: Clock, every: Duration, bar: Option<ProgressBar>, screen: Arc<Mutex<Screen>>) {
    let mut interval = tokio::time::interval(if bar.is_some() { LIVE_CLOCK } else { every });
    interval.tick().await;
    loop {
        interval.tick().await;
        let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.now();
        if let Some(bar) = &bar {
            bar.set_message(screen.transcript.status(now));
        } else if let Some(line) = screen.sign_of_life(now, every) {
            print_line(None, &line);
        }
    }
}

fn print_line(bar: Option<&ProgressBar>, line: &str) {
    match bar {
        Some(bar) => bar.println(line),
        None => {
            // A closed standard error must not end the job; there is nobody left to tell.
            let written = writeln!(std::io::stderr().lock(), "{line}");
            drop(written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ColorWhen, Screen, Transcript, colored};
    use base::Time;
    use std::time::Duration;

    #[test]
    fn a_silent_job_gives_a_sign_of_life_at_times() {
        let mut screen = Screen {
            transcript: Transcript::new(Time::ZERO),
            colored: false,
            printed: Time::from_millis(2_000),
        };
        let every = Duration::from_secs(10);
        for (millis, line) in [
            (11_999, None),
            (12_000, Some("... 12 s")),
            (21_999, None),
            (22_000, Some("... 22 s")),
        ] {
            let now = Time::from_millis(millis);
            assert_eq!(screen.sign_of_life(now, every).as_deref(), line, "{millis}");
        }
    }

    #[test]
    fn colour_needs_a_terminal_or_a_wish() {
        for (when, terminal, no_color, expected) in [
            (ColorWhen::Auto, true, false, true),
            (ColorWhen::Auto, true, true, false),
            (ColorWhen::Auto, false, false, false),
            (ColorWhen::Always, false, true, true),
            (ColorWhen::Never, true, false, false),
        ] {
            assert_eq!(colored(when, terminal, no_color), expected, "{when:?}");
        }
    }
}
