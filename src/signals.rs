//! How a person or the system asks a program to end: Ctrl-C and SIGTERM mean the same. What runs
//! then ends by itself; a signal never leaves processes of ours behind.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for the next of the two.
pub(crate) async fn asked_to_stop() {
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => drop(signals.recv().await),
            // Without a handler the signal ends the process as it always did.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminate => {}
        pressed = tokio::signal::ctrl_c() => drop(pressed),
    }
}
