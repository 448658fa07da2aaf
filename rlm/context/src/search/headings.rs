//! Headings of documents and the path of them that stands above a line. Pure.
//!
//! Known: `# Markdown`, `== AsciiDoc`, a line underlined with `===` or `---`, and, in a text that
//! has none of these so far, a short line alone between blank lines that is numbered or in
//! capitals, and the capitals at the left of a manual page.

/// Follows the headings of one section, line by line.
pub(crate) struct Headings<'a> {
    above: &'a str,
    on: bool,
    path: Vec<(usize, String)>,
    fenced: bool,
    /// A marked heading was seen: bare numbered lines are then list items.
    marked: bool,
    /// `#` begins a comment here.
    comments: bool,
}

/// A heading and what now stands above the lines that follow.
pub(crate) struct Found {
    pub(crate) path: String,
    /// The next line only underlines it.
    pub(crate) underlined: bool,
}

impl<'a> Headings<'a> {
    /// Of a section of `text`; `above` (the section's name, perhaps empty) is the start of every
    /// path.
    pub(crate) fn new(text: &str, above: &'a str, on: bool) -> Headings<'a> {
        Headings {
            above,
            on,
            comments: on && has_comments(text),
            path: Vec::new(),
            fenced: false,
            marked: false,
        }
    }

    /// Looks at a line, given the text that follows it.
    pub(crate) fn see(&mut self, line: &str, rest: &str, after_blank: bool) -> Option<Found> {
        let line = line.trim_end();
        if line.starts_with("```") || line.starts_with("~~~") {
            self.fenced = !self.fenced;
            return None;
        }
        if !self.on || self.fenced || line.len() > HEADING_BYTES {
            return None;
        }
        let next = rest.split('\n').next().unwrap_or("").trim_end();
        let marked = marked(line).filter(|_| !(self.comments && line.starts_with('#')));
        let (level, title, underlined) = match marked {
            Some((level, title)) => (level, title, false),
            None => match underlined(line, next, after_blank) {
                Some(level) => (level, line.trim(), true),
                None if !self.marked && after_blank => (bare(line, next)?, line.trim(), false),
                None => return None,
            },
        };
        self.marked |= underlined || marked.is_some();
        self.path.retain(|(above, _)| *above < level);
        self.path.push((level, title.to_owned()));
        Some(Found {
            path: self.joined(),
            underlined,
        })
    }

    fn joined(&self) -> String {
        let titles = self.path.iter().map(|(_, title)| title.as_str());
        let above = (!self.above.is_empty()).then_some(self.above);
        above
            .into_iter()
            .chain(titles)
            .collect::<Vec<_>>()
            .join(" > ")
    }
}

/// Whether `#` begins comments: most lines that it begins stand together, as headings of one level
/// never do. Such texts are tables of time zones, configuration, scripts.
fn has_comments(text: &str) -> bool {
    let (mut all, mut together, mut run, mut level) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut fenced = false;
    for line in text.lines().chain([""]) {
        fenced ^= line.starts_with("```") || line.starts_with("~~~");
        let signs = if fenced {
            0
        } else {
            line.bytes().take_while(|byte| *byte == b'#').count()
        };
        if signs == level {
            run += usize::from(signs > 0);
            continue;
        }
        all += run;
        together += if run > 1 { run } else { 0 };
        (run, level) = (usize::from(signs > 0), signs);
    }
    together >= COMMENTS_MIN && together * 2 > all
}

/// `## Title ##` or `== Title`: its level and title.
fn marked(line: &str) -> Option<(usize, &str)> {
    let sign = line.chars().next().filter(|c| matches!(c, '#' | '='))?;
    let level = line.chars().take_while(|c| *c == sign).count();
    let title = line[level..].strip_prefix(' ')?.trim();
    let title = title.trim_end_matches(sign).trim_end();
    (level <= 6 && !title.is_empty()).then_some((level, title))
}

fn underlined(line: &str, next: &str, after_blank: bool) -> Option<usize> {
    let title = line.trim();
    let words = !title.is_empty() && !title.starts_with(['|', '-', '>', '*', '+', '=']);
    if !words || !after_blank || !crate::kind::is_underline(next) {
        return None;
    }
    Some(if next.starts_with('=') { 1 } else { 2 })
}

/// A numbered line or one in capitals, short, that ends no sentence of words. A blank line follows,
/// or, as in manual pages, capitals stand further left than what follows.
fn bare(line: &str, next: &str) -> Option<usize> {
    let title = line.trim();
    if title.len() > BARE_BYTES || title.is_empty() {
        return None;
    }
    let letters = title.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = letters >= 4 && !title.chars().any(char::is_lowercase);
    let indent = line.len() - line.trim_start().len();
    let hangs = indent == 0 && next.starts_with([' ', '\t']);
    if capitals && (next.is_empty() || hangs) {
        return Some(1);
    }
    if !next.is_empty() || indent > NUMBERED_INDENT {
        return None;
    }
    let (number, words) = title.split_once(' ')?;
    let number = number.trim_end_matches(['.', ')', ':']);
    let parts: Vec<&str> = number.split('.').collect();
    let numbered = parts.iter().all(|part| {
        !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit())
    });
    let chapter = matches!(
        number,
        "Chapter" | "CHAPTER" | "Section" | "Article" | "Part"
    );
    let titled = words.trim_start().starts_with(char::is_uppercase);
    if chapter {
        return Some(1);
    }
    (numbered && titled).then_some(parts.len() + 1)
}

/// Fewer lines together may be headings that nothing stands under yet.
const COMMENTS_MIN: usize = 6;
/// No heading is longer.
const HEADING_BYTES: usize = 200;
const BARE_BYTES: usize = 70;
/// A numbered line that stands further in is an item of a list.
const NUMBERED_INDENT: usize = 4;

#[cfg(test)]
mod tests;
