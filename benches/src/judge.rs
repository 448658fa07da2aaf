//! Lists of short texts, each of a hidden class: the count of a class is known without a model.
//! No text is drawn twice.

use std::collections::BTreeMap;

use crate::seed::Rng;
use crate::spec::JudgeSpec;

#[derive(Debug, thiserror::Error, PartialEq)]
pub(crate) enum JudgeError {
    #[error("class {class:?} has {texts} texts, {drawn} are to be drawn")]
    TooFew {
        class: String,
        texts: usize,
        drawn: usize,
    },
    #[error("there is no class {0:?}")]
    NoSuchClass(String),
}

/// The list's text, one item a line, and how many items each class has.
pub(crate) fn draw(
    spec: &JudgeSpec,
    seed: u64,
) -> Result<(String, BTreeMap<String, usize>), JudgeError> {
    let mut rng = Rng::named(seed, &spec.file);
    let mut lines: Vec<&str> = Vec::new();
    let mut counts = BTreeMap::new();
    for class in &spec.class {
        let drawn = rng.between(class.draw.0 as i64, class.draw.1 as i64) as usize;
        if drawn > class.texts.len() {
            let texts = class.texts.len();
            return Err(JudgeError::TooFew {
                class: class.name.clone(),
                texts,
                drawn,
            });
        }
        let mut texts: Vec<&str> = class.texts.iter().map(String::as_str).collect();
        rng.shuffle(&mut texts);
        lines.extend(&texts[..drawn]);
        counts.insert(class.name.clone(), drawn);
    }
    rng.shuffle(&mut lines);
    Ok((lines.join("\n") + "\n", counts))
}
