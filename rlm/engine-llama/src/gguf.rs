//! Model files before llama.cpp sees them: what a GGUF says about itself, whether all of its
//! tensors are there, and how much memory it will need. Reads the header only, never panics on any
//! bytes, and reserves no memory for what a length field merely claims.

mod header;
mod memory;
mod types;

pub use memory::Memory as ModelMemory;

use header::{Header, Number};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// What `inspect` found.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    pub path: PathBuf,
    pub bytes: u64,
    /// `general.name`, else the file's name.
    pub name: String,
    pub architecture: String,
    pub parameters: u64,
    /// Such as `Q4_K_M`.
    pub quantisation: String,
    /// Tokens that the model was trained for.
    pub window: u32,
    pub chat_template: bool,
    /// The model gives vectors, not text.
    pub embeddings: bool,
    pub vocabulary: u64,
    pub layers: u32,
    /// Weights could be repacked with a gain (`LlamaOptions::extra_bufts`).
    pub(crate) repack_pays: bool,
    /// Changes when the weights do: a BLAKE3 hash of the file's length, its header and samples of
    /// its tensors.
    pub(crate) key: String,
    pub(crate) shape: memory::Shape,
}

/// Why a file is not a usable model. Nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// Caller: not there, or not readable.
    #[error("cannot read the model {path}: {reason}")]
    Read { path: PathBuf, reason: String },
    /// Caller: another kind of file.
    #[error("{path} is not a GGUF model: {what}")]
    NotGguf { path: PathBuf, what: String },
    /// Caller: a download that stopped, most likely.
    #[error(
        "the model {path} is cut short: it has {have} bytes and its tensors need {need}; fetch it \
         again"
    )]
    CutShort { path: PathBuf, have: u64, need: u64 },
    /// Caller: the header contradicts itself.
    #[error("the model {path} is damaged: {what}; fetch it again")]
    Damaged { path: PathBuf, what: String },
    /// Caller: a valid file that this program's llama.cpp does not know.
    #[error(
        "the model {path} has the architecture `{architecture}`, which this build's llama.cpp does \
         not know; serve it with a newer server and name it as `openai:` or `ollama:`"
    )]
    Architecture { path: PathBuf, architecture: String },
    /// Caller: the first file of several, or a later one.
    #[error("the model {path} is one of {parts} parts; join them into one file first")]
    Split { path: PathBuf, parts: u64 },
}

/// Reads the header of the model at `path` and checks it against the file's length.
pub fn inspect(path: &Path) -> Result<ModelFile, InspectError> {
    let unreadable = |error: std::io::Error| InspectError::Read {
        path: path.into(),
        reason: error.to_string(),
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        let reason = "it is not a regular file".into();
        return Err(InspectError::Read {
            path: path.into(),
            reason,
        });
    }
    let bytes = metadata.len();
    let header = header::parse(BufReader::new(&file), bytes).map_err(|e| e.at(path, bytes))?;
    let model = describe(path, bytes, &header)?;
    let key = memory::fingerprint(&file, bytes, header.data_start).map_err(unreadable)?;
    Ok(ModelFile { key, ..model })
}

/// The same for a file that is in memory. Its `key` stays empty: nothing is stored under it.
pub fn inspect_bytes(file: &[u8]) -> Result<ModelFile, InspectError> {
    let (path, bytes) = (Path::new("(in memory)"), file.len() as u64);
    let header = header::parse(file, bytes).map_err(|e| e.at(path, bytes))?;
    describe(path, bytes, &header)
}

fn describe(path: &Path, bytes: u64, header: &Header) -> Result<ModelFile, InspectError> {
    let damaged = |what: &str| InspectError::Damaged {
        path: path.into(),
        what: what.into(),
    };
    let architecture = header
        .text("general.architecture")
        .ok_or_else(|| damaged("it does not name its architecture"))?;
    if let Some(parts) = header
        .number("split.count")
        .map(Number::sum)
        .filter(|&n| n > 1)
    {
        return Err(InspectError::Split {
            path: path.into(),
            parts,
        });
    }
    if !ARCHITECTURES.lines().any(|known| known == architecture) {
        let architecture = architecture.to_owned();
        return Err(InspectError::Architecture {
            path: path.into(),
            architecture,
        });
    }
    let shape = memory::Shape::read(header, architecture)
        .ok_or_else(|| damaged("its layer count or widths are missing or absurd"))?;
    let file_name = path.file_stem().map(|s| s.to_string_lossy().into_owned());
    let pooling = header
        .number(&format!("{architecture}.pooling_type"))
        .map(Number::sum);
    let causal = header
        .flag(&format!("{architecture}.attention.causal"))
        .unwrap_or(true);
    let window = header
        .number(&format!("{architecture}.context_length"))
        .map_or(0, Number::sum);
    Ok(ModelFile {
        path: path.into(),
        bytes,
        name: header
            .text("general.name")
            .map_or(file_name.unwrap_or_default(), str::to_owned),
        architecture: architecture.to_owned(),
        parameters: header.parameters,
        quantisation: types::quantisation(header),
        window: u32::try_from(window).unwrap_or(u32::MAX),
        chat_template: header.text("tokenizer.chat_template").is_some(),
        embeddings: !causal || pooling.is_some_and(|kind| kind > 0),
        vocabulary: header.vocabulary,
        layers: shape.layers,
        repack_pays: types::quantisation(header) == "Q4_0",
        key: String::new(),
        shape,
    })
}

/// The architectures of the pinned llama.cpp (`LLM_ARCH_NAMES` of its `llama-arch.cpp`), one a
/// line.
const ARCHITECTURES: &str = include_str!("gguf/architectures.txt");

#[cfg(test)]
mod tests;
