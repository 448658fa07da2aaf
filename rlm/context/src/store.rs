//! Where the bytes of a context lie. Owns the only `unsafe` of this crate.
//!
//! **No access can raise SIGBUS, and no later change to a source file is seen.** A mapping of the
//! user's own file gives neither: whoever truncates the file turns the next load into a signal, and
//! a size check before each access only narrows that race. So the bytes are always our own:
//!
//! * up to `memory_bytes` (256 MiB unless told otherwise) they are read into memory;
//! * beyond it they are copied into a file without a name in the scratch folder, and that copy is
//!   mapped. Nobody else can open it, so nobody can shorten it; its pages are file-backed, so the
//!   kernel can drop them. The copy uses `copy_file_range`: on a file system that shares blocks
//!   (btrfs, XFS) it costs nothing, elsewhere one pass over the disk (about 1 s per GB) and the
//!   space. What is left is a failing disk.
//!
//! Invariant: a `Text` is valid UTF-8. The spool takes nothing else: each part is checked once, in
//! parallel, when it comes.
#![allow(
    unsafe_code,
    reason = "the mapping of a private copy, and its text without a second UTF-8 check"
)]

use memmap2::{Mmap, MmapOptions};
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Bytes that nobody else can change.
#[derive(Debug)]
pub(crate) enum Buffer {
    Memory(Vec<u8>),
    /// Of a file that has no name and that only this process holds open.
    Mapped(Mmap),
}

impl Buffer {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Buffer::Memory(bytes) => bytes,
            Buffer::Mapped(map) => map,
        }
    }
}

/// A buffer that is valid UTF-8.
#[derive(Debug)]
pub(crate) struct Text(Buffer);

/// Where bytes stop being UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadByte {
    /// The first that does not fit.
    pub(crate) at: usize,
    /// It begins a character that the end of the bytes cuts: at most 3 bytes are left.
    pub(crate) cut: bool,
}

impl Text {
    #[cfg(test)]
    pub(crate) fn check(buffer: Buffer) -> Result<Text, BadByte> {
        check_utf8(buffer.bytes())?;
        Ok(Text(buffer))
    }

    pub(crate) fn from_string(text: String) -> Text {
        Text(Buffer::Memory(text.into_bytes()))
    }

    pub(crate) fn as_str(&self) -> &str {
        // SAFETY: the spool saw these very bytes as UTF-8 or they came from a `String`, and a
        // `Buffer` never changes: memory is owned, and a mapped file has no name by which anyone
        // could write to it.
        unsafe { std::str::from_utf8_unchecked(self.0.bytes()) }
    }

    pub(crate) fn is_mapped(&self) -> bool {
        matches!(self.0, Buffer::Mapped(_))
    }
}

/// Checks blocks side by side; a block is cut where a character starts.
fn check_utf8(bytes: &[u8]) -> Result<(), BadByte> {
    let cut = |at: usize| {
        let end = bytes.len().min(at + 4);
        (at..end).find(|&i| bytes[i] & 0xC0 != 0x80).unwrap_or(end)
    };
    let blocks = bytes.len().div_ceil(CHECK_BLOCK);
    let fault = (0..blocks)
        .into_par_iter()
        .filter_map(|block| {
            let start = cut_or_start(block * CHECK_BLOCK, &cut);
            let end = cut(((block + 1) * CHECK_BLOCK).min(bytes.len()));
            let error = std::str::from_utf8(bytes.get(start..end)?).err()?;
            Some(start + error.valid_up_to())
        })
        .min();
    fault.map_or(Ok(()), |at| {
        let rest = std::str::from_utf8(&bytes[at..bytes.len().min(at + 4)]);
        let cut = rest.is_err_and(|error| error.error_len().is_none());
        Err(BadByte { at, cut })
    })
}

fn cut_or_start(at: usize, cut: &impl Fn(usize) -> usize) -> usize {
    if at == 0 { 0 } else { cut(at) }
}

/// How many of the bytes are the text: all, or all but a character that their end cuts. That one is
/// left out where another beyond ASCII stands before it: the text is UTF-8 then, and whoever wrote
/// or copied it was not done. Otherwise it may as well be the one letter of another encoding.
fn text_len(bytes: &[u8]) -> Result<usize, BadByte> {
    match check_utf8(bytes) {
        Ok(()) => Ok(bytes.len()),
        Err(fault) if fault.cut && !bytes[..fault.at].is_ascii() => Ok(fault.at),
        Err(fault) => Err(fault),
    }
}

/// The bytes as text, less a character that their end cuts (`text_len`).
pub(crate) fn into_text(mut bytes: Vec<u8>) -> Result<String, BadByte> {
    let len = text_len(&bytes)?;
    bytes.truncate(len);
    // SAFETY: `text_len` saw these very bytes as UTF-8.
    Ok(unsafe { String::from_utf8_unchecked(bytes) })
}

/// Collects the texts of all sources: in memory up to a limit, then in a file without a name.
/// After an error it gives no text any more.
pub(crate) struct Spool {
    memory_bytes: u64,
    scratch: Option<PathBuf>,
    sink: Sink,
    len: u64,
}

enum Sink {
    Memory(Vec<u8>),
    File(File),
}

/// An earlier moment of a spool, to which it can go back.
#[derive(Clone, Copy)]
pub(crate) struct Mark(u64);

/// What came of a file.
pub(crate) struct Copied {
    /// Bytes that it gave.
    pub(crate) read: u64,
    /// Why nothing of it is in the spool, if so.
    pub(crate) fault: Option<BadByte>,
}

impl Spool {
    pub(crate) fn new(memory_bytes: u64, scratch: Option<PathBuf>) -> Spool {
        Spool {
            memory_bytes,
            scratch,
            sink: Sink::Memory(Vec::new()),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn append(&mut self, text: &str) -> io::Result<()> {
        let bytes = text.as_bytes();
        self.reserve(bytes.len() as u64)?;
        match &mut self.sink {
            Sink::Memory(memory) => memory.extend_from_slice(bytes),
            Sink::File(file) => file.write_all(bytes)?,
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Takes `text` as it is when nothing is there yet.
    pub(crate) fn append_owned(&mut self, text: String) -> io::Result<()> {
        match &mut self.sink {
            Sink::Memory(memory) if memory.is_empty() && text.len() as u64 <= self.memory_bytes => {
                self.len = text.len() as u64;
                *memory = text.into_bytes();
                Ok(())
            }
            Sink::Memory(_) | Sink::File(_) => self.append(&text),
        }
    }

    /// Appends at most `len` bytes from the file's position, less a character that their end cuts
    /// (`text_len`); none of them when they are no text. They are read once more where they lie
    /// now, not in the user's file.
    pub(crate) fn append_file(&mut self, source: &File, len: u64) -> io::Result<Copied> {
        self.reserve(len)?;
        let read = match &mut self.sink {
            Sink::Memory(memory) => source.take(len).read_to_end(memory)? as u64,
            Sink::File(file) => io::copy(&mut source.take(len), file)?,
        };
        let (kept, fault) = match self.text_behind(read)? {
            Ok(kept) => (kept as u64, None),
            Err(fault) => (0, Some(fault)),
        };
        self.cut(self.len + kept)?;
        Ok(Copied { read, fault })
    }

    /// How many of the `len` bytes that lie behind the text so far are text, too.
    fn text_behind(&self, len: u64) -> io::Result<Result<usize, BadByte>> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        match &self.sink {
            Sink::Memory(memory) => Ok(text_len(&memory[memory.len() - len..])),
            Sink::File(file) => {
                // SAFETY: as in `finish`; and nothing is written until this mapping is gone.
                let map = unsafe { MmapOptions::new().offset(self.len).len(len).map(file)? };
                Ok(text_len(&map))
            }
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark(self.len)
    }

    /// Forgets what was appended since.
    pub(crate) fn back_to(&mut self, mark: Mark) -> io::Result<()> {
        self.cut(mark.0)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        match &mut self.sink {
            Sink::Memory(memory) => memory.truncate(usize::try_from(len).unwrap_or(usize::MAX)),
            Sink::File(file) => {
                file.set_len(len)?;
                file.seek(SeekFrom::Start(len))?;
            }
        }
        self.len = len;
        Ok(())
    }

    /// Whether the text so far ends with a line break.
    pub(crate) fn ends_line(&self) -> io::Result<bool> {
        let mut last = [0];
        match &self.sink {
            Sink::Memory(memory) => return Ok(memory.last() == Some(&b'\n')),
            Sink::File(_) if self.len == 0 => return Ok(false),
            Sink::File(file) => file.read_exact_at(&mut last, self.len - 1)?,
        }
        Ok(last == *b"\n")
    }

    pub(crate) fn finish(self) -> io::Result<Text> {
        let buffer = match self.sink {
            Sink::Memory(memory) => Buffer::Memory(memory),
            Sink::File(mut file) => {
                file.flush()?;
                // SAFETY: the file was made without a name (or lost it before anything was
                // written) and this is the only handle, which is closed after the mapping: no one
                // can shorten or change it while it is mapped.
                let map = unsafe { Mmap::map(&file)? };
                Buffer::Mapped(map)
            }
        };
        // An append that failed midway has left bytes that nobody has checked.
        if buffer.bytes().len() as u64 != self.len {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Text(buffer))
    }

    fn reserve(&mut self, more: u64) -> io::Result<()> {
        let Sink::Memory(memory) = &mut self.sink else {
            return Ok(());
        };
        if self.len + more <= self.memory_bytes {
            let more = usize::try_from(more).map_err(|_| io::ErrorKind::OutOfMemory)?;
            memory
                .try_reserve(more)
                .map_err(|_| io::ErrorKind::OutOfMemory)?;
            return Ok(());
        }
        let mut file = match &self.scratch {
            Some(folder) => {
                std::fs::create_dir_all(folder)?;
                tempfile::tempfile_in(folder)?
            }
            None => tempfile::tempfile()?,
        };
        file.write_all(memory)?;
        self.sink = Sink::File(file);
        Ok(())
    }
}

/// Bytes checked by one task: large enough that a task costs more than handing it out.
const CHECK_BLOCK: usize = 1 << 20;

#[cfg(test)]
mod tests;
