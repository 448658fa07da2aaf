//! Sentences of ours inside real text: each goes to the end of a prose paragraph, spread over the
//! whole text in a seeded order. Touches no code block, table, list or heading, so that a needle
//! reads like its surroundings.

use crate::seed::Rng;

/// Shortest paragraph, in bytes, that takes a sentence.
const MIN_PARAGRAPH: usize = 100;

/// The text cannot hold the sentences.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{paragraphs} prose paragraphs cannot take {sentences} sentences: give it more text")]
pub(crate) struct TooLittleProse {
    pub(crate) paragraphs: usize,
    pub(crate) sentences: usize,
}

/// Puts every sentence into the text, none at the very beginning or end.
pub(crate) fn hide(text: &str, say: &[String], rng: &mut Rng) -> Result<String, TooLittleProse> {
    let ends = paragraph_ends(text);
    let inner = ends
        .get(1..ends.len().saturating_sub(1))
        .unwrap_or_default();
    if inner.len() < say.len() * 2 {
        return Err(TooLittleProse {
            paragraphs: inner.len(),
            sentences: say.len(),
        });
    }
    let mut order: Vec<&String> = say.iter().collect();
    rng.shuffle(&mut order);
    let stripe = inner.len() / order.len().max(1);
    let mut places: Vec<(usize, &String)> = order
        .into_iter()
        .enumerate()
        .map(|(index, sentence)| {
            let within = rng.below(stripe as u64) as usize;
            (inner[index * stripe + within], sentence)
        })
        .collect();
    places.sort();
    let mut out = String::with_capacity(text.len() + say.iter().map(String::len).sum::<usize>());
    let mut done = 0;
    for (place, sentence) in places {
        out.push_str(&text[done..place]);
        out.push(' ');
        out.push_str(sentence);
        done = place;
    }
    out.push_str(&text[done..]);
    Ok(out)
}

/// Where the prose paragraphs end: after the full stop, before the line break.
fn paragraph_ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut fenced = false;
    let mut at = 0;
    for block in text.split_inclusive("\n\n") {
        let fences = block
            .lines()
            .filter(|line| line.trim_start().starts_with("```"))
            .count();
        let body = block.trim_end();
        let starts_as_prose = body.starts_with(|c: char| c.is_alphabetic());
        let is_prose = !fenced
            && fences == 0
            && starts_as_prose
            && body.len() >= MIN_PARAGRAPH
            && body.ends_with('.')
            && !body.contains('|');
        if is_prose {
            ends.push(at + body.len());
        }
        fenced ^= fences % 2 == 1;
        at += block.len();
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::hide;
    use crate::seed::Rng;

    fn page(paragraphs: usize) -> String {
        let prose =
            "A long enough paragraph of plain words that ends as sentences do, with a stop.";
        let one = format!("# Heading\n\n{prose} {prose}\n\n```\nlet code = 1;\n\nmore();\n```\n\n");
        one.repeat(paragraphs)
    }

    #[test]
    fn each_sentence_is_in_the_text_once_and_code_stays_whole() {
        let say = vec![
            "The gate is green.".to_owned(),
            "The key is under the mat.".to_owned(),
        ];
        let out = hide(&page(12), &say, &mut Rng::named(1, "x")).unwrap();
        for sentence in &say {
            assert_eq!(out.matches(sentence.as_str()).count(), 1);
        }
        assert_eq!(
            out.matches("```\nlet code = 1;\n\nmore();\n```").count(),
            12
        );
        assert_eq!(out, hide(&page(12), &say, &mut Rng::named(1, "x")).unwrap());
    }

    #[test]
    fn too_little_text_is_said() {
        let say = vec!["One.".to_owned(), "Two.".to_owned()];
        let fault = hide(&page(3), &say, &mut Rng::named(1, "x")).unwrap_err();
        assert_eq!((fault.paragraphs, fault.sentences), (1, 2));
        assert!(hide("", &say, &mut Rng::named(1, "x")).is_err());
    }
}
