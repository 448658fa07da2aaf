//! Reads sources into one buffer of named parts. The only file of this crate that touches the
//! user's files.
//!
//! The length at open is the context: what a file gains while it is read is left out, what it loses
//! or a change in place is a named error (size and modification time are compared after the read).
//! A character that this length cuts is left out, too (`docs/errors.md`).

use crate::source::{OpenError, OpenOptions, Skipped, Source};
use crate::store::{BadByte, Spool, Text, into_text};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Everything that was read: one text, in which each part lies as it was in its source. Parts that
/// do not end a line are followed by one newline that belongs to none.
pub(crate) struct Gathered {
    pub(crate) text: Text,
    pub(crate) parts: Vec<(String, Range<usize>)>,
    /// Folders or several sources: the parts have names that matter.
    pub(crate) multi: bool,
    pub(crate) skipped: Skipped,
}

pub(crate) fn gather(sources: &[Source], options: &OpenOptions) -> Result<Gathered, OpenError> {
    let mut gather = Gather {
        options,
        spool: Spool::new(options.memory_bytes, options.scratch_dir.clone()),
        parts: Vec::new(),
        skipped: Skipped::default(),
        folder: false,
        newline_due: false,
    };
    for source in sources {
        gather.source(source, sources.len() > 1)?;
    }
    gather.finish()
}

struct Gather<'a> {
    options: &'a OpenOptions,
    spool: Spool,
    parts: Vec<(String, Range<usize>)>,
    skipped: Skipped,
    folder: bool,
    /// The last part did not end its line.
    newline_due: bool,
}

/// Why one file is no text.
enum NotText {
    Empty,
    Binary(u64),
    NotUtf8(u64, &'static str),
    HalfCharacter(u64),
}

impl Gather<'_> {
    fn source(&mut self, source: &Source, several: bool) -> Result<(), OpenError> {
        match source {
            Source::Path(path) => self.path(path, several),
            Source::Stdin => {
                let bytes = self.drain(io::stdin().lock(), "standard input", Path::new("-"))?;
                self.owned("standard input", bytes)
            }
            Source::Bytes { name, bytes } => self.owned(name, bytes.clone()),
            Source::Text { name, text } => self.owned(name, text.clone().into_bytes()),
        }
    }

    fn path(&mut self, path: &Path, several: bool) -> Result<(), OpenError> {
        let meta = std::fs::metadata(path).map_err(|error| io_error(path, &error))?;
        if meta.is_dir() {
            return self.walk(path, several);
        }
        let name = match path.file_name() {
            Some(name) if !several => name.to_string_lossy().into_owned(),
            Some(_) | None => path.display().to_string(),
        };
        self.file(path, &name)?
            .map_or(Ok(()), |fault| Err(fault.into_error(name)))
    }

    /// Every text file below `root`, in the order of its path.
    fn walk(&mut self, root: &Path, several: bool) -> Result<(), OpenError> {
        self.folder = true;
        let before = self.parts.len();
        let mut files = 0;
        for found in walker(root, self.options)? {
            let Ok(found) = found else {
                self.skipped.unreadable += 1;
                continue;
            };
            if !found.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            files += 1;
            if files > self.options.max_files {
                return Err(OpenError::TooManyFiles {
                    path: root.into(),
                    limit: self.options.max_files,
                });
            }
            let name = section_name(root, found.path(), several);
            match self.file(found.path(), &name) {
                Ok(None) => {}
                Ok(Some(NotText::Empty)) => self.skipped.empty += 1,
                Ok(Some(NotText::Binary(_))) => self.skipped.binary += 1,
                Ok(Some(NotText::NotUtf8(..) | NotText::HalfCharacter(_))) => {
                    self.skipped.not_utf8 += 1;
                }
                Err(OpenError::Unreadable { .. } | OpenError::Missing { .. }) => {
                    self.skipped.unreadable += 1;
                }
                Err(error) => return Err(error),
            }
        }
        if self.parts.len() == before {
            return Err(OpenError::NoText {
                path: root.into(),
                skipped: self.skipped,
            });
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &str) -> Result<Option<NotText>, OpenError> {
        let mut file = File::open(path).map_err(|error| io_error(path, &error))?;
        let meta = file.metadata().map_err(|error| io_error(path, &error))?;
        if !meta.is_file() || meta.len() == 0 {
            // Pipes and the kernel's files do not know their length.
            let bytes = self.drain(&mut file, name, path)?;
            return self.bytes(name, bytes);
        }
        self.room(name, meta.len())?;
        if meta.len() <= self.options.whole_bytes {
            let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
            (&file)
                .take(meta.len())
                .read_to_end(&mut bytes)
                .map_err(|error| io_error(path, &error))?;
            check_unchanged(path, &file, &meta, bytes.len() as u64)?;
            return self.bytes(name, bytes);
        }
        self.large_file(path, name, &file)
    }

    /// Copies without looking at more than the head; the copy is checked, and forgotten when it is
    /// no text.
    fn large_file(
        &mut self,
        path: &Path,
        name: &str,
        file: &File,
    ) -> Result<Option<NotText>, OpenError> {
        let meta = file.metadata().map_err(|error| io_error(path, &error))?;
        let mut head = vec![0; HEAD_BYTES];
        let got = file
            .read_at(&mut head, 0)
            .map_err(|error| io_error(path, &error))?;
        if let Some(fault) = look_at_head(&head[..got]) {
            return Ok(Some(fault));
        }
        let bom = bom_bytes(&head[..got]);
        (&mut &*file)
            .take(bom as u64)
            .read_to_end(&mut Vec::new())
            .map_err(|error| io_error(path, &error))?;
        let scratch = |error: io::Error| scratch_error(name, &error);
        let before = (self.spool.mark(), self.newline_due);
        let start = self.start_part(name)?;
        let wanted = meta.len().saturating_sub(bom as u64);
        let copied = self.spool.append_file(file, wanted).map_err(scratch)?;
        let unchanged = check_unchanged(path, file, &meta, bom as u64 + copied.read);
        if unchanged.is_ok() && copied.fault.is_none() {
            self.newline_due = !self.spool.ends_line().map_err(scratch)?;
            self.end_part(name, start);
            return Ok(None);
        }
        self.spool.back_to(before.0).map_err(scratch)?;
        self.newline_due = before.1;
        unchanged?;
        Ok(copied.fault.map(|fault| NotText::of(&fault, bom)))
    }

    fn owned(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), OpenError> {
        self.room(name, bytes.len() as u64)?;
        self.bytes(name, bytes)?
            .map_or(Ok(()), |fault| Err(fault.into_error(name.to_owned())))
    }

    fn bytes(&mut self, name: &str, mut bytes: Vec<u8>) -> Result<Option<NotText>, OpenError> {
        if bytes.is_empty() {
            return Ok(Some(NotText::Empty));
        }
        if let Some(fault) = look_at_head(&bytes[..bytes.len().min(HEAD_BYTES)]) {
            return Ok(Some(fault));
        }
        let bom = bom_bytes(&bytes);
        if bom > 0 {
            bytes.drain(..bom);
        }
        let text = match into_text(bytes) {
            Ok(text) => text,
            Err(fault) => return Ok(Some(NotText::of(&fault, bom))),
        };
        let start = self.start_part(name)?;
        self.newline_due = !text.ends_with('\n');
        self.spool
            .append_owned(text)
            .map_err(|error| scratch_error(name, &error))?;
        self.end_part(name, start);
        Ok(None)
    }

    fn start_part(&mut self, name: &str) -> Result<usize, OpenError> {
        if std::mem::take(&mut self.newline_due) && self.spool.len() > 0 {
            self.spool
                .append("\n")
                .map_err(|error| scratch_error(name, &error))?;
        }
        Ok(usize::try_from(self.spool.len()).unwrap_or(usize::MAX))
    }

    fn end_part(&mut self, name: &str, start: usize) {
        let end = usize::try_from(self.spool.len()).unwrap_or(usize::MAX);
        self.parts.push((name.to_owned(), start..end));
    }

    fn room(&self, name: &str, more: u64) -> Result<(), OpenError> {
        let bytes = self.spool.len().saturating_add(more);
        if bytes > self.options.max_bytes {
            return Err(OpenError::TooLarge {
                name: name.to_owned(),
                bytes,
                limit: self.options.max_bytes,
            });
        }
        Ok(())
    }

    /// A stream without a length, to its end or one byte past the limit.
    fn drain(&self, stream: impl Read, name: &str, path: &Path) -> Result<Vec<u8>, OpenError> {
        let room = self.options.max_bytes.saturating_sub(self.spool.len());
        let mut bytes = Vec::new();
        stream
            .take(room.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| io_error(path, &error))?;
        self.room(name, bytes.len() as u64)?;
        Ok(bytes)
    }

    fn finish(self) -> Result<Gathered, OpenError> {
        let Some((first, _)) = self.parts.first() else {
            return Err(OpenError::NoSource);
        };
        let text = self
            .spool
            .finish()
            .map_err(|error| scratch_error(first, &error))?;
        Ok(Gathered {
            text,
            multi: self.folder || self.parts.len() > 1,
            parts: self.parts,
            skipped: self.skipped,
        })
    }
}

impl NotText {
    /// What is wrong behind the first `skipped` bytes.
    fn of(fault: &BadByte, skipped: usize) -> NotText {
        let offset = (skipped + fault.at) as u64;
        if fault.cut {
            NotText::HalfCharacter(offset)
        } else {
            NotText::NotUtf8(offset, "LATIN1")
        }
    }

    fn into_error(self, name: String) -> OpenError {
        match self {
            NotText::Empty => OpenError::Empty { name },
            NotText::Binary(offset) => OpenError::Binary { name, offset },
            NotText::NotUtf8(offset, from) => OpenError::NotUtf8 { name, offset, from },
            NotText::HalfCharacter(offset) => OpenError::HalfCharacter { name, offset },
        }
    }
}

fn walker(root: &Path, options: &OpenOptions) -> Result<ignore::Walk, OpenError> {
    let patterns = patterns(&options.ignore)?;
    let folder = root.to_owned();
    let wanted = move |found: &ignore::DirEntry| {
        let inside = found.path().strip_prefix(&folder).unwrap_or(found.path());
        let is_dir = found.file_type().is_some_and(|kind| kind.is_dir());
        found.depth() == 0 || !patterns.matched(inside, is_dir).is_ignore()
    };
    let walk = ignore::WalkBuilder::new(root)
        .standard_filters(options.respect_ignore)
        .filter_entry(wanted)
        // A folder that was unpacked rather than cloned has its ignore rules all the same, and
        // what one user set for all repositories must not change a context's hash.
        .require_git(false)
        .git_global(false)
        .follow_links(false)
        .sort_by_file_path(Path::cmp)
        .build();
    Ok(walk)
}

fn patterns(lines: &[String]) -> Result<ignore::gitignore::Gitignore, OpenError> {
    let fault = |pattern: &str, error: &ignore::Error| OpenError::Pattern {
        pattern: pattern.to_owned(),
        reason: error.to_string(),
    };
    let mut builder = ignore::gitignore::GitignoreBuilder::new("");
    for line in lines {
        builder
            .add_line(None, line)
            .map_err(|error| fault(line, &error))?;
    }
    builder
        .build()
        .map_err(|error| fault(&lines.join("`, `"), &error))
}

fn section_name(root: &Path, path: &Path, several: bool) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    let name: PathBuf = match root.file_name() {
        Some(folder) if several => Path::new(folder).join(inside),
        Some(_) | None => inside.to_owned(),
    };
    name.to_string_lossy().into_owned()
}

/// Compares the file with what it was at open, after `got` bytes were read.
pub(crate) fn check_unchanged(
    path: &Path,
    file: &File,
    before: &std::fs::Metadata,
    got: u64,
) -> Result<(), OpenError> {
    let now = file.metadata().map_err(|error| io_error(path, &error))?;
    let found = got.min(now.len());
    if found < before.len() {
        return Err(OpenError::Shrank {
            path: path.into(),
            expected: before.len(),
            found,
        });
    }
    let grew = now.len() > before.len();
    if !grew && now.modified().ok() != before.modified().ok() {
        return Err(OpenError::Changed { path: path.into() });
    }
    Ok(())
}

fn look_at_head(head: &[u8]) -> Option<NotText> {
    if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
        return Some(NotText::NotUtf8(0, "UTF-16"));
    }
    let offset = memchr::memchr(0, head)? as u64;
    Some(NotText::Binary(offset))
}

/// The mark that some editors put before UTF-8; it is no part of the text.
fn bom_bytes(head: &[u8]) -> usize {
    if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
        3
    } else {
        0
    }
}

fn io_error(path: &Path, error: &io::Error) -> OpenError {
    if error.kind() == io::ErrorKind::NotFound {
        return OpenError::Missing { path: path.into() };
    }
    OpenError::Unreadable {
        path: path.into(),
        reason: error.to_string(),
    }
}

fn scratch_error(name: &str, error: &io::Error) -> OpenError {
    OpenError::Scratch {
        name: name.to_owned(),
        reason: error.to_string(),
    }
}

/// A file is called binary when its first 64 KiB hold a zero byte.
const HEAD_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
