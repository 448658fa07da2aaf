//! Counted places: how many requests may be under way, how many bytes may be held.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wire::Class;

use crate::InFlight;

/// Places for requests of each class, of one peer and one direction.
#[derive(Debug)]
pub(crate) struct Places {
    classes: [Room; 3],
}

#[derive(Debug)]
pub(crate) struct Room {
    most: usize,
    taken: AtomicUsize,
}

/// A place taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    class: Class,
}

/// Bytes taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Load {
    room: Arc<Room>,
    bytes: usize,
}

impl Places {
    pub(crate) fn new(most: InFlight) -> Arc<Places> {
        let classes = [most.control, most.calls, most.bulk].map(Room::new);
        Arc::new(Places { classes })
    }

    pub(crate) fn take(self: &Arc<Places>, class: Class) -> Option<Place> {
        let taken = self.room(class).take(1);
        taken.then(|| Place {
            places: self.clone(),
            class,
        })
    }

    pub(crate) fn taken(&self) -> usize {
        self.classes.iter().map(Room::taken).sum()
    }

    fn room(&self, class: Class) -> &Room {
        match class {
            Class::Control => &self.classes[0],
            Class::Calls => &self.classes[1],
            Class::Bulk => &self.classes[2],
        }
    }
}

impl Room {
    pub(crate) fn new(most: usize) -> Room {
        Room {
            most,
            taken: AtomicUsize::new(0),
        }
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn load(self: &Arc<Room>, bytes: usize) -> Option<Load> {
        self.take(bytes).then(|| Load {
            room: self.clone(),
            bytes,
        })
    }

    fn take(&self, count: usize) -> bool {
        let before = self.taken.fetch_add(count, Ordering::Relaxed);
        let fits = before + count <= self.most;
        if !fits {
            self.give_back(count);
        }
        fits
    }

    fn give_back(&self, count: usize) {
        self.taken.fetch_sub(count, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.room(self.class).give_back(1);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests;
