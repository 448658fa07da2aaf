//! The forms of an answer: text for a person, JSON documents and lines, ids for scripts. Every
//! document and line has its version `v`.

use super::super::{Failure, coloured, complain, print};
use super::args::ListOutput;
use crate::exit::Exit;
use crate::fleet::api::{DoneReply, VERSION};
use serde::Serialize;

/// An item of a list on a line of its own.
#[derive(Serialize)]
struct Item<'a, T> {
    v: u32,
    #[serde(flatten)]
    item: &'a T,
}

/// A whole list or its items, as they are wanted; `id` is what names an item.
pub(super) fn list<D: Serialize, I: Serialize>(
    form: ListOutput,
    (whole, items): (&D, &[I]),
    id: impl Fn(&I) -> String,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    match form {
        ListOutput::Text => print(&text()),
        ListOutput::Json => document(whole)?,
        ListOutput::Ndjson => {
            for item in items {
                line(&Item { v: VERSION, item })?;
            }
        }
        ListOutput::Id => {
            for item in items {
                print(&format!("{}\n", id(item)));
            }
        }
    }
    Ok(())
}

pub(super) fn document<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| unwritten(&error))?;
    print(&format!("{text}\n"));
    Ok(())
}

pub(super) fn line<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| unwritten(&error))?;
    print(&format!("{text}\n"));
    Ok(())
}

/// What was done: talk for a person, a document for a program.
pub(super) fn done(json: bool, reply: &DoneReply) -> Result<(), Failure> {
    if json {
        return document(reply);
    }
    complain(&reply.done);
    Ok(())
}

/// Below a list for a person: how far the answering node's log was, since it may be behind. The
/// other forms have it in their fields.
pub(super) fn label(form: ListOutput, (term, applied): (u64, u64)) {
    // A node of an earlier version does not say it.
    if form != ListOutput::Text || applied == 0 {
        return;
    }
    let text = format!("as this node last heard: entry {applied}, term {term}");
    complain(&if coloured() {
        format!("\x1b[2m{text}\x1b[0m")
    } else {
        text
    });
}

fn unwritten(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Failed, "no JSON could be written").why(error)
}
