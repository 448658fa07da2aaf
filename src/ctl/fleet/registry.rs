//! `rlm-ctl registry`: a file becomes a version, a version is served, an earlier one is again.

use super::super::args::Output;
use super::super::{Failure, complain, print};
use super::args::{ListOutput, RegistryCommand};
use super::{CHANGE, forms, show};
use crate::exit::Exit;
use crate::fleet::api::{DoneReply, RegistryLine, RegistryList, RollbackRequest};
use crate::fleet::registry::{BlobMade, ServeRequest, VersionMade, VersionRequest, millionths};
use crate::fleet::wish::{Reach, ask, look, upload};
use clap::Args;
use hyper::Method;
use serde::Serialize;
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

/// One model of the registry, and how far the answering node's log was.
#[derive(Serialize)]
struct ModelDocument<'a> {
    v: u32,
    term: u64,
    applied: u64,
    #[serde(flatten)]
    model: &'a RegistryLine,
}

pub(super) async fn run(reach: &Reach, command: RegistryCommand) -> Result<Exit, Failure> {
    match command {
        RegistryCommand::List { output } => {
            let list = registry(reach).await?;
            let name = |model: &RegistryLine| model.name.clone();
            let text = || show::registry(&list);
            forms::list(output, (&list, &list.models), name, text)?;
            forms::label(output, (list.term, list.applied));
        }
        RegistryCommand::Show { name, output } => show_model(reach, &name, output).await?,
        RegistryCommand::Add(args) => add(reach, args).await?,
        RegistryCommand::Promote {
            name,
            version,
            output,
        } => {
            let at = format!("/v1/cluster/registry/{name}/promote");
            let request = ServeRequest { version };
            let reply: DoneReply = ask(reach, (Method::POST, &at), Some(&request), CHANGE).await?;
            forms::done(output.is_json(), &reply)?;
        }
        RegistryCommand::Rollback { name, to, output } => {
            let at = format!("/v1/cluster/registry/{name}/rollback");
            let request = RollbackRequest { to };
            let reply: DoneReply = ask(reach, (Method::POST, &at), Some(&request), CHANGE).await?;
            forms::done(output.is_json(), &reply)?;
        }
    }
    Ok(Exit::Done)
}

async fn registry(reach: &Reach) -> Result<RegistryList, Failure> {
    look(reach, "/v1/cluster/registry").await
}

async fn show_model(reach: &Reach, name: &str, output: Output) -> Result<(), Failure> {
    let list = registry(reach).await?;
    let model = list.models.iter().find(|model| model.name == name);
    let model = model.ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("there is no model `{name}`"))
            .next("`rlm-ctl registry list`")
    })?;
    match output {
        Output::Json => forms::document(&ModelDocument {
            v: list.v,
            term: list.term,
            applied: list.applied,
            model,
        })?,
        Output::Text => {
            print(&show::model(model));
            forms::label(ListOutput::Text, (list.term, list.applied));
        }
    }
    Ok(())
}

async fn add(reach: &Reach, args: AddArgs) -> Result<(), Failure> {
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
        Output::Json => forms::document(&made)?,
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
    Ok(())
}

fn metric(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is no NAME=NUMBER"))?;
    millionths(value)?;
    Ok((name.to_owned(), value.to_owned()))
}
