//! Indexes on disk, by content hash. A file may be missing, never wrong: it carries a version, the
//! hash of the text, the style and a checksum over all of it, is written under another name first,
//! and what does not fit is built anew.

use super::Style;
use super::index::{Index, put, take, usize_of};
use super::units::Unit;
use base::ContentHash;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(crate) fn path(folder: &Path, hash: &ContentHash, style: Style) -> PathBuf {
    folder.join(format!("{hash}-{}{SUFFIX}", style_name(style)))
}

/// The index in a file; none when there is no file; why the file cannot be used.
pub(crate) fn load(path: &Path, hash: &ContentHash, style: Style) -> Result<Option<Index>, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let body = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or("cut short")?;
    let (body, checksum) = bytes.split_at(body);
    if blake3::Hasher::new()
        .update_rayon(body)
        .finalize()
        .as_bytes()
        != checksum
    {
        return Err("its checksum does not fit".into());
    }
    let rest = body
        .strip_prefix(&header(hash, style)[..])
        .ok_or("another version, text or style")?;
    decode(rest).map(Some).ok_or("its parts do not fit".into())
}

pub(crate) fn save(path: &Path, index: &Index, hash: &ContentHash, style: Style) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut bytes = header(hash, style);
    encode(index, &mut bytes);
    let checksum = *blake3::Hasher::new()
        .update_rayon(&bytes)
        .finalize()
        .as_bytes();
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    file.write_all(&checksum)?;
    file.persist(path)?;
    Ok(())
}

/// Removes the oldest indexes until the folder's fit into `limit` bytes; `keep` stays.
pub(crate) fn trim(folder: &Path, keep: &Path, limit: u64) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().ends_with(SUFFIX) {
            continue;
        }
        let meta = entry.metadata()?;
        files.push((meta.modified()?, entry.path(), meta.len()));
    }
    files.sort();
    let mut total: u64 = files.iter().map(|(_, _, len)| len).sum();
    for (_, path, len) in files {
        if total <= limit {
            break;
        }
        if path == keep {
            continue;
        }
        match std::fs::remove_file(&path) {
            Ok(()) => total -= len,
            // Another process trimmed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => total -= len,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn header(hash: &ContentHash, style: Style) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&hash.0);
    bytes.extend_from_slice(style_name(style).as_bytes());
    bytes
}

fn style_name(style: Style) -> &'static str {
    match style {
        Style::Sentences => "sentences",
        Style::Passages => "passages",
    }
}

fn encode(index: &Index, out: &mut Vec<u8>) {
    put(out, index.paths.len() as u64);
    for path in &index.paths {
        put_bytes(out, path.as_bytes());
    }
    put(out, index.units.len() as u64);
    let mut before = 0;
    for (unit, &len) in index.units.iter().zip(&index.lens) {
        put(out, unit.start - before);
        before = unit.start;
        for n in [
            unit.len,
            unit.section,
            unit.path,
            unit.line,
            unit.head_back,
            unit.head_len,
            len,
        ] {
            put(out, u64::from(n));
        }
    }
    put(out, index.word_ends.len() as u64);
    let (mut word, mut posting) = (0, 0);
    for (i, &count) in index.unit_counts.iter().enumerate() {
        put(out, index.word_ends[i] - word);
        put(out, index.posting_ends[i] - posting);
        put(out, u64::from(count));
        (word, posting) = (index.word_ends[i], index.posting_ends[i]);
    }
    put_bytes(out, &index.words);
    put_bytes(out, &index.postings);
}

fn decode(mut bytes: &[u8]) -> Option<Index> {
    let input = &mut bytes;
    let mut index = Index::default();
    for _ in 0..take(input)? {
        let path = take_bytes(input)?.to_vec();
        index.paths.push(String::from_utf8(path).ok()?);
    }
    let mut start = 0;
    for _ in 0..take(input)? {
        start += take(input)?;
        let mut n = [0; 7];
        for n in &mut n {
            *n = u32::try_from(take(input)?).ok()?;
        }
        let [len, section, path, line, head_back, head_len, words] = n;
        index.units.push(Unit {
            start,
            len,
            section,
            path,
            line,
            head_back,
            head_len,
        });
        index.lens.push(words);
    }
    let (mut word, mut posting) = (0, 0);
    for _ in 0..take(input)? {
        word += take(input)?;
        posting += take(input)?;
        index.word_ends.push(word);
        index.posting_ends.push(posting);
        index.unit_counts.push(u32::try_from(take(input)?).ok()?);
    }
    index.words = take_bytes(input)?.to_vec();
    index.postings = take_bytes(input)?.to_vec();
    let whole = index.words.len() as u64 == word && index.postings.len() as u64 == posting;
    (whole && input.is_empty()).then_some(index)
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize_of(take(input)?);
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

/// Changes with the layout of the file, the cutting of units or the taking of words.
const MAGIC: &[u8; 16] = b"rlm-index-v0003\n";
const SUFFIX: &str = ".index";
const CHECKSUM_BYTES: usize = 32;

/// Smaller texts (1 MiB) are indexed faster than a file is opened and checked.
pub(crate) const TEXT_BYTES_MIN: u64 = 1 << 20;

#[cfg(test)]
mod tests;
