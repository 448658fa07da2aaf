//! Objects of one kind that clients share, each with the calls on it. The search for an order grows
//! with the calls on an object, with the clients that call at the same time, and most of all with
//! the calls whose outcome nobody knows. Each of the three has its bound: an object that is used up
//! is left alone, and another one begun.

use crate::history::Call;
use std::collections::BTreeSet;
use std::time::Duration;

/// All objects of one kind, in the order in which they were begun.
#[derive(Clone, Debug)]
pub struct Shared<O, A> {
    objects: Vec<SharedObject<O, A>>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct SharedObject<O, A> {
    /// The key of a job, the name of a model.
    pub name: String,
    /// In order of sending; none where a call surely had no effect.
    calls: Vec<Option<Call<O, A>>>,
    clients: BTreeSet<String>,
}

/// Which call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallPlace {
    object: usize,
    call: usize,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<A> {
    Answer(A),
    /// It surely had no effect, so that it needs no explanation.
    Refused,
    /// It may have had its effect, or may have it later.
    Nothing,
}

impl<O, A> Default for Shared<O, A> {
    fn default() -> Shared<O, A> {
        Shared {
            objects: Vec::new(),
        }
    }
}

impl<O, A> Shared<O, A> {
    pub fn objects(&self) -> &[SharedObject<O, A>] {
        &self.objects
    }

    /// The object that a client is to call now, and its name.
    pub fn pick(&mut self, kind: &str, client: &str) -> (usize, String) {
        let free = self.objects.iter().position(|object| object.takes(client));
        let place = free.unwrap_or(self.objects.len());
        if free.is_none() {
            self.objects.push(SharedObject {
                name: format!("{kind} {place}"),
                calls: Vec::new(),
                clients: BTreeSet::new(),
            });
        }
        let object = &mut self.objects[place];
        object.clients.insert(client.to_owned());
        (place, object.name.clone())
    }

    /// Notes a call before it is sent.
    pub fn sent(&mut self, object: usize, operation: O, now: Duration) -> CallPlace {
        let calls = &mut self.objects[object].calls;
        calls.push(Some(Call {
            operation,
            answer: None,
            sent: now,
            answered: Duration::ZERO,
        }));
        let call = calls.len() - 1;
        CallPlace { object, call }
    }

    /// Notes what came of it.
    pub fn heard(&mut self, place: CallPlace, heard: Heard<A>, now: Duration) {
        let call = &mut self.objects[place.object].calls[place.call];
        match heard {
            Heard::Answer(answer) => {
                if let Some(call) = call {
                    call.answer = Some(answer);
                    call.answered = now;
                }
            }
            Heard::Refused => *call = None,
            Heard::Nothing => {}
        }
    }

    /// Calls with an answer, on all of them.
    pub fn answered(&self) -> usize {
        let calls = self.objects.iter().flat_map(SharedObject::calls);
        calls.filter(|call| call.answer.is_some()).count()
    }
}

impl<O, A> SharedObject<O, A> {
    /// Those that may have had an effect.
    pub fn calls(&self) -> impl Iterator<Item = &Call<O, A>> {
        self.calls.iter().flatten()
    }

    fn takes(&self, client: &str) -> bool {
        let open = self.calls().filter(|call| call.answer.is_none()).count();
        let used_up = self.calls.len() >= CALLS || open >= OPEN;
        let knows = self.clients.contains(client) || self.clients.len() < CLIENTS;
        knows && !used_up
    }
}

impl<A> Heard<A> {
    pub fn is_answer(&self) -> bool {
        matches!(self, Heard::Answer(_))
    }
}

/// Clients that use one object; a client that starts again is another one.
const CLIENTS: usize = 3;
/// Calls on one object, those without effect included.
const CALLS: usize = 30;
/// Calls on one object without an answer, those under way included.
const OPEN: usize = 4;

#[cfg(test)]
mod tests;
