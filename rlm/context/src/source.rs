//! What can be opened, how, and every reason why it cannot. Words only: `gather` does the reading.

use std::path::PathBuf;

/// One thing that `--context` can name.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file, or a folder whose text files become named sections.
    Path(PathBuf),
    /// The process's standard input, to its end.
    Stdin,
    /// Bytes that are already here, under a name of the caller's choice.
    Bytes { name: String, bytes: Vec<u8> },
    /// A text that is already here.
    Text { name: String, text: String },
}

/// How to open sources. `Default` gives the values that each field's sentence names.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// All sources together may have at most this many bytes (64 GiB).
    pub max_bytes: u64,
    /// A folder may have at most this many files that are read (100 000): each is a section.
    pub max_files: usize,
    /// Up to this many bytes are held in memory (256 MiB); more goes to a private file that is
    /// mapped: less memory, one copy on disk.
    pub memory_bytes: u64,
    /// Where that private file is made; none: the system's folder for temporary files.
    pub scratch_dir: Option<PathBuf>,
    /// A file of up to this many bytes (64 MiB) is read and checked before anything of it is kept;
    /// a larger one is copied first, without passing through this process's memory.
    pub whole_bytes: u64,
    /// Leave out what `.gitignore`, `.ignore` and hidden names leave out, as ripgrep does (true).
    pub respect_ignore: bool,
    /// More patterns that leave files and folders out, as in `.gitignore` (none). They hold below
    /// each folder that is named; a file that is named itself is always read.
    pub ignore: Vec<String>,
    /// Where search indexes are kept by content hash; none: they are built anew by each process.
    pub index_cache_dir: Option<PathBuf>,
    /// The index cache's size; the oldest files go first (2 GiB).
    pub index_cache_bytes: u64,
    /// Up to this many bytes (512 MiB) the figures of the card come from every row; beyond it from
    /// a sample, and the card says so.
    pub scan_bytes: u64,
    /// One `read` gives at most this many bytes (1 GiB): it is a copy.
    pub max_read_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            max_bytes: 64 << 30,
            max_files: 100_000,
            memory_bytes: 256 << 20,
            scratch_dir: None,
            whole_bytes: 64 << 20,
            respect_ignore: true,
            ignore: Vec::new(),
            index_cache_dir: None,
            index_cache_bytes: 2 << 30,
            scan_bytes: 512 << 20,
            max_read_bytes: 1 << 30,
        }
    }
}

/// One named text of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub name: String,
    pub bytes: u64,
    /// Characters as Python counts them.
    pub chars: u64,
}

/// What a folder had that is not part of the context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    pub binary: u64,
    pub not_utf8: u64,
    pub empty: u64,
    pub unreadable: u64,
}

impl Skipped {
    pub fn total(&self) -> u64 {
        self.binary + self.not_utf8 + self.empty + self.unreadable
    }
}

/// Why a context cannot be opened. Nothing is left behind; whether a retry helps is in the text.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("no context was given; name a file, a folder or `-` with --context")]
    NoSource,
    #[error(
        "`{}` does not exist; check the spelling and the folder that you are in", path.display()
    )]
    Missing { path: PathBuf },
    #[error(
        "`{}` cannot be read: {reason}; check its permissions (ls -l) or copy it", path.display()
    )]
    Unreadable { path: PathBuf, reason: String },
    #[error("`{name}` is empty (0 bytes); give a file with text in it")]
    Empty { name: String },
    #[error(
        "`{name}` is a binary file (a zero byte at offset {offset}); give its text instead, for \
         example with pdftotext, pandoc or zcat"
    )]
    Binary { name: String, offset: u64 },
    #[error(
        "`{name}` is not UTF-8: byte {offset} does not fit; convert it first: iconv -f {from} -t \
         UTF-8 FILE > NEW"
    )]
    NotUtf8 {
        name: String,
        offset: u64,
        /// What the bytes look like, as iconv calls it.
        from: &'static str,
    },
    #[error(
        "`{name}` ends inside a character, which byte {offset} begins; wait until its writer is \
         done and try again, or convert it if it is no UTF-8 at all: iconv -f LATIN1 -t UTF-8 \
         FILE > NEW"
    )]
    HalfCharacter { name: String, offset: u64 },
    #[error(
        "`{name}` makes {bytes} bytes in all, the limit is {limit}; split it or raise max_bytes"
    )]
    TooLarge {
        name: String,
        bytes: u64,
        limit: u64,
    },
    #[error(
        "the folder `{}` has more than {limit} files; name a folder inside it, add ignore rules \
         or raise max_files", path.display()
    )]
    TooManyFiles { path: PathBuf, limit: usize },
    #[error("the pattern `{pattern}` of context.ignore is not one: {reason}")]
    Pattern { pattern: String, reason: String },
    #[error(
        "the folder `{}` has no text to read ({} files left out: {} binary, {} not UTF-8, {} \
         empty, {} unreadable); ignored and hidden files are not looked at", path.display(),
        skipped.total(), skipped.binary, skipped.not_utf8, skipped.empty, skipped.unreadable
    )]
    NoText { path: PathBuf, skipped: Skipped },
    #[error(
        "`{}` shrank from {expected} to {found} bytes while it was read; wait until its writer \
         is done and try again", path.display()
    )]
    Shrank {
        path: PathBuf,
        expected: u64,
        found: u64,
    },
    #[error(
        "`{}` was changed while it was read; wait until its writer is done and try again, or open \
         a copy", path.display()
    )]
    Changed { path: PathBuf },
    #[error(
        "no private copy of `{name}` could be made in the cache folder: {reason}; free space \
         there or name another folder with cache.dir"
    )]
    Scratch { name: String, reason: String },
}

/// Why a part of an open context cannot be given. The context stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("there is no section {index}; the context has {count}")]
    NoSuchSection { index: usize, count: usize },
    /// As Python's `str.split("")` says it.
    #[error("empty separator")]
    EmptySeparator,
    #[error(
        "the part asked for has {bytes} bytes, one read gives at most {limit}; read less at a time"
    )]
    TooMuch { bytes: u64, limit: u64 },
    #[error("the context is not a table or log: it has no rows; use its text or lines")]
    NoRows,
}
