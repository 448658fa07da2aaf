//! Ranked passages of a context for some words.
//!
//! BM25 (k1 1.2, b 0.75) over an index that is built once per style, in parallel, at the first
//! search, and kept on disk by content hash when a folder is given. The index is our own: of the
//! kept crates, `tantivy` brings a segment store with merge threads and some hundred dependencies,
//! numbers documents by how its threads ran, and would still leave the cutting, the heading paths,
//! the offsets and the table heads to us; `bm25` keeps hash maps of scores in memory, several times
//! the size of the text, without a form on disk. What is needed here is one immutable list of
//! postings: about 400 lines, 0.4 bytes per byte of text (300 MB of prose: 122 MB for 1.2 million
//! passages, 125 MB for 1.4 million sentences), 1.3 while it is built (see `examples/measure.rs`).
//!
//! The order is a function of text, words and options alone: scores are summed in the order of the
//! query's words, ties go to the earlier passage.

mod cache;
mod headings;
mod index;
mod rank;
mod tokens;
mod units;

use crate::context::Context;
use crate::kind::Kind;
use index::{Index, body, head, usize_of};
use rayon::prelude::*;
use std::sync::OnceLock;
use units::{Cut, Lines, Unit};

/// What a search ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Sentences of one line or paragraph, at most 300 characters: what a root reads itself.
    Sentences,
    /// Passages of about 300 characters under their headings: what a sub-call reads.
    #[default]
    Passages,
}

/// How to search. `new` gives what the small profile was measured with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchOptions {
    pub style: Style,
    /// At most this many passages.
    pub k: usize,
    /// Passages that score less than this share of the best are left out; 0 keeps all.
    pub relative_cut: f64,
    /// Of passages that read the same keep the first.
    pub dedup: bool,
}

impl SearchOptions {
    pub fn new(style: Style, k: usize) -> SearchOptions {
        let relative_cut = match style {
            Style::Sentences => 0.4,
            Style::Passages => 0.0,
        };
        SearchOptions {
            style,
            k,
            relative_cut,
            dedup: true,
        }
    }
}

/// One ranked stretch of the context.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// What it says, as it stands; a passage that starts inside a table begins with the table's
    /// first row, and a sentence that was wrapped is on one line.
    pub text: String,
    /// Where it stands: section (when there are several) and headings, `A > B > C`; may be empty.
    pub path: String,
    pub section: usize,
    /// Its place in the section, in characters.
    pub start: u64,
    pub chars: u64,
    /// The line of the section, from 1.
    pub line: u64,
    pub score: f64,
}

/// Where an index came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexOrigin {
    Built,
    /// Read from the cache folder.
    Loaded,
    /// The file in the cache folder was damaged: built anew and written again.
    Rebuilt {
        reason: String,
    },
}

/// How one style's index came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexReport {
    pub origin: IndexOrigin,
    pub units: u64,
    /// Bytes in memory.
    pub bytes: u64,
    /// Why it could not be kept in the cache folder; the search itself is not touched.
    pub cache_error: Option<String>,
}

/// The indexes of one context, each made at its first use.
#[derive(Default)]
pub(crate) struct SearchStore {
    sentences: OnceLock<(Index, IndexReport)>,
    passages: OnceLock<(Index, IndexReport)>,
}

impl SearchStore {
    pub(crate) fn search(
        &self,
        context: &Context,
        words: &str,
        options: &SearchOptions,
    ) -> Vec<Passage> {
        let slot = self.slot(options.style);
        let (index, _) = slot.get_or_init(|| open_index(context, options.style));
        let same = |unit: &Unit| body(context.text(), unit);
        rank::best(index, words, options, &same)
            .into_iter()
            .map(|(unit, score)| passage(context, index, &index.units[unit], score, options.style))
            .collect()
    }

    pub(crate) fn report(&self, style: Style) -> Option<&IndexReport> {
        self.slot(style).get().map(|(_, report)| report)
    }

    fn slot(&self, style: Style) -> &OnceLock<(Index, IndexReport)> {
        match style {
            Style::Sentences => &self.sentences,
            Style::Passages => &self.passages,
        }
    }
}

fn open_index(context: &Context, style: Style) -> (Index, IndexReport) {
    let report = |index: &Index, origin, cache_error| IndexReport {
        origin,
        units: index.units.len() as u64,
        bytes: index.bytes(),
        cache_error,
    };
    let options = context.options();
    let folder = options
        .index_cache_dir
        .as_ref()
        .filter(|_| context.len_bytes() >= cache::TEXT_BYTES_MIN);
    let Some(folder) = folder else {
        let index = build(context, style);
        let report = report(&index, IndexOrigin::Built, None);
        return (index, report);
    };
    let path = cache::path(folder, &context.hash(), style);
    let origin = match cache::load(&path, &context.hash(), style) {
        Ok(Some(index)) => {
            let report = report(&index, IndexOrigin::Loaded, None);
            return (index, report);
        }
        Ok(None) => IndexOrigin::Built,
        Err(reason) => IndexOrigin::Rebuilt { reason },
    };
    let index = build(context, style);
    let kept = cache::save(&path, &index, &context.hash(), style)
        .and_then(|()| cache::trim(folder, &path, options.index_cache_bytes));
    let report = report(&index, origin, kept.err().map(|error| error.to_string()));
    (index, report)
}

fn build(context: &Context, style: Style) -> Index {
    let text = context.text();
    let whole = context.card().kind;
    let cuts: Vec<Cut> = context
        .ranges()
        .par_iter()
        .enumerate()
        .map(|(i, range)| {
            let part = &text[range.clone()];
            let lines = match (whole, context.kind_of(i)) {
                (Kind::Rows(_), _) | (_, Kind::Rows(_) | Kind::Lines) => Lines::Apart,
                (_, Kind::Code) => Lines::Code,
                (_, Kind::Document | Kind::Prose | Kind::Empty) => Lines::Flowing,
            };
            match style {
                Style::Sentences => units::sentences(part, lines),
                Style::Passages => {
                    let name = &context.sections()[i].name;
                    let above = if context.is_multi() {
                        name.as_str()
                    } else {
                        ""
                    };
                    units::passages(part, lines, above)
                }
            }
        })
        .collect();
    let mut units = Vec::with_capacity(cuts.iter().map(|cut| cut.units.len()).sum());
    let mut paths = Vec::new();
    for (i, cut) in cuts.into_iter().enumerate() {
        let first_path = u32::try_from(paths.len()).unwrap_or(u32::MAX);
        let start = context.ranges()[i].start as u64;
        units.extend(cut.units.into_iter().map(|unit| Unit {
            start: unit.start + start,
            section: u32::try_from(i).unwrap_or(u32::MAX),
            path: unit.path + first_path,
            ..unit
        }));
        paths.extend(cut.paths);
    }
    Index::build(text, units, paths)
}

fn passage(context: &Context, index: &Index, unit: &Unit, score: f64, style: Style) -> Passage {
    let said = body(context.text(), unit);
    let text = match (style, head(context.text(), unit)) {
        (Style::Sentences, _) => said.split_whitespace().collect::<Vec<_>>().join(" "),
        (Style::Passages, "") => said.to_owned(),
        (Style::Passages, first_row) => format!("{first_row}\n{said}"),
    };
    let section = unit.section as usize;
    let start = usize_of(unit.start) - context.ranges()[section].start;
    let place = context.view(Some(section)).map(|view| {
        let first = view.char(start);
        (first, view.char(start + unit.len as usize) - first)
    });
    let (start, chars) = place.unwrap_or((0, 0));
    Passage {
        text,
        path: index
            .paths
            .get(unit.path as usize)
            .cloned()
            .unwrap_or_default(),
        section,
        start,
        chars,
        line: u64::from(unit.line),
        score,
    }
}

#[cfg(test)]
mod tests;
