//! Compiled patterns are kept, the newest longest.

use super::{CACHED_PATTERNS, PatternCache, TextFacts};
use crate::regex_query::{Anchor, RegexFlags};
use std::sync::Arc;

#[test]
fn the_oldest_pattern_goes() {
    let cache = PatternCache::default();
    let get = |pattern: &str| {
        let key = (
            pattern.to_owned(),
            RegexFlags::default(),
            Anchor::None,
            TextFacts::default(),
        );
        cache.get(key).unwrap()
    };
    let first = get("first");
    assert!(Arc::ptr_eq(&first, &get("first")));
    for i in 0..CACHED_PATTERNS {
        get(&format!("p{i}"));
    }
    assert!(!Arc::ptr_eq(&first, &get("first")));
}
