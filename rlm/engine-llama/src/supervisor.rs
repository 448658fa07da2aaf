//! Keeps the child alive and its calls with it. One thread of its own owns the child (the child
//! dies with that thread, so it must not be one that a runtime retires), with all calls in flight.
//! Invariants: a call whose child died is asked again until it kills one alone (`suspects`), and
//! what fails here is final for everybody above; its text is never sent twice, because the next
//! child goes on from what the last one wrote; every call gets exactly one last event.

mod child;
mod suspects;

use crate::clock::Clock;
use crate::frames::{CallId, FromWorker, LoadSpec, Loaded, ToWorker};
use crate::options::LlamaOptions;
use crate::restarts::{Restarts, Verdict};
use child::{Child, Death};
use engine::EngineError;
use std::collections::BTreeMap;
use suspects::Suspects;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) enum Command {
    /// `message` carries the id.
    Call {
        id: CallId,
        message: ToWorker,
        events: mpsc::Sender<FromWorker>,
    },
    Cancel {
        id: CallId,
    },
}

/// What can be seen of the child from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// `None` while it is dead.
    pub(crate) pid: Option<u32>,
    /// Children started after the first.
    pub(crate) restarts: u32,
}

pub(crate) struct Handles {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) status: watch::Receiver<Status>,
    pub(crate) loaded: oneshot::Receiver<Result<Loaded, Death>>,
}

/// Starts the thread; the first child's fate comes through `loaded`.
pub(crate) fn start(options: LlamaOptions, spec: LoadSpec) -> std::io::Result<Handles> {
    let room = options.max_calls as usize * COMMANDS_PER_CALL;
    let (commands, inbox) = mpsc::channel(room);
    let (status_sender, status) = watch::channel(Status::default());
    let (opened, loaded) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let supervisor = Supervisor {
        restarts: Restarts::new(
            options.max_restarts,
            options.restart_window,
            options.restart_backoff,
        ),
        options,
        spec,
        calls: BTreeMap::new(),
        suspects: Suspects::default(),
        status: status_sender,
        clock: Clock::start(),
        last_death: String::new(),
    };
    std::thread::Builder::new()
        .name("llama-supervisor".into())
        .spawn(move || runtime.block_on(supervisor.run(inbox, opened)))?;
    Ok(Handles {
        commands,
        status,
        loaded,
    })
}

struct Supervisor {
    options: LlamaOptions,
    spec: LoadSpec,
    calls: BTreeMap<CallId, Pending>,
    /// Which of the calls the child is asked now.
    suspects: Suspects,
    restarts: Restarts,
    status: watch::Sender<Status>,
    clock: Clock,
    last_death: String,
}

struct Pending {
    message: ToWorker,
    events: mpsc::Sender<FromWorker>,
    /// Text that was passed on.
    written: String,
    /// Children that it waited for and that did not come up.
    stillborn: u32,
}

enum Turn {
    Child(Option<FromWorker>),
    Command(Option<Command>),
}

impl Supervisor {
    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Command>,
        mut opened: oneshot::Sender<Result<Loaded, Death>>,
    ) {
        let started = tokio::select! {
            started = Child::start(&self.options, &self.spec) => started,
            // The opener left: a child that still loads ends with what is dropped here.
            () = opened.closed() => return,
        };
        let mut child = match started {
            Ok((child, loaded)) => {
                self.status.send_modify(|s| s.pid = Some(child.pid()));
                if opened.send(Ok(loaded)).is_err() {
                    return;
                }
                Some(child)
            }
            Err(death) => {
                // Nobody else waits yet; when the opener is gone as well, that is the end of it.
                opened.send(Err(death)).ok();
                return;
            }
        };
        loop {
            let Some(running) = child.as_mut() else {
                if self.calls.is_empty() {
                    let Some(command) = inbox.recv().await else {
                        return;
                    };
                    self.note(command);
                } else {
                    child = self.restart().await;
                }
                continue;
            };
            let turn = tokio::select! {
                biased;
                frame = running.next() => Turn::Child(frame),
                command = inbox.recv() => Turn::Command(command),
            };
            match turn {
                Turn::Child(Some(frame)) => self.pass_on(frame),
                Turn::Child(None) => self.buried(&mut child).await,
                Turn::Command(None) => return,
                Turn::Command(Some(command)) => {
                    if let Some(frame) = self.note(command)
                        && !running.send(frame)
                    {
                        self.buried(&mut child).await;
                    }
                }
            }
            if let Some(running) = child.as_mut()
                && !self.ask_due(running)
            {
                self.buried(&mut child).await;
            }
        }
    }

    /// Writes a command down; the frame that the child has to see for it at once.
    fn note(&mut self, command: Command) -> Option<ToWorker> {
        match command {
            Command::Call { events, .. } if events.is_closed() => None,
            Command::Call {
                id,
                message,
                events,
            } => {
                let pending = Pending {
                    message,
                    events,
                    written: String::new(),
                    stillborn: 0,
                };
                self.calls.insert(id, pending);
                self.suspects.arrived(id);
                None
            }
            Command::Cancel { id } => {
                let asked = self.suspects.ended(id);
                self.calls.remove(&id);
                asked.then_some(ToWorker::Cancel { id })
            }
        }
    }

    /// Asks the child what may be asked now; `false` when it does not take frames any more.
    fn ask_due(&mut self, child: &mut Child) -> bool {
        for id in self.suspects.due() {
            let Some(pending) = self.calls.get(&id) else {
                continue;
            };
            let mut message = pending.message.clone();
            if let ToWorker::Chat { resume, .. } = &mut message {
                resume.clone_from(&pending.written);
            }
            if !child.send(message) {
                return false;
            }
        }
        true
    }

    fn pass_on(&mut self, frame: FromWorker) {
        let (id, last) = match &frame {
            FromWorker::Admitted { id, .. } | FromWorker::Piece { id, .. } => (*id, false),
            FromWorker::Done { id, .. }
            | FromWorker::Vectors { id, .. }
            | FromWorker::Counted { id, .. }
            | FromWorker::Failed { id, .. } => (*id, true),
            FromWorker::Loaded(_) | FromWorker::LoadFailed { .. } => return,
        };
        let Some(pending) = self.calls.get_mut(&id) else {
            return;
        };
        if let FromWorker::Piece { text, .. } = &frame {
            pending.written.push_str(text);
        }
        // The channel has room for every event of the call; it fails only when the caller left,
        // and then a `Cancel` follows.
        if pending.events.try_send(frame).is_err() || last {
            self.calls.remove(&id);
            self.suspects.ended(id);
        }
    }

    /// Takes the dead child away and decides which of its calls are asked again.
    async fn buried(&mut self, child: &mut Option<Child>) {
        let Some(child) = child.take() else { return };
        self.status.send_modify(|s| s.pid = None);
        let death = child.bury().await;
        tracing::warn!(reason = %death.reason, "the model's process died");
        self.died(&death);
    }

    fn died(&mut self, death: &Death) {
        self.restarts.died(self.clock.now());
        self.last_death.clone_from(&death.reason);
        if let Some(killer) = self.suspects.died() {
            self.fail(|id, _| id == killer, &death.reason);
        }
    }

    /// No call caused this death, but none can wait for ever.
    fn stillborn(&mut self, death: &Death) {
        self.died(death);
        for pending in self.calls.values_mut() {
            pending.stillborn += 1;
        }
        let most = |_, pending: &Pending| pending.stillborn >= MOST_STILLBORN;
        self.fail(most, &death.reason);
    }

    async fn restart(&mut self) -> Option<Child> {
        match self.restarts.verdict(self.clock.now()) {
            Verdict::GiveUp { deaths } => {
                let reason = format!(
                    "the model's process died {deaths} times in {} s and is not started again \
                     by itself; the last time: {}",
                    self.options.restart_window.as_secs(),
                    self.last_death
                );
                self.fail(|_, _| true, &reason);
                None
            }
            Verdict::After(pause) => {
                tokio::time::sleep(pause).await;
                self.status.send_modify(|s| s.restarts += 1);
                match Child::start(&self.options, &self.spec).await {
                    Ok((mut child, _)) => {
                        self.status.send_modify(|s| s.pid = Some(child.pid()));
                        self.forget_abandoned();
                        // When even this fails, the child is dead and the next turn sees it.
                        self.ask_due(&mut child);
                        Some(child)
                    }
                    Err(death) => {
                        self.stillborn(&death);
                        None
                    }
                }
            }
        }
    }

    fn forget_abandoned(&mut self) {
        let suspects = &mut self.suspects;
        self.calls.retain(|&id, pending| {
            let wanted = !pending.events.is_closed();
            if !wanted {
                suspects.ended(id);
            }
            wanted
        });
    }

    fn fail(&mut self, which: impl Fn(CallId, &Pending) -> bool, reason: &str) {
        let suspects = &mut self.suspects;
        self.calls.retain(|&id, pending| {
            if !which(id, pending) {
                return true;
            }
            suspects.ended(id);
            let (reason, partial) = (reason.to_owned(), pending.written.clone());
            let error = EngineError::Died {
                reason,
                partial,
                asked_again: true,
            };
            // A caller that left does not need it.
            pending
                .events
                .try_send(FromWorker::Failed { id, error })
                .ok();
            false
        });
    }
}

/// A call that waited for so many children that did not come up is not asked any more.
const MOST_STILLBORN: u32 = 2;
/// A call sends itself and at most one cancellation.
const COMMANDS_PER_CALL: usize = 2;
