//! The small language of these tests: one runtime per process, sessions on a text, hosts that echo.

use repl::{
    BlockOutcome, GuestStyle, Host, LmCall, ReplLimits, Runtime, RuntimeOptions, Session,
    SessionConfig,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// The runtime of this process; the compiled component is shared with later runs of the tests.
pub(crate) fn runtime() -> &'static Arc<Runtime> {
    static RUNTIME: OnceLock<Arc<Runtime>> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let options = RuntimeOptions {
            cache_dir: cache_dir(),
        };
        Runtime::open(&options, &mut |progress| println!("{progress:?}")).unwrap()
    })
}

pub(crate) fn cache_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("repl")
}

pub(crate) fn config(text: &str) -> SessionConfig {
    SessionConfig {
        context: Arc::new(context::Context::from_text(text.to_owned())),
        query: "What is it?".into(),
        seed: 7,
        clock: 1_735_689_600,
        limits: ReplLimits::default(),
        style: GuestStyle::Capable,
        depth_left: 0,
    }
}

pub(crate) async fn session(text: &str) -> Session {
    runtime().session(config(text)).await.unwrap()
}

/// Answers as the reference run did, and remembers what it was asked.
#[derive(Default)]
pub(crate) struct Echo {
    pub(crate) batches: Mutex<Vec<Vec<LmCall>>>,
}

impl Echo {
    /// Sizes of the batches so far.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.batches.lock().unwrap().iter().map(Vec::len).collect()
    }
}

#[async_trait::async_trait]
impl Host for Echo {
    async fn ask(&self, calls: Vec<LmCall>) -> Vec<Result<String, String>> {
        let answer = |call: &LmCall| {
            let head: String = call.prompt.chars().take(10).collect();
            if head.starts_with("fail") {
                return Err("llm backend down".to_owned());
            }
            Ok(format!("echo:{}:{head}", call.prompt.chars().count()))
        };
        let answers = calls.iter().map(answer).collect();
        self.batches.lock().unwrap().push(calls);
        answers
    }
}

pub(crate) async fn run(session: &mut Session, code: &str) -> BlockOutcome {
    session.run(code, &Echo::default()).await.unwrap()
}

/// The printed text of a block that must not fail.
pub(crate) async fn prints(session: &mut Session, code: &str) -> String {
    let outcome = run(session, code).await;
    assert_eq!(outcome.error, None, "{code}");
    outcome.stdout
}
