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
//! Invariant: a `Text` is valid UTF-8, checked once, in parallel, before it exists.
#![allow(
    unsafe_code,
    reason = "the mapping of a private copy, and its text without a second UTF-8 check"
)]

use memmap2::Mmap;
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Read, Write};
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

/// The offset of the first byte that is not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadByte(pub(crate) usize);

impl Text {
    pub(crate) fn check(buffer: Buffer) -> Result<Text, BadByte> {
        check_utf8(buffer.bytes())?;
        Ok(Text(buffer))
    }

    pub(crate) fn from_string(text: String) -> Text {
        Text(Buffer::Memory(text.into_bytes()))
    }

    pub(crate) fn as_str(&self) -> &str {
        // SAFETY: `check` saw these very bytes as UTF-8 or they came from a `String`, and a
        // `Buffer` never changes: memory is owned, and a mapped file has no name by which anyone
        // could write to it.
        unsafe { std::str::from_utf8_unchecked(self.0.bytes()) }
    }

    pub(crate) fn is_mapped(&self) -> bool {
        matches!(self.0, Buffer::Mapped(_))
    }
}

/// Checks blocks side by side; a block is cut where a character starts.
pub(crate) fn check_utf8(bytes: &[u8]) -> Result<(), BadByte> {
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
    fault.map_or(Ok(()), |at| Err(BadByte(at)))
}

fn cut_or_start(at: usize, cut: &impl Fn(usize) -> usize) -> usize {
    if at == 0 { 0 } else { cut(at) }
}

/// Collects the bytes of all sources: in memory up to a limit, then in a file without a name.
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

    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reserve(bytes.len() as u64)?;
        match &mut self.sink {
            Sink::Memory(memory) => memory.extend_from_slice(bytes),
            Sink::File(file) => file.write_all(bytes)?,
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Takes `bytes` as they are when nothing is there yet.
    pub(crate) fn append_owned(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        match &mut self.sink {
            Sink::Memory(memory)
                if memory.is_empty() && bytes.len() as u64 <= self.memory_bytes =>
            {
                self.len = bytes.len() as u64;
                *memory = bytes;
                Ok(())
            }
            Sink::Memory(_) | Sink::File(_) => self.append(&bytes),
        }
    }

    /// Appends at most `len` bytes from the file's position; says how many there were.
    pub(crate) fn append_file(&mut self, source: &File, len: u64) -> io::Result<u64> {
        self.reserve(len)?;
        let copied = match &mut self.sink {
            Sink::Memory(memory) => source.take(len).read_to_end(memory)? as u64,
            Sink::File(file) => io::copy(&mut source.take(len), file)?,
        };
        self.len += copied;
        Ok(copied)
    }

    pub(crate) fn finish(self) -> io::Result<Buffer> {
        match self.sink {
            Sink::Memory(memory) => Ok(Buffer::Memory(memory)),
            Sink::File(mut file) => {
                file.flush()?;
                // SAFETY: the file was made without a name (or lost it before anything was
                // written) and this is the only handle, which is closed after the mapping: no one
                // can shorten or change it while it is mapped.
                let map = unsafe { Mmap::map(&file)? };
                Ok(Buffer::Mapped(map))
            }
        }
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
