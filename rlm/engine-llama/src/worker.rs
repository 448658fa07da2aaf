//! The child process: loads one model, then answers frames until its parent closes the pipe. Owns
//! the llama.cpp context in one thread; a second thread reads frames, counts tokens, and ends the
//! process the moment the parent is gone, also in the middle of a decode.

mod batcher;
mod embedder;
mod output;
mod prompt;

use crate::ffi::{self, Backend, Context, ContextSpec, Model, ModelSpec};
use crate::frames::{FromWorker, LoadSpec, Loaded, ToWorker, read_frame};
use batcher::Batcher;
use embedder::Embedder;
use output::Output;
use prompt::Template;
use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The hidden subcommand's body. Speaks frames on stdin and stdout; people should not call it.
pub fn worker_main() -> ExitCode {
    ffi::settle_as_child();
    let (input, output) = match ffi::claim_stdio() {
        Ok(both) => both,
        Err(error) => return complain(&format!("cannot take over stdin and stdout: {error}")),
    };
    let output = Output::new(output);
    let mut input = BufReader::new(input);
    match read_frame::<ToWorker>(&mut input) {
        Ok(Some(ToWorker::Load(spec))) => serve(&spec, input, &output),
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(_)) => complain("the first frame was not `Load`"),
        Err(error) => complain(&format!(
            "stdin does not speak the engine's protocol: {error}"
        )),
    }
}

fn serve(spec: &LoadSpec, input: BufReader<File>, output: &Output) -> ExitCode {
    let backend = Backend::start();
    let model_spec = ModelSpec {
        path: spec.model.clone(),
        mmap: spec.mmap,
        extra_bufts: spec.extra_bufts,
    };
    let Some(model) = Model::load(&backend, &model_spec) else {
        output.send(&FromWorker::LoadFailed {
            reason: "the file was refused".into(),
        });
        return ExitCode::from(EXIT_LOAD);
    };
    let Some(context) = Context::new(&model, &context_spec(spec, &model)) else {
        let reason = "no context could be made (memory, or options that llama.cpp refuses)";
        output.send(&FromWorker::LoadFailed {
            reason: reason.into(),
        });
        return ExitCode::from(EXIT_LOAD);
    };
    let (template, note) = Template::of(&model);
    let embeddings = spec.embeddings;
    let notes = if embeddings {
        Vec::new()
    } else {
        note.into_iter().collect()
    };
    output.send(&FromWorker::Loaded(Loaded { notes, embeddings }));
    let (sender, inbox) = sync_channel(INBOX_FRAMES);
    let reader = Reader {
        input,
        output: output.clone(),
        model: Arc::clone(&model),
        sender,
    };
    let started = std::thread::Builder::new()
        .name("frames".into())
        .spawn(move || reader.run());
    if let Err(error) = started {
        return complain(&format!("cannot start a thread: {error}"));
    }
    run(spec, model, context, template, &inbox, output);
    ExitCode::SUCCESS
}

fn run(
    spec: &LoadSpec,
    model: Arc<Model>,
    context: Context,
    template: Template,
    inbox: &Receiver<ToWorker>,
    output: &Output,
) {
    if spec.embeddings {
        Embedder::new(spec, model, context, output.clone()).run(inbox);
    } else {
        Batcher::new(spec, model, context, template, output.clone()).run(inbox);
    }
}

fn context_spec(spec: &LoadSpec, model: &Model) -> ContextSpec {
    let whole_text = spec.embeddings && !model.has_decoder();
    // An encoder sees its texts whole: the window is one batch.
    let batch = if whole_text {
        spec.window.max(spec.chunk)
    } else {
        spec.chunk
    };
    ContextSpec {
        cells: if spec.embeddings {
            spec.window.max(spec.chunk)
        } else {
            spec.cells
        },
        batch,
        at_once: if spec.embeddings { batch } else { spec.at_once },
        sequences: if spec.embeddings {
            embedder::TEXTS_AT_ONCE
        } else {
            spec.slots + spec.spare + spec.pinned
        },
        // llama.cpp asserts room for one row per sequence, whatever a batch asks for.
        outputs: if spec.embeddings {
            0
        } else {
            spec.slots + spec.spare + spec.pinned
        },
        threads: spec.threads,
        kv: spec.kv,
        flash_attention: spec.flash_attention,
        embeddings: spec.embeddings,
    }
}

/// The reading half: never blocks on the model, so that the parent's end is seen at once.
struct Reader {
    input: BufReader<File>,
    output: Output,
    model: Arc<Model>,
    sender: SyncSender<ToWorker>,
}

impl Reader {
    fn run(mut self) {
        loop {
            match read_frame::<ToWorker>(&mut self.input) {
                Ok(Some(ToWorker::Count { id, text })) => {
                    let tokens = self.model.tokenize(&text, false, false).len() as u64;
                    self.output.send(&FromWorker::Counted { id, tokens });
                }
                Ok(Some(message)) => {
                    if self.sender.send(message).is_err() {
                        ffi::end_now(0);
                    }
                }
                Ok(None) => ffi::end_now(0),
                Err(error) => {
                    complain(&format!(
                        "stdin does not speak the engine's protocol: {error}"
                    ));
                    ffi::end_now(EXIT_PROTOCOL);
                }
            }
        }
    }
}

/// Tells stderr, which the parent keeps, why the child ends.
fn complain(what: &str) -> ExitCode {
    use std::io::Write;
    if let Err(error) = writeln!(std::io::stderr(), "{what}") {
        tracing::debug!(%error, "stderr is closed");
    }
    ExitCode::from(EXIT_PROTOCOL)
}

/// Frames that wait for the model's thread; the parent bounds its calls far below.
const INBOX_FRAMES: usize = 4096;
/// The model could not be loaded; the reason was sent.
const EXIT_LOAD: u8 = 66;
/// The parent did not speak the protocol.
const EXIT_PROTOCOL: u8 = 65;
