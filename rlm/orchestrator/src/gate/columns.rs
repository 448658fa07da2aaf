//! What small roots do with a table's numbers: they count rows where a column was to be compared or
//! added up. Reads the card (`column: values`), the question and the code of the block; pure.

use super::{stem, words};

/// A column of numbers that the code took for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistaken<'a> {
    /// Its values are counted, and the question asks for the row that has its highest or lowest.
    Counted(&'a str),
    /// The question names it; the code counts rows by another column and does not look at it.
    Unused(&'a str, &'a str),
    /// The question asks for an average; the code, which names it, counts rows by another column.
    Unaveraged(&'a str, &'a str),
}

pub(crate) fn mistaken_column<'a>(
    card: &'a str,
    question: &str,
    code: &'a str,
) -> Option<Mistaken<'a>> {
    let asked: Vec<String> = words(question).map(str::to_lowercase).collect();
    let extreme = asked.iter().any(|word| EXTREMES.contains(&word.as_str()));
    let numbers = || number_columns(card);
    let counted = counted_by(code).filter(|by| extreme && numbers().any(|key| key == *by));
    let unused = || {
        numbers().find(|key| {
            let named = parts(key).any(|part| asked.iter().any(|word| stem(word) == stem(&part)));
            named && !code.contains(key)
        })
    };
    let averaged = code.contains("mean") || code.contains("median") || code.contains('/');
    let average = asked.iter().any(|word| AVERAGES.contains(&word.as_str()));
    let meant = || numbers().find(|key| code.contains(&format!("[\"{key}\"]")));
    let unaveraged = || (average && !averaged).then(meant).flatten();
    counted
        .map(Mistaken::Counted)
        .or_else(|| Some(Mistaken::Unaveraged(unaveraged()?, counted_by(code)?)))
        .or_else(|| Some(Mistaken::Unused(unused()?, counted_by(code)?)))
}

/// The column whose values a block counts.
fn counted_by(code: &str) -> Option<&str> {
    let (_, rest) = code.split_once("Counter(r[")?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (key, rest) = rest.get(1..)?.split_once(quote)?;
    rest.starts_with("] for").then_some(key)
}

/// The words of a column's name that say something.
fn parts(key: &str) -> impl Iterator<Item = String> + '_ {
    key.split(|c: char| !c.is_alphanumeric())
        .filter(|part| part.chars().count() >= PART_CHARS)
        .map(str::to_lowercase)
}

/// Columns whose card says `number a..b`, or shows a number among samples of many values.
fn number_columns(card: &str) -> impl Iterator<Item = &str> {
    let is_number = |sample: &str| sample.trim().parse::<f64>().is_ok();
    card.lines().filter_map(move |line| {
        let (key, values) = line.split_once(": ")?;
        let sampled = values.split_once("such as ").map(|(_, samples)| samples);
        let number = values.starts_with("number ")
            || sampled.is_some_and(|samples| samples.split(", ").any(is_number));
        number.then_some(key)
    })
}

/// Shorter parts of names are units and prefixes: `id`, `mm`, `eur`.
const PART_CHARS: usize = 4;

/// `most` is not among them: most often is a matter of counting.
const EXTREMES: [&str; 20] = [
    "highest", "lowest", "largest", "smallest", "greatest", "biggest", "longest", "shortest",
    "deepest", "heaviest", "lightest", "hottest", "warmest", "coldest", "fastest", "slowest",
    "cheapest", "oldest", "maximum", "minimum",
];

const AVERAGES: [&str; 3] = ["average", "mean", "averaged"];

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "context: 900 lines.\nrows: list of 900 dicts with the keys\n\
        mechanic: 9 values such as 'Ana', 'Ole'\nroom: 'G1', 'G2'\nlabour_min: 147 values such \
        as '', 52\nco2_ppm: number 582..3940\nport: number 1..900";

    #[test]
    fn numbers_that_are_counted_are_mistaken() {
        let co2 = "In which room was the highest CO2 value?";
        let labour = "Which mechanic has put in the most labour time in total?";
        let often = "Which port was asked for most often?";
        let counted = "c = Counter(r[\"co2_ppm\"] for r in rows)\nFINAL(max(c, key=c.get))";
        let rows = "c = Counter(r['mechanic'] for r in rows)\nFINAL(c.most_common(3))";
        let summed = "d = Counter()\nfor r in rows:\n    d[r['mechanic']] += r['labour_min']";
        let row = "m = max(rows, key=lambda r: r['co2_ppm'])\nFINAL(m['room'])";
        let ports = "c = Counter(r['port'] for r in rows)\nFINAL(c.most_common(1))";
        for (question, code, expected) in [
            (co2, counted, Some(Mistaken::Counted("co2_ppm"))),
            (co2, row, None),
            (
                labour,
                rows,
                Some(Mistaken::Unused("labour_min", "mechanic")),
            ),
            (labour, summed, None),
            (often, ports, None),
            (
                "Which room has the worst air on average?",
                "c = Counter(r[\"room\"] for r in rows if r[\"co2_ppm\"] > 900)",
                Some(Mistaken::Unaveraged("co2_ppm", "room")),
            ),
            ("Which mechanic has the most rows?", rows, None),
        ] {
            assert_eq!(
                mistaken_column(CARD, question, code),
                expected,
                "{question}"
            );
        }
    }
}
