//! Fetches a file from an address into the growing file, going on where it ends.

use super::job::{Job, REPORT_BYTES};
use super::plan::{Ask, Head, PartState, Step, ask, judge, resume_now};
use super::{Phase, Trouble};
use reqwest::Response;
use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_RANGE,
    LAST_MODIFIED, RANGE,
};
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

/// Fetches until the file is whole; a line that breaks is taken up again as long as it moves.
pub(super) async fn fetch(job: &Job<'_>, url: &str) -> Result<(), Trouble> {
    let mut resumes = 0;
    loop {
        let before = job.have();
        match attempt(job, url).await? {
            None => return Ok(()),
            Some(why) if resume_now(job.have().saturating_sub(before), resumes) => {
                tracing::info!(url, why, have = job.have(), "the download goes on");
                resumes += 1;
            }
            Some(why) => return Err(Trouble::Source(why)),
        }
    }
}

/// One request; `Some` is why it ended before the file's end.
async fn attempt(job: &Job<'_>, url: &str) -> Result<Option<String>, Trouble> {
    let asked = ask(job.have(), &job.state(), url, job.entry.sha256.is_some());
    let mut request = job.puller.client.get(url);
    if let Ask::From { start, if_range } = &asked {
        request = request.header(RANGE, format!("bytes={start}-"));
        if let Some(validator) = if_range {
            request = request.header(IF_RANGE, validator);
        }
    }
    job.tell(Phase::Connecting, url, job.have(), job.entry.bytes);
    let within = job.puller.options.answer_within;
    let sent = tokio::select! {
        biased;
        () = job.cancel.cancelled() => return Err(job.cancelled()),
        sent = tokio::time::timeout(within, request.send()) => sent,
    };
    let response = match sent {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(Trouble::Source(why(&error.without_url()))),
        Err(_) => {
            let seconds = within.as_secs();
            return Err(Trouble::Source(format!("no answer within {seconds} s")));
        }
    };
    let head = head(&response);
    match judge(&head, &asked, job.entry.bytes) {
        Step::Fail(why) => Err(Trouble::Source(why)),
        Step::Complete => Ok(None),
        Step::Append => receive(job, url, response, job.have(), &head).await,
        Step::Restart => {
            job.remember(&PartState {
                url: Some(url.to_owned()),
                validator: validator(response.headers()),
                ..PartState::default()
            })?;
            receive(job, url, response, 0, &head).await
        }
    }
}

/// Writes what comes from byte `start` on.
async fn receive(
    job: &Job<'_>,
    url: &str,
    mut response: Response,
    start: u64,
    head: &Head,
) -> Result<Option<String>, Trouble> {
    let write = |error| job.io("cannot write", &job.part, error);
    let total = job.entry.bytes.or(head.length.map(|length| start + length));
    if let (None, Some(total)) = (job.entry.bytes, total) {
        job.need(total, 0)?;
    }
    let file = File::options()
        .create(true)
        .append(true)
        .open(&job.part)
        .map_err(write)?;
    if start == 0 && job.have() > 0 {
        file.set_len(0).map_err(write)?;
    }
    let mut file = BufWriter::with_capacity(WRITE_BYTES, file);
    let (mut done, mut reported) = (start, start);
    let ended = loop {
        let bytes = tokio::select! {
            biased;
            () = job.cancel.cancelled() => {
                file.flush().map_err(write)?;
                return Err(job.cancelled());
            }
            bytes = tokio::time::timeout(job.puller.options.stall, response.chunk()) => bytes,
        };
        match bytes {
            Ok(Ok(Some(bytes))) if total.is_none_or(|t| done + bytes.len() as u64 <= t) => {
                file.write_all(&bytes).map_err(write)?;
                done += bytes.len() as u64;
            }
            Ok(Ok(Some(_))) => break Some("it gives more bytes than the file has".to_owned()),
            Ok(Ok(None)) => break short(done, total),
            Ok(Err(error)) => break Some(why(&error.without_url())),
            Err(_) => {
                let seconds = job.puller.options.stall.as_secs();
                break Some(format!("it brought nothing for {seconds} s"));
            }
        }
        if done >= reported + REPORT_BYTES {
            reported = done;
            job.tell(Phase::Downloading, url, done, total);
        }
    };
    file.flush().map_err(write)?;
    Ok(ended)
}

fn short(done: u64, total: Option<u64>) -> Option<String> {
    let total = total.filter(|total| done < *total)?;
    Some(format!("it ended at byte {done} of {total}"))
}

fn head(response: &Response) -> Head {
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    Head {
        status: response.status().as_u16(),
        length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        content_range: text(CONTENT_RANGE),
        content_type: text(CONTENT_TYPE),
    }
}

/// A server's mark for this very content. A weak one does not promise the same bytes.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
    text(ETAG)
        .filter(|etag| !etag.starts_with("W/"))
        .or_else(|| text(LAST_MODIFIED))
}

/// An error with its causes, on one line.
fn why(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// What is written at once.
const WRITE_BYTES: usize = 1 << 20;
