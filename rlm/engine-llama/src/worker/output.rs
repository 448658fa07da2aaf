//! The child's stdout as frames, for both of its threads. A mutex, because a frame must reach the
//! pipe whole and neither thread may wait for the other's work.

use crate::ffi;
use crate::frames::{FromWorker, write_frame};
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone)]
pub(super) struct Output(Arc<Mutex<File>>);

impl Output {
    pub(super) fn new(file: File) -> Output {
        Output(Arc::new(Mutex::new(file)))
    }

    /// Sends one frame. Without a reader there is no reason to live.
    pub(super) fn send(&self, message: &FromWorker) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if write_frame(&mut *file, message).is_err() {
            ffi::end_now(0);
        }
    }
}
