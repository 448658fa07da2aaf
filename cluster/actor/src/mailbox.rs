//! Bounded mailboxes that outlive the actors behind them.

use crate::ActorContext;
use crate::context::PULSE_EVERY;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A mailbox for at most `bound` letters, and the seat of the actor that reads them.
pub fn mailbox<T>(bound: usize) -> (Mailbox<T>, Seat<T>) {
    let (sender, receiver) = mpsc::channel(bound.max(1));
    let mailbox = Mailbox {
        sender,
        refused: Arc::default(),
    };
    let seat = Seat {
        receiver: Arc::new(Mutex::new(Some(receiver))),
    };
    (mailbox, seat)
}

/// The way to an actor. Clones share the bound.
pub struct Mailbox<T> {
    sender: mpsc::Sender<T>,
    refused: Arc<AtomicU64>,
}

/// The letter comes back with the reason.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered<T> {
    /// The actor has more to do than it may have. Ask later, or less.
    #[error("the mailbox is full")]
    Full(T),
    /// The actor ended for good.
    #[error("the actor is gone")]
    Closed(T),
}

/// Why a question got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    #[error("the mailbox is full")]
    Full,
    #[error("the actor is gone")]
    Closed,
    /// The actor failed over this question, or let it fall.
    #[error("the question was dropped")]
    Dropped,
    #[error("no answer in time")]
    Late,
}

/// A mailbox as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxView {
    /// Letters that wait.
    pub depth: usize,
    pub bound: usize,
    /// Letters that were refused since the start because the mailbox was full.
    pub refused: u64,
}

impl<T> Mailbox<T> {
    pub fn try_send(&self, letter: T) -> Result<(), Undelivered<T>> {
        self.sender.try_send(letter).map_err(|error| match error {
            mpsc::error::TrySendError::Full(letter) => self.refuse(letter),
            mpsc::error::TrySendError::Closed(letter) => Undelivered::Closed(letter),
        })
    }

    /// Waits for room, at most this long.
    pub async fn send(&self, letter: T, within: Duration) -> Result<(), Undelivered<T>> {
        match timeout(within, self.sender.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(letter);
                Ok(())
            }
            Ok(Err(_)) => Err(Undelivered::Closed(letter)),
            Err(_) => Err(self.refuse(letter)),
        }
    }

    /// Sends a letter that carries the way back, and waits for the answer. A full mailbox refuses
    /// at
    /// once: whoever waits for an answer is better told.
    pub async fn ask<R>(
        &self,
        within: Duration,
        letter: impl FnOnce(ReplyTo<R>) -> T,
    ) -> Result<R, AskError> {
        let (sender, receiver) = oneshot::channel();
        match self.try_send(letter(ReplyTo(sender))) {
            Ok(()) => {}
            Err(Undelivered::Full(_)) => return Err(AskError::Full),
            Err(Undelivered::Closed(_)) => return Err(AskError::Closed),
        }
        match timeout(within, receiver).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(AskError::Dropped),
            Err(_) => Err(AskError::Late),
        }
    }

    pub fn view(&self) -> MailboxView {
        let bound = self.sender.max_capacity();
        MailboxView {
            depth: bound - self.sender.capacity(),
            bound,
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    fn refuse(&self, letter: T) -> Undelivered<T> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Undelivered::Full(letter)
    }
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Mailbox<T> {
        Mailbox {
            sender: self.sender.clone(),
            refused: self.refused.clone(),
        }
    }
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl<T> fmt::Debug for Undelivered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undelivered::Full(_) => f.write_str("Full"),
            Undelivered::Closed(_) => f.write_str("Closed"),
        }
    }
}

/// Where an answer goes. Whoever drops it tells the asker so.
#[derive(Debug)]
pub struct ReplyTo<R>(oneshot::Sender<R>);

impl<R> ReplyTo<R> {
    /// Nothing happens when the asker has gone.
    pub fn send(self, answer: R) {
        drop(self.0.send(answer));
    }

    /// Nobody waits for the answer any more.
    pub fn is_moot(&self) -> bool {
        self.0.is_closed()
    }
}

/// Keeps the letters between an actor's lives.
pub struct Seat<T> {
    // A lock and no message: the actor's drop, which may run in a panic, must give the letters back
    // before anybody is told of its end. Held for a move only.
    receiver: Arc<Mutex<Option<mpsc::Receiver<T>>>>,
}

impl<T> Seat<T> {
    /// `None` while another life has it.
    pub fn take(&self) -> Option<Inbox<T>> {
        let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Inbox {
            receiver: Some(receiver.take()?),
            home: self.receiver.clone(),
        })
    }
}

impl<T> fmt::Debug for Seat<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seat")
    }
}

/// The letters, for one life of an actor.
pub struct Inbox<T> {
    receiver: Option<mpsc::Receiver<T>>,
    home: Arc<Mutex<Option<mpsc::Receiver<T>>>>,
}

impl<T> Inbox<T> {
    /// The next letter; `None` when the actor shall stop, or when nobody can write any more.
    /// Keeps the
    /// actor's pulse while it waits.
    pub async fn next(&mut self, context: &ActorContext) -> Option<T> {
        let receiver = self.receiver.as_mut()?;
        context.pulse();
        if context.is_stopping() {
            return None;
        }
        if let Ok(letter) = receiver.try_recv() {
            return Some(letter);
        }
        loop {
            tokio::select! {
                biased;
                () = context.stopping() => return None,
                letter = receiver.recv() => return letter,
                () = tokio::time::sleep(PULSE_EVERY) => context.pulse(),
            }
        }
    }

    /// The next letter, for loops that wait for other things too and watch their stop themselves.
    pub async fn recv(&mut self) -> Option<T> {
        self.receiver.as_mut()?.recv().await
    }

    pub fn try_recv(&mut self) -> Option<T> {
        self.receiver.as_mut()?.try_recv().ok()
    }
}

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        *home = self.receiver.take();
    }
}
