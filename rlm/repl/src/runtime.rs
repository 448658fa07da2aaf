//! What all sessions of a process share: the engine, the compiled component, the base image of the
//! guest after our Python was loaded, and the thread that advances the epoch while blocks run.

use crate::aot::{self, CompileError, Progress};
use crate::api::SessionConfig;
use crate::guest_source::MODULES;
use crate::link;
use crate::memory::{BaseImage, Creator, Idle, Linear};
use crate::meter::Meter;
use crate::session::{Session, SessionError};
use crate::state::{Asked, Guest};
use crate::ticker::Ticker;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, OnceCell, mpsc};
use wasmtime::component::{InstancePre, TypedFunc};
use wasmtime::{Config, Engine, Store, UpdateDeadline};

/// How a runtime is opened.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// Private folder for the compiled component (37 MB); made when it is missing.
    pub cache_dir: PathBuf,
}

/// Why a runtime did not open.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error("the engine that runs Python cannot start: {0:#}")]
    Engine(wasmtime::Error),
}

/// One per process; sessions hold it.
pub struct Runtime {
    pub(crate) engine: Engine,
    pre: InstancePre<Guest>,
    creator: Arc<Creator>,
    /// One instantiation at a time: between the creator's order and its collection nobody else may
    /// ask for memory. A message to an owner would serialise the same work with more parts.
    instantiating: Mutex<()>,
    base: OnceCell<Arc<BaseImage>>,
    pub(crate) ticker: Ticker,
}

pub(crate) type Call = TypedFunc<(String, String), (String,)>;

/// A guest with its memory.
pub(crate) struct Instance {
    pub(crate) store: Store<Guest>,
    pub(crate) call: Call,
    pub(crate) memory: Arc<Linear>,
}

impl Runtime {
    /// Loads the compiled component, or compiles it (once per machine, 12 s of processor time).
    pub fn open(
        options: &RuntimeOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Arc<Runtime>, RuntimeError> {
        let creator = Arc::new(Creator::default());
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .memory_init_cow(false)
            .max_wasm_stack(WASM_STACK)
            .async_stack_size(FIBER_STACK)
            .with_host_memory(Arc::clone(&creator) as Arc<dyn wasmtime::MemoryCreator>);
        let engine = Engine::new(&config).map_err(RuntimeError::Engine)?;
        let component = aot::component(&engine, &options.cache_dir, progress)?;
        let pre = link::linker(&engine)
            .and_then(|linker| linker.instantiate_pre(&component))
            .map_err(RuntimeError::Engine)?;
        Ok(Arc::new(Runtime {
            ticker: Ticker::start(engine.clone()),
            engine,
            pre,
            creator,
            instantiating: Mutex::new(()),
            base: OnceCell::new(),
        }))
    }

    /// A new session: Python with `config`'s context and nothing else in it.
    pub async fn session(self: &Arc<Self>, config: SessionConfig) -> Result<Session, SessionError> {
        Session::start(Arc::clone(self), config).await
    }

    /// The session that [`Session::snapshot`] wrote, in this or another process. `config` must name
    /// the same context; its limits may differ.
    pub async fn restore(
        self: &Arc<Self>,
        snapshot: &[u8],
        config: SessionConfig,
    ) -> Result<Session, SessionError> {
        Session::restore(Arc::clone(self), config, snapshot).await
    }

    /// The guest's memory after our modules were loaded; made once, when the first session starts.
    pub(crate) async fn base(&self) -> Result<&Arc<BaseImage>, SessionError> {
        self.base.get_or_try_init(|| self.make_base()).await
    }

    async fn make_base(&self) -> Result<Arc<BaseImage>, SessionError> {
        let (asked, _) = mpsc::channel(1);
        let guest = Guest::new(None, Arc::new(Meter::default()), asked);
        let mut instance = self.instantiate(guest, 0).await?;
        for (name, source) in MODULES {
            instance.call("load", format!("{name}\n{source}")).await?;
        }
        instance.call("settle", String::new()).await?;
        let idle = Idle::of(&mut instance.store);
        let image = BaseImage::capture(&instance.memory, &idle).map_err(SessionError::Memory)?;
        Ok(Arc::new(image))
    }

    /// An instance on the base image, with memory for at least `size` bytes.
    pub(crate) async fn guest(
        &self,
        config: &SessionConfig,
        meter: &Arc<Meter>,
        asked: mpsc::Sender<Asked>,
        size: usize,
    ) -> Result<Instance, SessionError> {
        let base = Arc::clone(self.base().await?);
        let guest = Guest::new(Some(config), Arc::clone(meter), asked);
        let mut instance = self.instantiate(guest, size.max(base.len())).await?;
        let mut idle = Idle::of(&mut instance.store);
        let shared = instance.memory.share(&mut idle, &base);
        shared.map_err(SessionError::Memory)?;
        Ok(instance)
    }

    async fn instantiate(&self, guest: Guest, size: usize) -> Result<Instance, SessionError> {
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.growth);
        store.set_epoch_deadline(NEVER);
        store.epoch_deadline_callback(|store| {
            let meter = &store.data().meter;
            Ok(if meter.exceeded() || meter.stopped() {
                UpdateDeadline::Interrupt
            } else {
                UpdateDeadline::Yield(1)
            })
        });
        let (instance, memory) = {
            let _one_at_a_time = self.instantiating.lock().await;
            self.creator.order(size);
            let instance = self.pre.instantiate_async(&mut store).await;
            (
                instance.map_err(SessionError::Instance)?,
                self.creator.collect(),
            )
        };
        let memory = memory.ok_or(SessionError::NoMemory)?;
        let call = instance
            .get_typed_func(&mut store, "call")
            .map_err(SessionError::Instance)?;
        Ok(Instance {
            store,
            call,
            memory,
        })
    }
}

impl Instance {
    /// A call without a time limit of its own, for our modules only.
    pub(crate) async fn call(
        &mut self,
        name: &str,
        payload: String,
    ) -> Result<String, SessionError> {
        self.store.set_epoch_deadline(NEVER);
        let result = self
            .call
            .call_async(&mut self.store, (name.to_owned(), payload))
            .await;
        result.map(|(reply,)| reply).map_err(SessionError::Instance)
    }
}

/// Deep recursion of C code (nested `repr`, regular expressions) fits; RecursionError comes before.
const WASM_STACK: usize = 4 << 20;
/// The fiber holds the guest's stack and the host functions that it calls.
const FIBER_STACK: usize = 6 << 20;
/// Epoch ticks that never pass: a yield inside an instantiation gains nothing.
const NEVER: u64 = 1 << 50;
