//! Order statistics of what was measured. Nothing measured is NaN, which reaches no target and
//! prints as a dash; it is never a zero that looks like a good figure.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a row of measurements comes to, in seconds (or whatever unit went in).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    #[serde(with = "nan")]
    pub(crate) min: f64,
    #[serde(with = "nan")]
    pub(crate) p50: f64,
    #[serde(with = "nan")]
    pub(crate) p95: f64,
    #[serde(with = "nan")]
    pub(crate) p99: f64,
    #[serde(with = "nan")]
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        Spread {
            count: values.len(),
            min: values.first().copied().unwrap_or(f64::NAN),
            p50: percentile(&values, 0.5),
            p95: percentile(&values, 0.95),
            p99: percentile(&values, 0.99),
            max: values.last().copied().unwrap_or(f64::NAN),
        }
    }

    pub(crate) fn of_spans(spans: &[Duration]) -> Spread {
        Spread::of(spans.iter().map(Duration::as_secs_f64).collect())
    }

    /// The median round's figures: each order statistic's own median, the extremes of all.
    pub(crate) fn over(rounds: &[Spread]) -> Spread {
        let each = |pick: fn(&Spread) -> f64| rounds.iter().map(pick).collect::<Vec<_>>();
        Spread {
            count: rounds.iter().map(|round| round.count).sum(),
            min: Spread::of(each(|round| round.min)).min,
            p50: median(each(|round| round.p50)),
            p95: median(each(|round| round.p95)),
            p99: median(each(|round| round.p99)),
            max: Spread::of(each(|round| round.max)).max,
        }
    }
}

pub(crate) fn median(values: Vec<f64>) -> f64 {
    Spread::of(values).p50
}

/// The smallest value that at least this share of the sorted values does not pass (nearest rank).
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    match sorted.len() {
        0 => f64::NAN,
        len => sorted[rank.clamp(1, len) - 1],
    }
}

/// JSON knows no NaN: it travels as null.
mod nan {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, out: S) -> Result<S::Ok, S::Error> {
        if value.is_nan() {
            out.serialize_none()
        } else {
            out.serialize_f64(*value)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 50.0);
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile(&values, 1.0), 100.0);
        assert_eq!(percentile(&values, 0.0), 1.0);
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
        let spread = Spread::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((spread.min, spread.p50, spread.max), (1.0, 2.0, 3.0));
    }

    #[test]
    fn nothing_measured_is_no_number() {
        let none = Spread::of(Vec::new());
        assert!(none.p50.is_nan() && none.max.is_nan());
        let text = serde_json::to_string(&none).unwrap();
        assert!(text.contains("null"), "{text}");
        let back: Spread = serde_json::from_str(&text).unwrap();
        assert!(back.p99.is_nan() && back.count == 0);
    }

    #[test]
    fn rounds_give_the_median_of_each_and_the_extremes_of_all() {
        let round = |values: &[f64]| Spread::of(values.to_vec());
        let rounds = [
            round(&[1.0, 2.0, 9.0]),
            round(&[2.0, 3.0, 4.0]),
            round(&[5.0, 6.0, 7.0]),
        ];
        let over = Spread::over(&rounds);
        assert_eq!((over.min, over.p50, over.max), (1.0, 3.0, 9.0));
        assert_eq!((over.p99, over.count), (7.0, 9));
    }
}
