//! Shows a running job on standard error: a live status line on a terminal, plain lines elsewhere.
//! Standard output belongs to the answer.

mod tone;
mod transcript;

use crate::clock::Clock;
use crate::job::{JobEvent, Observer};
use crate::settings::Settings;
use base::Time;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use node_config::{ColorWhen, Switch};
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
pub use tone::{Line, Tone};
pub use transcript::{Transcript, ending};

const LIVE_EVERY: Duration = Duration::from_millis(120);
/// The status line shows seconds, and a sign of life is at most so late.
const CLOCK: Duration = Duration::from_secs(1);

struct Screen {
    transcript: Transcript,
    colored: bool,
    /// When a line was last printed; only the plain form looks at it.
    printed: Time,
}

impl Screen {
    /// The plain form's sign of life: what the job does, when no line was printed for `every`.
    fn sign_of_life(&mut self, now: Time, every: Duration) -> Option<String> {
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
        let ticking = tick(
            move || clock.now(),
            every,
            bar.clone(),
            Arc::clone(&screen),
            |line| print_line(None, line),
        );
        let ticker = tokio::spawn(ticking);
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

/// Moves the status line, or prints a sign of life where there is none.
async fn tick(
    now: impl Fn() -> Time,
    every: Duration,
    bar: Option<ProgressBar>,
    screen: Arc<Mutex<Screen>>,
    print: impl Fn(&str),
) {
    let mut interval = tokio::time::interval(CLOCK);
    interval.tick().await;
    loop {
        interval.tick().await;
        let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        if let Some(bar) = &bar {
            bar.set_message(screen.transcript.status(now));
        } else if let Some(line) = screen.sign_of_life(now, every) {
            print(&line);
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
    use super::{CLOCK, ColorWhen, Screen, Transcript, colored, tick};
    use base::Time;
    use std::sync::{Arc, Mutex, mpsc};
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

    #[tokio::test(start_paused = true)]
    async fn no_silence_is_longer_than_its_span_and_a_tick() {
        let start = tokio::time::Instant::now();
        let now = move || Time::ZERO + start.elapsed();
        let screen = Arc::new(Mutex::new(Screen {
            transcript: Transcript::new(Time::ZERO),
            colored: false,
            printed: Time::ZERO,
        }));
        let every = Duration::from_secs(10);
        let (sender, lines) = mpsc::channel();
        let print = move |line: &str| drop(sender.send((now(), line.to_owned())));
        let ticking = tokio::spawn(tick(now, every, None, Arc::clone(&screen), print));
        // Another line comes right behind a tick, when a span's end has just been missed.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let mut last = now();
        screen.lock().unwrap().printed = last;
        tokio::time::sleep(Duration::from_secs(60)).await;
        ticking.abort();
        let told: Vec<(Time, String)> = lines.try_iter().collect();
        assert!((5..=6).contains(&told.len()), "{told:?}");
        for (at, line) in told {
            let silence = at - last;
            let late = silence.saturating_sub(every);
            assert!(silence >= every && late <= CLOCK, "{silence:?}: {line}");
            last = at;
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
