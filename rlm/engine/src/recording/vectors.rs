//! Embeddings as a recording has them. JSON has no NaN and no infinity: serde would write `null`,
//! which reads back as no number, and one such line makes a recording unusable. They stand here as
//! words.

use crate::api::EngineError;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

type Embedded = Result<Vec<Vec<f32>>, EngineError>;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f32),
    /// `NaN`, `inf` or `-inf`.
    Word(String),
}

pub(super) fn serialize<S: Serializer>(
    answer: &Embedded,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let written = answer.as_ref().map(|vectors| {
        let rows = vectors.iter();
        let rows = rows.map(|row| row.iter().copied().map(Number::of).collect());
        rows.collect::<Vec<Vec<Number>>>()
    });
    written.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Embedded, D::Error> {
    let rows = match Result::<Vec<Vec<Number>>, EngineError>::deserialize(deserializer)? {
        Ok(rows) => rows.into_iter(),
        Err(error) => return Ok(Err(error)),
    };
    let rows = rows.map(|row| row.into_iter().map(Number::value).collect());
    let vectors: Result<Vec<Vec<f32>>, String> = rows.collect();
    vectors.map(Ok).map_err(D::Error::custom)
}

impl Number {
    fn of(value: f32) -> Number {
        if value.is_finite() {
            Number::Finite(value)
        } else {
            Number::Word(value.to_string())
        }
    }

    fn value(self) -> Result<f32, String> {
        match self {
            Number::Finite(value) => Ok(value),
            Number::Word(word) => word.parse().map_err(|_| format!("`{word}` is no number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Line, Question, RECORDING_VERSION, read};

    #[test]
    fn numbers_that_json_does_not_have_are_read_back() {
        let question = Question::Embed {
            texts: vec!["a".to_owned()],
        };
        let strange = vec![0.6, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let line = Line {
            v: RECORDING_VERSION,
            hash: question.hash(),
            question,
            answer: Answer::Embed(Ok(vec![strange])),
        };
        let written = line.written().unwrap();
        let numbers = r#"{"embed":{"Ok":[[0.6,"NaN","inf","-inf"]]}}"#;
        assert!(written.contains(numbers), "{written}");
        let again = read("calls.jsonl", written.as_bytes()).unwrap();
        // NaN equals nothing, itself included.
        assert_eq!(format!("{again:?}"), format!("{:?}", [line]));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for wrong in ["null", "\"far\"", "[]"] {
            let text = format!("{{\"embed\":{{\"Ok\":[[{wrong}]]}}}}");
            assert!(serde_json::from_str::<Answer>(&text).is_err(), "{text}");
        }
    }
}
