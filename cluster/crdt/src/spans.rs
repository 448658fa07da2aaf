//! Sets of counts as few intervals: what a replica has seen of another one.
//!
//! Events arrive nearly in order, so a set is one interval and a few holes, whatever its size.

use serde::{Deserialize, Serialize};

/// Ordered, disjoint, not touching: `(first, last)`, both included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans(Vec<(u64, u64)>);

impl Spans {
    pub fn contains(&self, count: u64) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < count);
        self.0.get(at).is_some_and(|(first, _)| *first <= count)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The largest count; 0 of an empty set.
    pub fn last(&self) -> u64 {
        self.0.last().map_or(0, |(_, last)| *last)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().copied()
    }

    /// How many intervals: a measure of what the set costs.
    pub fn pieces(&self) -> usize {
        self.0.len()
    }

    pub fn insert(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        // Everything from the first interval that touches the new one to the last that does.
        let from = self.0.partition_point(|(_, l)| l.saturating_add(1) < first);
        let to = self
            .0
            .partition_point(|(f, _)| *f <= last.saturating_add(1));
        let merged = self.0[from..to]
            .iter()
            .fold((first, last), |(a, b), (f, l)| (a.min(*f), b.max(*l)));
        self.0.splice(from..to, [merged]);
    }

    pub fn merge(&mut self, other: &Spans) {
        for (first, last) in other.iter() {
            self.insert(first, last);
        }
    }

    /// What is in `self` and not in `other`.
    pub fn minus(&self, other: &Spans) -> Spans {
        let mut left = Spans::default();
        let mut holes = other.0.iter().peekable();
        for (mut first, last) in self.iter() {
            while holes.peek().is_some_and(|(_, l)| *l < first) {
                holes.next();
            }
            let mut rest = holes.clone();
            let mut open = true;
            while let Some((f, l)) = rest.peek().filter(|(f, _)| *f <= last) {
                if *f > first {
                    left.0.push((first, f - 1));
                }
                if *l >= last {
                    open = false;
                    break;
                }
                first = first.max(l + 1);
                rest.next();
            }
            if open {
                left.0.push((first, last));
            }
        }
        left
    }

    /// As read from a peer or a disk: whether it keeps the rules of the type.
    pub fn is_sound(&self) -> bool {
        let ordered = |pair: &[(u64, u64)]| pair[0].1.saturating_add(1) < pair[1].0;
        self.0
            .iter()
            .all(|(first, last)| 0 < *first && first <= last)
            && self.0.windows(2).all(ordered)
    }
}

impl FromIterator<(u64, u64)> for Spans {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(spans: I) -> Spans {
        let mut set = Spans::default();
        for (first, last) in spans {
            set.insert(first, last);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn model(spans: &Spans) -> BTreeSet<u64> {
        spans
            .iter()
            .flat_map(|(first, last)| first..=last)
            .collect()
    }

    fn sets() -> impl Strategy<Value = Spans> {
        prop::collection::vec((1..60_u64, 0..6_u64), 0..12)
            .prop_map(|pairs| pairs.into_iter().map(|(at, len)| (at, at + len)).collect())
    }

    proptest! {
        #[test]
        fn a_set_of_spans_is_a_set(left in sets(), right in sets(), probe in 0..70_u64) {
            prop_assert!(left.is_sound() && right.is_sound());
            prop_assert_eq!(left.contains(probe), model(&left).contains(&probe));
            prop_assert_eq!(left.last(), model(&left).last().copied().unwrap_or(0));
            let mut both = left.clone();
            both.merge(&right);
            prop_assert!(both.is_sound());
            prop_assert_eq!(model(&both), &model(&left) | &model(&right));
            let rest = left.minus(&right);
            prop_assert!(rest.is_sound());
            prop_assert_eq!(model(&rest), &model(&left) - &model(&right));
        }
    }

    #[test]
    fn the_ends_of_the_numbers_do_no_harm() {
        let mut all: Spans = [(1, u64::MAX)].into_iter().collect();
        all.insert(u64::MAX, u64::MAX);
        assert_eq!(all.pieces(), 1);
        assert!(all.minus(&all.clone()).is_empty());
        let bad = Spans(vec![(5, 4)]);
        assert!(!bad.is_sound() && !Spans(vec![(1, 2), (3, 4)]).is_sound());
    }
}
