//! The guest's linear memory, owned by the host: made for wasmtime, shared copy-on-write between
//! sessions, and read or written page by page for snapshots.
//!
//! Three facts make it safe. (1) Every mapping is reserved whole (reservation + guard) and never
//! moves. (2) Bytes are touched only through [`Linear`]'s methods that take an [`Idle`] token,
//! which a session can build only while it holds its store exclusively, so no guest code runs. (3)
//! A memory reaches the session that asked for it through [`Creator`], under a lock held over the
//! whole instantiation; nothing is handed over by thread.
#![allow(
    unsafe_code,
    reason = "mmap, and the slices over it, have no safe form"
)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// Granularity of snapshots: the x86-64 page. Larger system pages only make the search coarser.
pub(crate) const PAGE: usize = 4096;

/// Proof that the guest does not run: who builds one holds the store of this memory exclusively.
pub(crate) struct Idle<'a>(std::marker::PhantomData<&'a mut ()>);

impl<'a> Idle<'a> {
    pub(crate) fn of<T: 'static>(_store: &'a mut wasmtime::Store<T>) -> Idle<'a> {
        Idle(std::marker::PhantomData)
    }
}

/// One reserved range of address space of which the first `size` bytes are the guest's.
pub(crate) struct Linear {
    base: NonNull<u8>,
    size: AtomicUsize,
    capacity: usize,
    reserved: usize,
}

// SAFETY: the range belongs to this value until it is dropped; bytes are touched only by the guest
// (one thread at a time, by wasmtime's own rules) or with an `Idle` token while it does not run.
unsafe impl Send for Linear {}
// SAFETY: as above; the only field that changes while it is shared is atomic.
unsafe impl Sync for Linear {}

impl Linear {
    fn reserve(size: usize, capacity: usize, guard: usize) -> io::Result<Linear> {
        let reserved = capacity
            .checked_add(guard)
            .ok_or_else(|| io::Error::other("memory too large"))?;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no other.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                reserved.max(PAGE),
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at null"))?;
        let memory = Linear {
            base,
            size: AtomicUsize::new(0),
            capacity,
            reserved: reserved.max(PAGE),
        };
        memory.open_up(size)?;
        Ok(memory)
    }

    /// Makes the first `size` bytes readable and writable; they read as zero where never written.
    fn open_up(&self, size: usize) -> io::Result<()> {
        if size > self.capacity {
            return Err(io::Error::other("beyond the capacity of the memory"));
        }
        let now = self.size();
        if size > now {
            // SAFETY: [now, size) lies inside this reservation, by the check above.
            let done = unsafe {
                libc::mprotect(
                    self.base.as_ptr().add(now).cast(),
                    size - now,
                    libc::PROT_READ | libc::PROT_WRITE,
                )
            };
            if done != 0 {
                return Err(io::Error::last_os_error());
            }
            self.size.store(size, Ordering::Release);
        }
        Ok(())
    }

    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Acquire)
    }

    pub(crate) fn bytes<'a>(&'a self, _idle: &'a Idle<'_>) -> &'a [u8] {
        // SAFETY: the first `size` bytes are mapped readable for as long as `self` lives, and the
        // token says that nothing writes them meanwhile.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.size()) }
    }

    /// Overwrites page `index`. The page must lie inside the memory.
    pub(crate) fn write_page(&self, _idle: &mut Idle<'_>, index: usize, page: &[u8; PAGE]) {
        assert!((index + 1) * PAGE <= self.size(), "page beyond the memory");
        // SAFETY: the target is inside the writable part (checked), the source is a separate
        // array, and the token says that nobody else reads or writes the memory now.
        unsafe {
            std::ptr::copy_nonoverlapping(
                page.as_ptr(),
                self.base.as_ptr().add(index * PAGE),
                PAGE,
            );
        }
    }

    /// Replaces the start of the memory by a private copy-on-write view of `image`.
    pub(crate) fn share(&self, _idle: &mut Idle<'_>, image: &BaseImage) -> io::Result<()> {
        if self.size() < image.len {
            return Err(io::Error::other("memory smaller than its base image"));
        }
        // SAFETY: MAP_FIXED replaces exactly [base, base + len), which is ours (checked above) and
        // which nothing refers to while the token lives. The file is never written again.
        let mapped = unsafe {
            libc::mmap(
                self.base.as_ptr().cast(),
                image.len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_FIXED,
                image.file.as_raw_fd(),
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Pages that may differ from the base image. The kernel knows which pages of a private mapping
    /// were copied on write; where it will not say, every page is named.
    pub(crate) fn touched_pages(&self) -> Vec<usize> {
        let pages = self.size() / PAGE;
        self.pagemap(pages).unwrap_or_else(|_| (0..pages).collect())
    }

    fn pagemap(&self, pages: usize) -> io::Result<Vec<usize>> {
        if rustix::param::page_size() != PAGE {
            return Err(io::Error::other("other page size"));
        }
        const ENTRY: usize = 8;
        const PRESENT: u64 = 1 << 63;
        const SWAPPED: u64 = 1 << 62;
        const FILE_PAGE: u64 = 1 << 61;
        let map = File::open("/proc/self/pagemap")?;
        let mut raw = vec![0; pages * ENTRY];
        let first = self.base.as_ptr() as usize / PAGE;
        map.read_exact_at(&mut raw, (first * ENTRY) as u64)?;
        let changed =
            |entry: u64| entry & SWAPPED != 0 || (entry & PRESENT != 0 && entry & FILE_PAGE == 0);
        let entries = raw.chunks_exact(ENTRY).enumerate();
        Ok(entries
            .filter(|(_, entry)| {
                let bytes = <[u8; ENTRY]>::try_from(*entry).unwrap_or_default();
                changed(u64::from_ne_bytes(bytes))
            })
            .map(|(index, _)| index)
            .collect())
    }
}

impl Drop for Linear {
    fn drop(&mut self) {
        // SAFETY: the reservation is ours alone and both its users (wasmtime's handle and the
        // session's) are gone when the last `Arc` drops it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.reserved) };
    }
}

/// The memory of a guest right after start: one file in memory that all sessions share.
pub(crate) struct BaseImage {
    file: File,
    len: usize,
    hash: blake3::Hash,
    view: memmap2::Mmap,
}

impl BaseImage {
    pub(crate) fn capture(memory: &Linear, idle: &Idle<'_>) -> io::Result<BaseImage> {
        let bytes = memory.bytes(idle);
        let file = File::from(rustix::fs::memfd_create(
            "repl-base",
            rustix::fs::MemfdFlags::CLOEXEC,
        )?);
        file.write_all_at(bytes, 0)?;
        // SAFETY: the file is anonymous, private to this process, and not written from here on.
        let view = unsafe { memmap2::Mmap::map(&file)? };
        Ok(BaseImage {
            len: bytes.len(),
            hash: blake3::hash(bytes),
            file,
            view,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn hash(&self) -> blake3::Hash {
        self.hash
    }

    /// Page `index` as every session starts with it: of the image, or zero beyond it.
    pub(crate) fn page(&self, index: usize) -> &[u8; PAGE] {
        static ZERO: [u8; PAGE] = [0; PAGE];
        let bytes = self.view.get(index * PAGE..(index + 1) * PAGE);
        bytes.and_then(|b| b.try_into().ok()).unwrap_or(&ZERO)
    }
}

struct Handle(Arc<Linear>);

// SAFETY: the base never moves, `capacity` bytes plus the guard asked for stay reserved while this
// handle lives, `byte_size` bytes of them are readable and writable, the rest faults.
unsafe impl LinearMemory for Handle {
    fn byte_size(&self) -> usize {
        self.0.size()
    }

    fn byte_capacity(&self) -> usize {
        self.0.capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        Ok(self.0.open_up(new_size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.0.base.as_ptr()
    }
}

/// What the next instantiation asks of the creator, and what it got.
#[derive(Default)]
struct Order {
    /// A restored session needs its memory at the size that it had.
    at_least: usize,
    made: Vec<Arc<Linear>>,
}

/// Makes memories for wasmtime. One instantiation at a time places an order and collects; the
/// runtime holds its instantiation lock from `order` to `collect`, so orders cannot mix, whichever
/// threads the instantiation is polled on.
#[derive(Default)]
pub(crate) struct Creator {
    /// A mutex, since wasmtime calls back by shared reference from inside the instantiation.
    order: Mutex<Order>,
}

impl Creator {
    pub(crate) fn order(&self, at_least: usize) {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        *order = Order {
            at_least,
            made: Vec::new(),
        };
    }

    /// The largest memory made since the order: the guest's own.
    pub(crate) fn collect(&self) -> Option<Arc<Linear>> {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *order)
            .made
            .into_iter()
            .max_by_key(|memory| memory.size())
    }
}

/// Memories of at least this size are the guest's; a component may hold tiny helpers beside it.
const MAIN_MEMORY_MIN: usize = 1 << 20;

// SAFETY: every memory is a fresh anonymous mapping: zero-filled, reserved as asked, guard
// included.
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved_size: Option<usize>,
        guard_size: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let size = if minimum >= MAIN_MEMORY_MIN {
            minimum.max(order.at_least)
        } else {
            minimum
        };
        let capacity = reserved_size.or(maximum).unwrap_or(WASM32_MAX).max(size);
        let memory = Linear::reserve(size, capacity, guard_size)
            .map_err(|error| format!("cannot reserve {capacity} bytes: {error}"))?;
        let memory = Arc::new(memory);
        order.made.push(Arc::clone(&memory));
        Ok(Box::new(Handle(memory)))
    }
}

/// Bytes that 32-bit wasm can address.
const WASM32_MAX: usize = 4 << 30;
