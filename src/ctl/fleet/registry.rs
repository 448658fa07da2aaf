//! `rlm-ctl registry add` and `promote`: a file becomes a version, a version is served.

use super::super::args::Output;
use super::super::{Failure, complain, print};
use super::{CHANGE, document};
use crate::exit::Exit;
use crate::fleet::api::DoneReply;
use crate::fleet::registry::{BlobMade, ServeRequest, VersionMade, VersionRequest, millionths};
use crate::fleet::wish::{Reach, ask, upload};
use clap::Args;
use hyper::Method;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
pub struct AddArgs {
    pub name: String,
    /// The bytes: weights, an adapter, a checkpoint
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// The version that it was made from
    #[arg(long, value_name = "VERSION")]
    pub parent: Option<u32>,
    /// A figure such as accuracy=0.91; may be given often
    #[arg(long = "metric", value_name = "NAME=NUMBER", value_parser = metric)]
    pub metrics: Vec<(String, String)>,
    /// How long to wait for the second copy
    #[arg(long, default_value = "10m", value_parser = super::span, value_name = "TIME")]
    pub wait: Duration,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

pub(super) async fn add(reach: &Reach, args: AddArgs) -> Result<Exit, Failure> {
    let blob: BlobMade = upload(reach, "/v1/cluster/blobs", &args.file).await?;
    let request = VersionRequest {
        hash: blob.hash,
        parent: args.parent,
        metrics: args.metrics,
        wait_s: args.wait.as_secs(),
    };
    let at = format!("/v1/cluster/registry/{}", args.name);
    let wait = args.wait + CHANGE;
    let made: VersionMade = ask(reach, (Method::POST, &at), Some(&request), wait).await?;
    match args.output {
        Output::Json => document(&made)?,
        Output::Text => {
            print(&format!("{}\n", made.version));
            complain(&format!(
                "{} version {} ({} bytes) is on {}; serve it with: rlm-ctl registry promote {} {}",
                made.name,
                made.version,
                made.bytes,
                made.holders.join(" and "),
                made.name,
                made.version,
            ));
        }
    }
    Ok(Exit::Done)
}

pub(super) async fn promote(reach: &Reach, name: &str, version: u32) -> Result<Exit, Failure> {
    let at = format!("/v1/cluster/registry/{name}/promote");
    let request = ServeRequest { version };
    let done: DoneReply = ask(reach, (Method::POST, &at), Some(&request), CHANGE).await?;
    complain(&done.done);
    Ok(Exit::Done)
}

fn metric(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is no NAME=NUMBER"))?;
    millionths(value)?;
    Ok((name.to_owned(), value.to_owned()))
}
