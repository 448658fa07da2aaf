//! Replies kept in memory: least recently used out first, bounded in bytes. Pure.

use crate::key::Key;
use engine::Reply;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct MemoryCache {
    most_bytes: usize,
    bytes: usize,
    entries: BTreeMap<Key, Entry>,
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    pub(crate) evicted: u64,
}

#[derive(Debug)]
struct Entry {
    reply: Reply,
    bytes: usize,
    used: u64,
}

impl MemoryCache {
    pub(crate) fn new(most_bytes: usize) -> MemoryCache {
        MemoryCache {
            most_bytes,
            bytes: 0,
            entries: BTreeMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            evicted: 0,
        }
    }

    pub(crate) fn get(&mut self, key: &Key) -> Option<Reply> {
        let entry = self.entries.get_mut(key)?;
        self.uses += 1;
        if let Some(key) = self.by_use.remove(&entry.used) {
            self.by_use.insert(self.uses, key);
        }
        entry.used = self.uses;
        Some(entry.reply.clone())
    }

    pub(crate) fn put(&mut self, key: &Key, reply: &Reply) {
        let bytes = key.weight() + reply.text.len();
        // One huge prompt must not push out everything else.
        if bytes > self.most_bytes / LARGEST_PART || self.entries.contains_key(key) {
            return;
        }
        self.bytes += bytes;
        self.uses += 1;
        self.by_use.insert(self.uses, key.clone());
        let entry = Entry {
            reply: reply.clone(),
            bytes,
            used: self.uses,
        };
        self.entries.insert(key.clone(), entry);
        while self.bytes > self.most_bytes {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                return;
            };
            self.bytes -= self.entries.remove(&oldest).map_or(0, |entry| entry.bytes);
            self.evicted += 1;
        }
    }
}

/// An entry may take at most this part of the whole.
const LARGEST_PART: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{key, reply};
    use base::ContentHash;

    #[test]
    fn the_least_recently_used_goes_first_and_the_bound_holds() {
        let weight = key("0").weight() + reply("0").text.len();
        let mut cache = MemoryCache::new(4 * weight);
        for name in ["0", "1", "2", "3"] {
            cache.put(&key(name), &reply(name));
        }
        assert_eq!(cache.get(&key("0")), Some(reply("0")));
        cache.put(&key("4"), &reply("4"));
        let held: Vec<bool> = ["0", "1", "2", "3", "4"]
            .iter()
            .map(|name| cache.get(&key(name)).is_some())
            .collect();
        assert_eq!(held, [true, false, true, true, true]);
        assert_eq!((cache.bytes, cache.evicted), (4 * weight, 1));
    }

    #[test]
    fn a_huge_entry_is_not_kept() {
        let mut cache = MemoryCache::new(10_000);
        cache.put(&key("small"), &reply("r"));
        cache.put(&key(&"x".repeat(9_000)), &reply("r"));
        assert_eq!((cache.entries.len(), cache.evicted), (1, 0));
    }

    #[test]
    fn a_colliding_digest_does_not_answer_another_question() {
        let mut cache = MemoryCache::new(100_000);
        cache.put(&key("a"), &reply("to a"));
        let forged = key("b").with_digest(key("a").digest);
        assert_eq!(cache.get(&forged), None);
        cache.put(&forged, &reply("to b"));
        assert_eq!(cache.get(&forged), Some(reply("to b")));
        assert_eq!(cache.get(&key("a")), Some(reply("to a")));
        assert_ne!(key("a").digest, ContentHash([0; 32]));
    }
}
