//! What parent and child say to each other: JSON in frames of a 4-byte little-endian length.
//! Both ends come from one binary, so there is no version; both ends still bound what they read,
//! because either may be broken. Nothing but frames may be written to the child's stdout.

use crate::options::KvType;
use base::{Finish, Usage};
use engine::{ChatRequest, EngineError, Timings};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Names a call between one parent and one child.
pub(crate) type CallId = u64;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// Always the first frame, and never another.
    Load(LoadSpec),
    Chat {
        id: CallId,
        request: Box<ChatRequest>,
        /// What an earlier child wrote for this call before it died: the reply goes on from there.
        resume: String,
    },
    Embed {
        id: CallId,
        texts: Vec<String>,
    },
    Count {
        id: CallId,
        text: String,
    },
    Cancel {
        id: CallId,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    Loaded(Loaded),
    LoadFailed {
        reason: String,
    },
    /// The call left the queue.
    Admitted {
        id: CallId,
        prompt_tokens: u64,
        cached_tokens: u64,
        queue_ms: f64,
    },
    Piece {
        id: CallId,
        text: String,
        completion_tokens: u64,
    },
    Done {
        id: CallId,
        finish: Finish,
        usage: Usage,
        timings: Timings,
    },
    Vectors {
        id: CallId,
        vectors: Vec<Vec<f32>>,
    },
    Counted {
        id: CallId,
        tokens: u64,
    },
    Failed {
        id: CallId,
        error: EngineError,
    },
}

/// What the child needs to make a context. All sizes were checked by the parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadSpec {
    pub(crate) model: PathBuf,
    /// Identifies the weights in the prefix store.
    pub(crate) model_key: String,
    pub(crate) embeddings: bool,
    pub(crate) threads: u32,
    pub(crate) window: u32,
    pub(crate) cells: u32,
    pub(crate) slots: u32,
    pub(crate) spare: u32,
    pub(crate) pinned: u32,
    pub(crate) warm_cells: u32,
    pub(crate) chunk: u32,
    pub(crate) at_once: u32,
    pub(crate) chunk_beside_decode: u32,
    pub(crate) kv: KvType,
    pub(crate) flash_attention: bool,
    pub(crate) mmap: bool,
    pub(crate) extra_bufts: bool,
    pub(crate) prefix_store: Option<PathBuf>,
    pub(crate) prefix_store_bytes: u64,
}

/// What the child found in the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Loaded {
    pub(crate) notes: Vec<String>,
    pub(crate) embeddings: bool,
}

/// Largest body of a frame in bytes. A prompt of 256 k tokens is about 1 MB; texts whose tokens are
/// only counted may be larger.
pub(crate) const MAX_FRAME_BYTES: u32 = 64 << 20;

pub(crate) fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4)
        .ok()
        .filter(|&n| n <= MAX_FRAME_BYTES);
    let length = length.ok_or_else(|| too_long(bytes.len() - 4))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// `None` at a clean end between frames.
pub(crate) fn read_frame<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    if !fill(input, &mut length)? {
        return Ok(None);
    }
    let mut body = vec![0; checked(length)?];
    input.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

pub(crate) fn write_frame<T: Serialize>(output: &mut impl Write, message: &T) -> io::Result<()> {
    output.write_all(&encode(message)?)?;
    output.flush()
}

pub(crate) async fn read_frame_async<T: DeserializeOwned>(
    input: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    let first = input.read(&mut length).await?;
    if first == 0 {
        return Ok(None);
    }
    input.read_exact(&mut length[first..]).await?;
    let mut body = vec![0; checked(length)?];
    input.read_exact(&mut body).await?;
    Ok(Some(serde_json::from_slice(&body)?))
}

pub(crate) async fn write_frame_async<T: Serialize>(
    output: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> io::Result<()> {
    output.write_all(&encode(message)?).await?;
    output.flush().await
}

fn fill(input: &mut impl Read, buffer: &mut [u8; 4]) -> io::Result<bool> {
    let first = loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if first == 0 {
        return Ok(false);
    }
    input.read_exact(&mut buffer[first..])?;
    Ok(true)
}

fn checked(length: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(length);
    if length > MAX_FRAME_BYTES {
        return Err(too_long(length as usize));
    }
    Ok(length as usize)
}

fn too_long(bytes: usize) -> io::Error {
    let what = format!("a frame of {bytes} bytes; {MAX_FRAME_BYTES} are allowed");
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
