//! Model, context and batch of llama.cpp with Rust ownership. Invariants: a context outlives no
//! model; positions and sequence ids in a batch are in range, because llama.cpp asserts them.
#![allow(unsafe_code, reason = "llama.cpp is a C library")]

use super::Token;
use crate::options::KvType;
use llama_cpp_sys_2 as sys;
use std::ffi::{CStr, CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;

/// Initialises llama.cpp once for the process and sends its warnings to stderr.
pub(crate) struct Backend(());

impl Backend {
    pub(crate) fn start() -> Backend {
        // SAFETY: the callback is a plain function and needs no data.
        unsafe {
            sys::llama_log_set(Some(log_to_stderr), std::ptr::null_mut());
            sys::llama_backend_init();
        }
        Backend(())
    }
}

/// Warnings and errors only: the parent keeps the last lines to explain a death.
unsafe extern "C" fn log_to_stderr(
    level: sys::ggml_log_level,
    text: *const c_char,
    _data: *mut c_void,
) {
    if text.is_null() || !(level == sys::GGML_LOG_LEVEL_WARN || level == sys::GGML_LOG_LEVEL_ERROR)
    {
        return;
    }
    // SAFETY: llama.cpp passes a string that ends with NUL and lives during the call.
    let text = unsafe { CStr::from_ptr(text) };
    // Said of every context that is shared by several sequences; it explains no death.
    if text
        .to_string_lossy()
        .contains("possible training context overflow")
    {
        return;
    }
    let text = text.to_bytes();
    // SAFETY: the pointer and the length describe `text`. A write that fails has nobody to tell.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
}

pub(crate) struct ModelSpec {
    pub(crate) path: PathBuf,
    pub(crate) mmap: bool,
    pub(crate) extra_bufts: bool,
}

pub(crate) struct Model {
    handle: NonNull<sys::llama_model>,
}

// SAFETY: after loading, a model is only read; llama.cpp documents its accessors as thread-safe.
unsafe impl Send for Model {}
// SAFETY: as above.
unsafe impl Sync for Model {}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: contexts and samplers hold an Arc, so none is left.
        unsafe { sys::llama_model_free(self.handle.as_ptr()) }
    }
}

impl Model {
    /// `None` when llama.cpp refused the file; its reason went to stderr.
    pub(crate) fn load(_backend: &Backend, spec: &ModelSpec) -> Option<Arc<Model>> {
        let path = path_to_c(&spec.path)?;
        // SAFETY: default params are plain data; the path lives during the call.
        let handle = unsafe {
            let mut params = sys::llama_model_default_params();
            params.n_gpu_layers = 0;
            params.load_mode = if spec.mmap {
                sys::LLAMA_LOAD_MODE_MMAP
            } else {
                sys::LLAMA_LOAD_MODE_NONE
            };
            params.use_extra_bufts = spec.extra_bufts;
            sys::llama_model_load_from_file(path.as_ptr(), params)
        };
        NonNull::new(handle).map(|handle| Arc::new(Model { handle }))
    }

    pub(super) fn vocab(&self) -> *const sys::llama_vocab {
        // SAFETY: the model lives.
        unsafe { sys::llama_model_get_vocab(self.handle.as_ptr()) }
    }

    pub(crate) fn vocab_size(&self) -> usize {
        // SAFETY: the vocabulary lives as long as the model.
        usize::try_from(unsafe { sys::llama_vocab_n_tokens(self.vocab()) }).unwrap_or(0)
    }

    pub(crate) fn embedding_size(&self) -> usize {
        // SAFETY: the model lives.
        usize::try_from(unsafe { sys::llama_model_n_embd(self.handle.as_ptr()) }).unwrap_or(0)
    }

    pub(crate) fn has_decoder(&self) -> bool {
        // SAFETY: the model lives.
        unsafe { sys::llama_model_has_decoder(self.handle.as_ptr()) }
    }

    /// Recurrent and hybrid models cannot forget the tail of a sequence, so nothing is reused.
    pub(crate) fn can_trim(&self) -> bool {
        // SAFETY: the model lives.
        unsafe {
            !sys::llama_model_is_recurrent(self.handle.as_ptr())
                && !sys::llama_model_is_hybrid(self.handle.as_ptr())
        }
    }

    pub(crate) fn is_end(&self, token: Token) -> bool {
        // SAFETY: the vocabulary lives; an unknown token gives false.
        unsafe { sys::llama_vocab_is_eog(self.vocab(), token) }
    }

    /// Tokens of `text`. `special` gives control tokens their meaning; `start` adds what the model
    /// wants at the beginning of a text.
    pub(crate) fn tokenize(&self, text: &str, start: bool, special: bool) -> Vec<Token> {
        let Ok(length) = i32::try_from(text.len()) else {
            return Vec::new();
        };
        let mut tokens = vec![0; text.len() + TOKENS_BESIDE_TEXT];
        loop {
            let room = i32::try_from(tokens.len()).unwrap_or(i32::MAX);
            // SAFETY: pointer and length describe `text` and `tokens`.
            let written = unsafe {
                let into = tokens.as_mut_ptr();
                let text = text.as_ptr().cast();
                sys::llama_tokenize(self.vocab(), text, length, into, room, start, special)
            };
            match usize::try_from(written) {
                Ok(count) => {
                    tokens.truncate(count);
                    return tokens;
                }
                // The negative of what is needed.
                Err(_) => tokens.resize(usize::try_from(-i64::from(written)).unwrap_or(0), 0),
            }
        }
    }

    /// The bytes that a token stands for; control tokens stand for nothing.
    pub(crate) fn piece(&self, token: Token, into: &mut Vec<u8>) {
        let mut buffer = [0_u8; 64];
        let written = self.piece_into(token, &mut buffer);
        match usize::try_from(written) {
            Ok(count) => into.extend_from_slice(&buffer[..count.min(buffer.len())]),
            Err(_) => {
                let needed = usize::try_from(-i64::from(written)).unwrap_or(0);
                let mut large = vec![0; needed];
                let count = usize::try_from(self.piece_into(token, &mut large)).unwrap_or(0);
                into.extend_from_slice(&large[..count.min(needed)]);
            }
        }
    }

    fn piece_into(&self, token: Token, buffer: &mut [u8]) -> i32 {
        let room = i32::try_from(buffer.len()).unwrap_or(i32::MAX);
        // SAFETY: pointer and length describe `buffer`.
        unsafe {
            let into = buffer.as_mut_ptr().cast();
            sys::llama_token_to_piece(self.vocab(), token, into, room, 0, false)
        }
    }

    pub(crate) fn chat_template(&self) -> Option<String> {
        // SAFETY: the model lives; the result is null or a string that lives as long.
        unsafe {
            let found = sys::llama_model_chat_template(self.handle.as_ptr(), std::ptr::null());
            (!found.is_null()).then(|| CStr::from_ptr(found).to_string_lossy().into_owned())
        }
    }
}

/// Messages as one text under `template`; `None` when llama.cpp does not know that template.
/// `open` begins the assistant's turn.
pub(crate) fn apply_template(
    template: &str,
    messages: &[(String, String)],
    open: bool,
) -> Option<String> {
    let template = CString::new(template).ok()?;
    let owned: Vec<(CString, CString)> = messages
        .iter()
        .map(|(role, content)| (lossy_c(role), lossy_c(content)))
        .collect();
    let chat: Vec<sys::llama_chat_message> = owned
        .iter()
        .map(|(role, content)| sys::llama_chat_message {
            role: role.as_ptr(),
            content: content.as_ptr(),
        })
        .collect();
    let mut buffer: Vec<u8> = Vec::new();
    loop {
        let room = i32::try_from(buffer.len()).ok()?;
        // SAFETY: all pointers live during the call, and lengths match. The C++ side throws only
        // when memory runs out.
        let needed = unsafe {
            let into = buffer.as_mut_ptr().cast();
            sys::llama_chat_apply_template(
                template.as_ptr(),
                chat.as_ptr(),
                chat.len(),
                open,
                into,
                room,
            )
        };
        let needed = usize::try_from(needed).ok()?;
        if needed <= buffer.len() {
            buffer.truncate(needed);
            return String::from_utf8(buffer).ok();
        }
        buffer.resize(needed, 0);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ContextSpec {
    pub(crate) cells: u32,
    /// Tokens that one decode may take.
    pub(crate) batch: u32,
    /// Of these, how many are computed in one go.
    pub(crate) at_once: u32,
    pub(crate) sequences: u32,
    /// Rows of logits that one decode may ask for.
    pub(crate) outputs: u32,
    pub(crate) threads: u32,
    pub(crate) kv: KvType,
    pub(crate) flash_attention: bool,
    pub(crate) embeddings: bool,
}

/// One token of a decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchToken {
    pub(crate) token: Token,
    pub(crate) position: u32,
    pub(crate) sequence: u32,
    /// Whether the next token of this sequence will be chosen after this decode.
    pub(crate) wants_logits: bool,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the key-value memory is full")]
    Full,
    #[error("llama_decode gave {0}")]
    Code(i32),
}

pub(crate) struct Context {
    handle: NonNull<sys::llama_context>,
    batch: Batch,
    model: Arc<Model>,
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: we own the context; the model is freed after it.
        unsafe { sys::llama_free(self.handle.as_ptr()) }
    }
}

impl Context {
    pub(crate) fn new(model: &Arc<Model>, spec: &ContextSpec) -> Option<Context> {
        let threads = i32::try_from(spec.threads).ok()?;
        let kv = match spec.kv {
            KvType::F16 => sys::GGML_TYPE_F16,
            KvType::Q8_0 => sys::GGML_TYPE_Q8_0,
            KvType::Q4_0 => sys::GGML_TYPE_Q4_0,
        };
        // SAFETY: default params are plain data, the model lives.
        let handle = unsafe {
            let mut params = sys::llama_context_default_params();
            params.n_ctx = spec.cells;
            params.n_batch = spec.batch;
            params.n_ubatch = spec.at_once;
            params.n_seq_max = spec.sequences;
            params.n_outputs_max = spec.outputs;
            params.n_threads = threads;
            params.n_threads_batch = threads;
            params.type_k = kv;
            params.type_v = kv;
            params.flash_attn_type = if spec.flash_attention {
                sys::LLAMA_FLASH_ATTN_TYPE_ENABLED
            } else {
                sys::LLAMA_FLASH_ATTN_TYPE_DISABLED
            };
            params.kv_unified = true;
            params.embeddings = spec.embeddings;
            if spec.embeddings {
                params.pooling_type = sys::LLAMA_POOLING_TYPE_MEAN;
            }
            sys::llama_init_from_model(model.handle.as_ptr(), params)
        };
        Some(Context {
            handle: NonNull::new(handle)?,
            batch: Batch::new(spec.batch)?,
            model: Arc::clone(model),
        })
    }

    pub(crate) fn decode(&mut self, tokens: &[BatchToken]) -> Result<(), DecodeError> {
        self.batch.fill(tokens);
        // SAFETY: the batch describes `tokens`, whose number is within its room.
        let code = unsafe { sys::llama_decode(self.handle.as_ptr(), self.batch.raw) };
        match code {
            0 => {
                // SAFETY: the context lives.
                unsafe { sys::llama_synchronize(self.handle.as_ptr()) };
                Ok(())
            }
            1 => Err(DecodeError::Full),
            other => Err(DecodeError::Code(other)),
        }
    }

    /// Threads of the next decodes.
    pub(crate) fn set_threads(&mut self, threads: u32) {
        let threads = i32::try_from(threads).unwrap_or(i32::MAX);
        // SAFETY: the context lives and is not decoding.
        unsafe { sys::llama_set_n_threads(self.handle.as_ptr(), threads, threads) }
    }

    /// The logits after the token at `index` of the last batch, which had asked for them.
    pub(crate) fn logits(&self, index: usize) -> Option<&[f32]> {
        let index = i32::try_from(index).ok()?;
        // SAFETY: null, or a row of vocabulary size that lives until the next decode (which needs
        // `&mut self`).
        unsafe {
            let row = sys::llama_get_logits_ith(self.handle.as_ptr(), index);
            (!row.is_null()).then(|| std::slice::from_raw_parts(row, self.model.vocab_size()))
        }
    }

    /// One pooled vector for each sequence `0..count` of `tokens`.
    pub(crate) fn embed(
        &mut self,
        tokens: &[BatchToken],
        count: u32,
    ) -> Result<Vec<Vec<f32>>, DecodeError> {
        self.batch.fill(tokens);
        let size = self.model.embedding_size();
        // SAFETY: as in `decode`; each pooled row has the model's embedding size and is copied
        // before anything else runs.
        unsafe {
            let code = if self.model.has_decoder() {
                sys::llama_memory_clear(self.memory(), true);
                sys::llama_decode(self.handle.as_ptr(), self.batch.raw)
            } else {
                sys::llama_encode(self.handle.as_ptr(), self.batch.raw)
            };
            if code != 0 {
                return Err(DecodeError::Code(code));
            }
            sys::llama_synchronize(self.handle.as_ptr());
            let mut vectors = Vec::new();
            for sequence in 0..sequence_id(count) {
                let row = sys::llama_get_embeddings_seq(self.handle.as_ptr(), sequence);
                if row.is_null() {
                    return Err(DecodeError::Code(0));
                }
                vectors.push(std::slice::from_raw_parts(row, size).to_vec());
            }
            Ok(vectors)
        }
    }

    /// Forgets what `sequence` holds from position `from` on.
    pub(crate) fn trim(&mut self, sequence: u32, from: u32) -> bool {
        // SAFETY: the sequence id is below `n_seq_max`.
        unsafe {
            let memory = self.memory();
            sys::llama_memory_seq_rm(memory, sequence_id(sequence), sequence_id(from), -1)
        }
    }

    /// Lets `to` share the first `length` positions of `from`. No cell is copied.
    pub(crate) fn share(&mut self, from: u32, to: u32, length: u32) {
        // SAFETY: both ids are below `n_seq_max`, and the memory is unified, as partial ranges
        // need.
        unsafe {
            let memory = self.memory();
            let (from, to) = (sequence_id(from), sequence_id(to));
            sys::llama_memory_seq_cp(memory, from, to, 0, sequence_id(length));
        }
    }

    pub(crate) fn clear(&mut self) {
        // SAFETY: the context lives.
        unsafe { sys::llama_memory_clear(self.memory(), false) }
    }

    /// The state of one sequence as bytes that `restore` takes.
    pub(crate) fn save(&mut self, sequence: u32) -> Vec<u8> {
        let id = sequence_id(sequence);
        // SAFETY: the buffer has the size that llama.cpp asked for.
        unsafe {
            let size = sys::llama_state_seq_get_size(self.handle.as_ptr(), id);
            let mut bytes = vec![0; size];
            let into = bytes.as_mut_ptr();
            let written = sys::llama_state_seq_get_data(self.handle.as_ptr(), into, size, id);
            bytes.truncate(written);
            bytes
        }
    }

    /// Puts a saved state into `sequence`, which must be empty. `false`: it did not fit; the
    /// sequence is empty again.
    pub(crate) fn restore(&mut self, sequence: u32, bytes: &[u8]) -> bool {
        let id = sequence_id(sequence);
        // SAFETY: pointer and length describe `bytes`; llama.cpp checks the content against its
        // own shapes and answers 0 when they differ.
        let read = unsafe {
            let from = bytes.as_ptr();
            sys::llama_state_seq_set_data(self.handle.as_ptr(), from, bytes.len(), id)
        };
        read == bytes.len() || {
            self.trim(sequence, 0);
            false
        }
    }

    fn memory(&self) -> sys::llama_memory_t {
        // SAFETY: the context lives.
        unsafe { sys::llama_get_memory(self.handle.as_ptr()) }
    }
}

struct Batch {
    raw: sys::llama_batch,
    room: usize,
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: made by llama_batch_init and freed once.
        unsafe { sys::llama_batch_free(self.raw) }
    }
}

impl Batch {
    fn new(room: u32) -> Option<Batch> {
        let tokens = i32::try_from(room).ok()?;
        // SAFETY: allocates arrays for `room` tokens of one sequence each.
        let raw = unsafe { sys::llama_batch_init(tokens, 0, 1) };
        Some(Batch {
            raw,
            room: room as usize,
        })
    }

    fn fill(&mut self, tokens: &[BatchToken]) {
        assert!(
            tokens.len() <= self.room,
            "the scheduler keeps to the batch size"
        );
        self.raw.n_tokens = i32::try_from(tokens.len()).unwrap_or(0);
        for (i, token) in tokens.iter().enumerate() {
            // SAFETY: `i` is below `room`, for which each array was allocated.
            unsafe {
                *self.raw.token.add(i) = token.token;
                *self.raw.pos.add(i) = sequence_id(token.position);
                *self.raw.n_seq_id.add(i) = 1;
                **self.raw.seq_id.add(i) = sequence_id(token.sequence);
                *self.raw.logits.add(i) = i8::from(token.wants_logits);
            }
        }
    }
}

fn sequence_id(id: u32) -> i32 {
    i32::try_from(id).expect("sequence ids and positions are far below 2^31")
}

fn path_to_c(path: &Path) -> Option<CString> {
    CString::new(path.as_os_str().as_bytes()).ok()
}

/// A C string; NUL inside becomes the replacement character, as it has no meaning in a prompt.
fn lossy_c(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

/// Room for what a tokenizer adds around a text.
const TOKENS_BESIDE_TEXT: usize = 8;
