//! What the guest can reach: the empty WASI world and the three imports of the component. A request
//! is JSON text both ways; `{"ok": value}` or `{"err": [kind, message, limit]}` comes back, where
//! the kind is the Python exception that the guest raises.

use crate::api::LmCall;
use crate::ctx_ops;
use crate::meter::timed;
use crate::state::{Asked, Guest};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    let mut root = linker.root();
    root.func_wrap_async(
        "host",
        |mut store: StoreContextMut<'_, Guest>, (name, payload): (String, String)| {
            Box::new(async move {
                let reply = match request(store.data_mut(), &name, payload).await {
                    Ok(value) => json!({ "ok": value }),
                    Err(refusal) => {
                        json!({ "err": [refusal.kind, refusal.message, refusal.limit] })
                    }
                };
                Ok((reply.to_string(),))
            })
        },
    )?;
    root.func_wrap_async(
        "read",
        |mut store: StoreContextMut<'_, Guest>, (text, start, len): (u32, u64, u64)| {
            Box::new(async move {
                let read =
                    move |context: &context::Context| ctx_ops::read(context, text, start, len);
                // The guest asks within bounds; if it does not, it gets what there is: nothing.
                let text = off_thread(store.data_mut(), len, read)
                    .await
                    .unwrap_or_default();
                Ok((text,))
            })
        },
    )?;
    root.func_wrap(
        "host-bytes",
        |_: StoreContextMut<'_, Guest>, (_, _): (String, Vec<u8>)| Ok((Vec::<u8>::new(),)),
    )?;
    sleep_at_once(&mut linker)?;
    Ok(linker)
}

/// A guest that sleeps does not take time: its clock moves on instead, and what it waits for is
/// ready. All of `time.sleep`, `select` and timed waits end up here.
fn sleep_at_once(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut clock = linker.instance(MONOTONIC_CLOCK)?;
    clock.func_wrap(
        "subscribe-duration",
        |mut store: StoreContextMut<'_, Guest>, (nanos,): (u64,)| {
            Ok((slept(store.data_mut(), Duration::from_nanos(nanos))?,))
        },
    )?;
    clock.func_wrap(
        "subscribe-instant",
        |mut store: StoreContextMut<'_, Guest>, (when,): (u64,)| {
            let left = when.saturating_sub(store.data().clock.moved());
            Ok((slept(store.data_mut(), Duration::from_nanos(left))?,))
        },
    )
}

fn slept(guest: &mut Guest, time: Duration) -> wasmtime::Result<Resource<DynPollable>> {
    guest.clock.advance(time);
    let over = guest.table().push(Over)?;
    subscribe(guest.table(), over)
}

/// A wait that is over.
struct Over;

#[async_trait::async_trait]
impl Pollable for Over {
    async fn ready(&mut self) {}
}

/// Why a request is not answered; the guest raises `kind(message)`.
pub(crate) struct Refusal {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    /// A limit of the block was passed: if nobody catches the exception, the block is undone.
    limit: bool,
}

impl Refusal {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Refusal {
        Refusal {
            kind,
            message: message.into(),
            limit: false,
        }
    }
}

async fn request(guest: &mut Guest, name: &str, payload: String) -> Result<Value, Refusal> {
    match name {
        "lm" => ask_models(guest, &payload).await,
        "out" => {
            guest.printed.push_str(&payload);
            if guest.printed.len() > PRINTED_MAX {
                let cut = guest.printed.floor_char_boundary(PRINTED_MAX);
                guest.printed.truncate(cut);
            }
            Ok(Value::Null)
        }
        "sleep" => {
            let seconds: f64 = payload.parse().unwrap_or(0.0);
            let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            guest.clock.advance(time);
            Ok(Value::Null)
        }
        "ctx" => {
            let request: Value = serde_json::from_str(&payload)
                .map_err(|error| Refusal::new("ValueError", format!("bad request: {error}")))?;
            let cost = guest.context.as_ref().map_or(0, |c| ctx_ops::cost(c));
            off_thread(guest, cost, move |context| {
                ctx_ops::answer(context, &request)
            })
            .await
        }
        other => Err(Refusal::new(
            "ValueError",
            format!("unknown request `{other}`"),
        )),
    }
}

/// Suspends the guest until whoever drives the session has answered.
async fn ask_models(guest: &mut Guest, payload: &str) -> Result<Value, Refusal> {
    let calls: Vec<LmCall> = serde_json::from_str(payload)
        .map_err(|error| Refusal::new("ValueError", format!("not a model call: {error}")))?;
    let count = u32::try_from(calls.len()).unwrap_or(u32::MAX);
    let Some(left) = guest.calls_left.checked_sub(count) else {
        let left = guest.calls_left;
        let message = format!(
            "{count} model calls asked for, {left} are left in this block; ask less, or more in \
             each prompt"
        );
        return Err(Refusal {
            limit: true,
            ..Refusal::new("RuntimeError", message)
        });
    };
    guest.calls_left = left;
    let (answer, answered) = oneshot::channel();
    let gone = |_| Refusal::new("RuntimeError", "nobody answers model calls now");
    let asked = guest.asked.clone();
    asked
        .send(Asked { calls, answer })
        .await
        .map_err(|_| gone(()))?;
    let results = answered.await.map_err(|_| gone(()))?;
    serde_json::to_value(results)
        .map_err(|error| Refusal::new("ValueError", format!("cannot hand over: {error}")))
}

/// Work on the context: at once when it is small, on a blocking thread when it may take long. Its
/// processor time counts as the guest's either way.
async fn off_thread<T: Send + 'static>(
    guest: &mut Guest,
    cost: u64,
    work: impl FnOnce(&context::Context) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let Some(context) = guest.context.clone() else {
        return Err(Refusal::new("RuntimeError", "there is no context yet"));
    };
    if cost <= INLINE_MAX {
        return work(&context);
    }
    let meter = Arc::clone(&guest.meter);
    let done = tokio::task::spawn_blocking(move || timed(|| work(&context))).await;
    let (value, took) =
        done.map_err(|_| Refusal::new("RuntimeError", "the work on the context failed"))?;
    meter.add(took);
    value
}

/// As wasmtime-wasi names it; guests with an older minor version find it too.
const MONOTONIC_CLOCK: &str = "wasi:clocks/monotonic-clock@0.2.12";
/// Bytes of printed text that a guest can make the host keep, whatever it claims to have cut.
const PRINTED_MAX: usize = 4 << 20;
/// Characters that are searched without leaving the thread: well under a millisecond.
const INLINE_MAX: u64 = 1 << 18;
