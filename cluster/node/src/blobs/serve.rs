//! Answers other nodes' questions about blobs. A piece is read where it may block and handed out as
//! it stands on the disk; the asker checks the whole.

use super::BlobError;
use super::driver::BlobAsk;
use super::fetch::on_disk;
use super::messages::{BlobGetReply, BlobGetRequest, BlobPutReply, BlobPutRequest};
use super::settings::MAX_CHUNK;
use crate::core::Core;
use crate::front::{failed, garbled, reply};
use crate::messages::FailCode;
use base::ContentHash;
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use transport::Refusal;
use wire::{Frame, Kind};

/// A frame of kind `BlobGet` or `BlobPut`; the caller waits for `left` at most.
pub(crate) async fn answer(core: &Core, frame: Frame, left: Duration) -> Result<Bytes, Refusal> {
    let kind = frame.kind;
    if kind == Kind::BlobPut {
        let body = frame.body().map_err(garbled)?;
        return reply(kind, &put(core, body, left).await?);
    }
    let piece = get(core, frame.body().map_err(garbled)?).await?;
    // Weights do not shrink.
    wire::encode_plain(kind, &piece).map_err(|error| failed(FailCode::Internal, error))
}

async fn get(core: &Core, request: BlobGetRequest) -> Result<BlobGetReply, Refusal> {
    let BlobGetRequest {
        hash,
        offset,
        max,
        doubt,
    } = request;
    if doubt {
        let (done, _nobody_waits) = oneshot::channel();
        // One that finds no room is asked again by the next who gets wrong bytes.
        core.blob_asks.try_send(BlobAsk::Check { hash, done }).ok();
        return Ok(BlobGetReply {
            size: 0,
            bytes: Bytes::new(),
        });
    }
    if offset == 0 {
        // Somebody wants it: it is no garbage before the next sweep.
        core.blob_asks.try_send(BlobAsk::Wanted(hash)).ok();
    }
    let max = usize::try_from(max.min(MAX_CHUNK)).unwrap_or(0);
    let read = on_disk(core, move |shelf| {
        let Some(size) = shelf.size(hash)? else {
            return Ok(None);
        };
        let bytes = match max {
            0 => Vec::new(),
            max => shelf.read(hash, offset, max)?,
        };
        Ok(Some(BlobGetReply {
            size,
            bytes: Bytes::from(bytes),
        }))
    });
    match read.await {
        Ok(Some(reply)) => Ok(reply),
        Ok(None) => Err(failed(FailCode::NoBlob, "it does not have this blob")),
        Err(error) => Err(refusal(error)),
    }
}

async fn put(
    core: &Core,
    request: BlobPutRequest,
    left: Duration,
) -> Result<BlobPutReply, Refusal> {
    let BlobPutRequest { hash, from, wait } = request;
    let (done, answer) = oneshot::channel();
    let from = from.into_iter().take(HINTS).collect();
    let asked = core.blob_asks.try_send(BlobAsk::Fetch { hash, from, done });
    asked.map_err(|_| refusal(BlobError::Busy))?;
    // Some of the caller's time is for the way back.
    let wait = wait.min(left / 2);
    match timeout(wait, answer).await {
        Ok(Ok(Ok(size))) => Ok(BlobPutReply {
            size: Some(size),
            have: size,
        }),
        Ok(Ok(Err(error))) => Err(refusal(error)),
        Ok(Err(_)) => Err(refusal(BlobError::Stopped)),
        Err(_) => Ok(BlobPutReply {
            size: None,
            have: progress(core, hash).await.map_err(refusal)?,
        }),
    }
}

async fn progress(core: &Core, hash: ContentHash) -> Result<u64, BlobError> {
    let have = on_disk(core, move |shelf| shelf.part_size(hash)).await?;
    Ok(have.unwrap_or(0))
}

fn refusal(error: BlobError) -> Refusal {
    match error {
        BlobError::Busy | BlobError::Stopped | BlobError::Late => {
            Refusal::Overloaded { retry_after: BUSY }
        }
        BlobError::NoRoom { .. } | BlobError::Disk(raft::DiskError::Full { .. }) => {
            failed(FailCode::NoRoom, error)
        }
        BlobError::Nowhere { .. } | BlobError::Damaged { .. } | BlobError::WrongBytes { .. } => {
            failed(FailCode::NoBlob, error)
        }
        BlobError::TooLarge { .. }
        | BlobError::TooManyAtOnce { .. }
        | BlobError::CutOff(_)
        | BlobError::Disk(_) => failed(FailCode::Refused, error),
    }
}

/// Of the nodes that a caller names, as many are asked.
const HINTS: usize = 16;
/// A part that is being restarted is back by then.
const BUSY: Duration = Duration::from_millis(200);
