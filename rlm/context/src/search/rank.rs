//! BM25 over an index. Pure: the same index, words and options give the same list, bit by bit.

use super::SearchOptions;
use super::index::Index;
use super::tokens::words;
use super::units::Unit;
use indexmap::IndexSet;

/// The best units with their scores, best first. `text_of` gives what a unit says.
pub(crate) fn best<'a>(
    index: &Index,
    query: &str,
    options: &SearchOptions,
    text_of: &dyn Fn(&Unit) -> &'a str,
) -> Vec<(usize, f64)> {
    let scored = scores(index, query);
    let Some(&(_, top)) = scored.first() else {
        return Vec::new();
    };
    let mut texts: IndexSet<&str> = IndexSet::new();
    scored
        .into_iter()
        .take_while(|(_, score)| *score >= options.relative_cut * top)
        .filter(|(unit, _)| !options.dedup || texts.insert(text_of(&index.units[*unit])))
        .take(options.k)
        .collect()
}

/// All units that hold a word of the query, best first, ties by position.
fn scores(index: &Index, query: &str) -> Vec<(usize, f64)> {
    let mut asked: IndexSet<String> = IndexSet::new();
    words(query, &mut |word, stop| {
        if !stop {
            asked.insert(word.to_owned());
        }
    });
    let count = index.units.len() as f64;
    let total: u64 = index.lens.iter().copied().map(u64::from).sum();
    let average = (total as f64 / count.max(1.0)).max(1.0);
    let mut sums = vec![0.0; index.units.len()];
    let mut touched = Vec::new();
    for word in &asked {
        let list = index.lookup(word);
        let with = f64::from(list.units);
        let rarity = (1.0 + (count - with + 0.5) / (with + 0.5)).ln();
        for (unit, times) in list {
            let (Some(sum), Some(&len)) = (sums.get_mut(unit), index.lens.get(unit)) else {
                continue;
            };
            if *sum == 0.0 {
                touched.push(unit);
            }
            let times = times as f64;
            let length = K1 * (1.0 - B + B * f64::from(len) / average);
            *sum += rarity * times * (K1 + 1.0) / (times + length);
        }
    }
    let mut found: Vec<(usize, f64)> = touched.iter().map(|&unit| (unit, sums[unit])).collect();
    let better = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if found.len() > SORTED {
        found.select_nth_unstable_by(SORTED, better);
        found.truncate(SORTED);
    }
    found.sort_unstable_by(better);
    found
}

/// How soon more of the same word stops counting, and how much a unit's length counts.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// As many of the best are put in order: what duplicates and cuts can take away before `k` are
/// left. Also the most that a search gives.
const SORTED: usize = 10_000;

#[cfg(test)]
mod tests;
