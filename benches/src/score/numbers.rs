//! Numbers in an answer. The answer has to give one number; those that the question has itself
//! (`status 503`, `between 08:00 and 09:30`) may be repeated, any other is a second opinion.

/// Digits that an `f64` keeps when it went through text.
const SAME: f64 = 1e-9;

const WORDS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

pub(super) fn fault(plain: &str, question: &str, value: f64, tolerance: f64) -> Option<String> {
    let close = |number: &f64| (number - value).abs() <= tolerance.max(0.0) + SAME;
    let asked = all(question);
    let mut said = all(plain);
    if said.is_empty() {
        said = spelled(plain);
    }
    if said.is_empty() {
        return Some("there is no number in it".to_owned());
    }
    if !said.iter().any(close) {
        return Some(format!("{} is not {value}", said[0]));
    }
    let other = said.iter().find(|number| {
        !close(number) && !asked.iter().any(|known| (known - **number).abs() <= SAME)
    });
    other.map(|number| format!("it says {number} as well"))
}

/// The numbers of a normalised text: not those inside names (`QX-17`, `v2`, `sha256`).
pub(super) fn all(plain: &str) -> Vec<f64> {
    let chars: Vec<char> = plain.chars().collect();
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if !chars[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while at < chars.len() && is_numeral(&chars, at) {
            at += 1;
        }
        let digits: String = chars[start..at].iter().collect();
        if let Ok(number) = digits.parse::<f64>()
            && !inside_name(&chars, start)
        {
            numbers.push(if is_negative(&chars, start) {
                -number
            } else {
                number
            });
        }
    }
    numbers
}

fn is_numeral(chars: &[char], at: usize) -> bool {
    let next_is_digit = chars.get(at + 1).is_some_and(char::is_ascii_digit);
    chars[at].is_ascii_digit() || (chars[at] == '.' && next_is_digit)
}

fn inside_name(chars: &[char], start: usize) -> bool {
    let before = start.checked_sub(1).map(|at| chars[at]);
    let beyond = start.checked_sub(2).map(|at| chars[at]);
    match before {
        Some('-') => beyond.is_some_and(|c| c.is_alphanumeric()),
        Some(c) => c.is_alphabetic() || c == '_',
        None => false,
    }
}

fn is_negative(chars: &[char], start: usize) -> bool {
    start >= 1 && chars[start - 1] == '-' && (start == 1 || !chars[start - 2].is_alphanumeric())
}

/// Number words, for answers without any digit.
fn spelled(plain: &str) -> Vec<f64> {
    plain
        .split(|c: char| !c.is_alphabetic())
        .filter_map(|word| WORDS.iter().position(|known| *known == word))
        .map(|number| number as f64)
        .collect()
}
