//! Dates and times of log lines, brought into an order that compares as text. Pure.

use super::cell::is_date;

/// A time that starts at `start`: where it ends, and its normal form. `first` says that it is the
/// line's first token, where a clock time or a syslog date (no year) is a time as well.
pub(crate) fn time_at(line: &str, start: usize, first: bool) -> Option<(usize, String)> {
    let rest = &line[start..];
    let inner = rest.strip_prefix('[');
    let body = inner.unwrap_or(rest);
    if !body.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    let (used, time) = iso(body)
        .or_else(|| web(body))
        .or_else(|| first.then(|| syslog(body)).flatten())
        .or_else(|| first.then(|| clock_only(body)).flatten())?;
    let mut end = start + rest.len() - body.len() + used;
    if inner.is_some() {
        if line.as_bytes().get(end) != Some(&b']') {
            return None;
        }
        end += 1;
    }
    Some((end, time))
}

/// `2024-03-01T10:00:02.5Z`, with a blank for the T or slashes for the dashes.
fn iso(text: &str) -> Option<(usize, String)> {
    let bytes = text.as_bytes();
    let slashes = bytes.get(4) == Some(&b'/') && bytes.get(7) == Some(&b'/');
    let date = match slashes {
        true => text.get(..10)?.replace('/', "-"),
        false => text.get(..10)?.to_owned(),
    };
    if !is_date(date.as_bytes()) || !matches!(bytes.get(10)?, b'T' | b' ') {
        return None;
    }
    let clock = clock_len(&bytes[11..])?;
    // A zone or a fraction after a comma belongs to the time, a comma or colon at its end not.
    let rest = &text[11 + clock..];
    let tail = rest.find([' ', '\t', ']']).map_or(rest, |end| &rest[..end]);
    let tail = tail.trim_end_matches([':', ',']);
    let used = 11 + clock + tail.len();
    let skipped = text[used..]
        .find(|c| c != ':' && c != ',')
        .unwrap_or(text.len() - used);
    Some((
        used + skipped,
        format!("{date} {}{tail}", &text[11..11 + clock]),
    ))
}

/// `12/Mar/2024:10:15:32 +0000`
fn web(text: &str) -> Option<(usize, String)> {
    let bytes = text.as_bytes();
    let shape = bytes.len() > 12 && bytes[2] == b'/' && bytes[6] == b'/' && bytes[11] == b':';
    if !shape
        || !bytes[..2]
            .iter()
            .chain(&bytes[7..11])
            .all(u8::is_ascii_digit)
    {
        return None;
    }
    let month = month(text.get(3..6)?)?;
    let clock = clock_len(&bytes[12..])?;
    let mut used = 12 + clock;
    let zone = bytes.get(used..used + 6).unwrap_or(&[]);
    if zone.len() == 6 && zone[0] == b' ' && matches!(zone[1], b'+' | b'-') {
        used += 6;
    }
    let time = &text[12..12 + clock];
    Some((
        used,
        format!("{}-{month:02}-{} {time}", &text[7..11], &text[..2]),
    ))
}

/// `Mar 12 10:15:32` and `Mar  2 10:15:32`: no year, so it starts with the month.
fn syslog(text: &str) -> Option<(usize, String)> {
    let month = month(text.get(..3)?)?;
    let rest = text.get(3..)?.strip_prefix(' ')?.trim_start_matches(' ');
    let (day, clock) = rest.split_once(' ')?;
    let day: u8 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let len = clock_len(clock.as_bytes())?;
    let used = text.len() - clock.len() + len;
    Some((used, format!("{month:02}-{day:02} {}", &clock[..len])))
}

fn clock_only(text: &str) -> Option<(usize, String)> {
    let len = clock_len(text.as_bytes())?;
    let whole = matches!(text.as_bytes().get(len), None | Some(b' ' | b'\t' | b']'));
    (whole && len >= 8).then(|| (len, text[..len].to_owned()))
}

/// The length of `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fraction`.
pub(crate) fn clock_len(bytes: &[u8]) -> Option<usize> {
    let two = |at: usize| {
        let pair = bytes.get(at..at + 2)?;
        pair.iter().all(u8::is_ascii_digit).then_some(at + 2)
    };
    let colon = |at: usize| (bytes.get(at) == Some(&b':')).then_some(at + 1);
    let mut end = two(colon(two(0)?)?)?;
    if let Some(seconds) = colon(end).and_then(two) {
        end = seconds;
        let digits = |at: usize| {
            bytes[at..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count()
        };
        if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
    }
    Some(end)
}

fn month(text: &str) -> Option<usize> {
    MONTHS.iter().position(|m| *m == text).map(|i| i + 1)
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
