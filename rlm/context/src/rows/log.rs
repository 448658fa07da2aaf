//! Fields of one log line: positional, key=value, web access and syslog forms.
//!
//! A quoted, bracketed or parenthesised part is one token and loses its wrapping; a date and time
//! becomes `time` in an order that compares as text; other tokens are `f0`, `f1` … by position,
//! `key=value` keeps its key. Pure: gives fields to a visitor, keeps nothing.

use super::cell::Cell;
use super::time::time_at;
use super::{Field, Key};
use std::borrow::Cow;

/// Gives each field of a positional or key=value line.
pub(crate) fn fields<'a>(line: &'a str, visit: &mut dyn FnMut(Field<'a>)) {
    let mut at = 0;
    let mut timed = false;
    let mut position = 0;
    while let Some(start) = next_token(line, at) {
        if !timed && let Some((end, time)) = time_at(line, start, position == 0) {
            timed = true;
            visit((Key::Name("time"), Cell::Text(Cow::Owned(time))));
            at = end;
        } else {
            let end = token_end(line, start);
            visit(token_field(&line[start..end], position));
            at = end;
        }
        position += 1;
    }
}

/// Where the fields of a positional line begin, by position; a date and its time are one.
pub(crate) fn tokens(line: &str) -> Vec<usize> {
    let (mut at, mut timed, mut starts) = (0, false, Vec::new());
    while let Some(start) = next_token(line, at) {
        at = match time_at(line, start, starts.is_empty()).filter(|_| !timed) {
            Some((end, _)) => {
                timed = true;
                end
            }
            None => token_end(line, start),
        };
        starts.push(start);
    }
    starts
}

fn token_field(token: &str, position: usize) -> Field<'_> {
    match key_value(token) {
        Some((key, value)) => (Key::Name(key), Cell::from_text(unwrap_token(value))),
        None => (
            Key::Position(position),
            Cell::from_text(unwrap_token(token)),
        ),
    }
}

pub(crate) fn key_value(token: &str) -> Option<(&str, &str)> {
    let (key, value) = token.split_once('=')?;
    let mut bytes = key.bytes();
    let first = bytes.next()?;
    let named = (first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    named.then_some((key, value))
}

fn next_token(line: &str, at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    Some(at + rest.find(|c: char| !c.is_whitespace())?)
}

fn token_end(line: &str, start: usize) -> usize {
    let bytes = line.as_bytes();
    let close = match bytes[start] {
        b'"' => b'"',
        b'[' => b']',
        b'(' => b')',
        b'<' => b'>',
        _ => return plain_end(line, start),
    };
    match memchr::memchr(close, &bytes[start + 1..]) {
        Some(i) => start + i + 2,
        None => plain_end(line, start),
    }
}

/// To the next blank; `key="a b"` stays together.
fn plain_end(line: &str, start: usize) -> usize {
    let bytes = line.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b' ' | b'\t'..=b'\r' => return at,
            b'=' if bytes.get(at + 1) == Some(&b'"') => match closing_quote(bytes, at + 2) {
                Some(end) => at = end,
                None => at += 1,
            },
            byte if byte >= 0x80 => {
                let c = line[at..].chars().next().unwrap_or(' ');
                if c.is_whitespace() {
                    return at;
                }
                at += c.len_utf8();
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn closing_quote(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let quote = at + memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[quote] == b'"' {
            return Some(quote + 1);
        }
        at = quote + 2;
    }
}

fn unwrap_token(token: &str) -> &str {
    let bytes = token.as_bytes();
    if bytes.len() > 1
        && matches!(
            (bytes[0], bytes[bytes.len() - 1]),
            (b'"', b'"') | (b'[', b']') | (b'(', b')') | (b'<', b'>')
        )
    {
        return &token[1..token.len() - 1];
    }
    let bare = token.trim_end_matches([':', ',']);
    if bare.is_empty() { token } else { bare }
}

/// The common and combined web access formats; false when the line is not of them.
pub(crate) fn web_fields<'a>(line: &'a str, visit: &mut dyn FnMut(Field<'a>)) -> bool {
    let Some(web) = web_parts(line) else {
        return false;
    };
    let mut text = |key, value: &'a str| visit((Key::Name(key), Cell::from_text(value)));
    text("host", web.host);
    text("user", web.user);
    let mut request = web.request.split(' ');
    text("method", request.next().unwrap_or(""));
    text("path", request.next().unwrap_or(""));
    text("status", web.status);
    text("bytes", if web.bytes == "-" { "0" } else { web.bytes });
    if let Some((referer, agent)) = web.tail {
        text("referer", referer);
        text("agent", agent);
    }
    visit((Key::Name("time"), Cell::Text(Cow::Owned(web.time))));
    true
}

struct Web<'a> {
    host: &'a str,
    user: &'a str,
    time: String,
    request: &'a str,
    status: &'a str,
    bytes: &'a str,
    tail: Option<(&'a str, &'a str)>,
}

fn web_parts(line: &str) -> Option<Web<'_>> {
    let (head, rest) = line.split_once(" [")?;
    let mut head = head.split(' ');
    let (host, _, user) = (head.next()?, head.next()?, head.next()?);
    let (_, time) = time_at(line, line.len() - rest.len() - 1, false)?;
    let (_, rest) = rest.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let (status, rest) = rest.split_once(' ')?;
    let (bytes, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    if head.next().is_some() || status.len() != 3 || !status.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let tail = rest
        .strip_prefix('"')
        .and_then(|rest| rest.split_once("\" \""))
        .map(|(referer, agent)| (referer, agent.split('"').next().unwrap_or(agent)));
    Some(Web {
        host,
        user,
        time,
        request,
        status,
        bytes,
        tail,
    })
}

/// `TIME HOST PROCESS[PID]: MESSAGE`; false when the line is not of that form.
pub(crate) fn syslog_fields<'a>(line: &'a str, visit: &mut dyn FnMut(Field<'a>)) -> bool {
    let Some((time, host, process, pid, message)) = syslog_parts(line) else {
        return false;
    };
    visit((Key::Name("time"), Cell::Text(Cow::Owned(time))));
    visit((Key::Name("host"), Cell::Text(Cow::Borrowed(host))));
    visit((Key::Name("process"), Cell::Text(Cow::Borrowed(process))));
    if let Some(pid) = pid {
        visit((Key::Name("pid"), Cell::from_text(pid)));
    }
    visit((Key::Name("message"), Cell::Text(Cow::Borrowed(message))));
    true
}

type Syslog<'a> = (String, &'a str, &'a str, Option<&'a str>, &'a str);

fn syslog_parts(line: &str) -> Option<Syslog<'_>> {
    let (end, time) = time_at(line, 0, true)?;
    let rest = line.get(end..)?.strip_prefix(' ')?;
    let (host, rest) = rest.split_once(' ')?;
    let (tag, message) = rest
        .split_once(": ")
        .or_else(|| Some((rest.strip_suffix(':')?, "")))?;
    if tag.contains(' ') || tag.is_empty() || host.contains(['=', ':', '[']) {
        return None;
    }
    let (process, pid) = match tag.split_once('[') {
        Some((process, pid)) => (process, Some(pid.strip_suffix(']')?)),
        None => (tag, None),
    };
    Some((time, host, process, pid, message))
}

#[cfg(test)]
mod tests;
