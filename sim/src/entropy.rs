//! Entropy of a simulated thread: libc's `getrandom` and `syscall(SYS_getrandom)` are shadowed at
//! link time, and a thread that was seeded draws from its own ChaCha stream.
//!
//! Every consumer of the stack ends there: the standard library's `RandomState`, each version of
//! `getrandom` (so `rand`, `ring` and through it TLS keys and QUIC connection ids). A thread that
//! was not seeded still asks the kernel. Caches are per thread and per process (`ThreadRng`,
//! `RandomState` keys, lazies), so one simulation owns a fresh thread in a fresh process.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::cell::RefCell;

thread_local! {
    static STREAM: RefCell<Option<ChaCha8Rng>> = const { RefCell::new(None) };
}

/// Runs `body` on a fresh thread whose entropy all comes from `seed`.
///
/// # Panics
/// When `body` panics, or the thread cannot be made.
#[expect(
    clippy::expect_used,
    reason = "a simulation without its thread cannot go on"
)]
pub fn isolated<T: Send + 'static>(seed: u64, body: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new()
        .name("simulation".into())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            STREAM.with(|s| *s.borrow_mut() = Some(ChaCha8Rng::seed_from_u64(seed)));
            body()
        })
        .expect("a thread for the simulation");
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Fills from this thread's stream; false when the thread was not seeded.
fn fill(buffer: &mut [u8]) -> bool {
    let drawn = STREAM.try_with(|stream| {
        let mut stream = stream.try_borrow_mut().ok()?;
        stream.as_mut().map(|rng| rng.fill_bytes(buffer))
    });
    matches!(drawn, Ok(Some(())))
}

/// Shadows libc's `getrandom(2)`.
///
/// # Safety
/// As of libc's: `buffer` points to `len` writable bytes.
#[expect(
    unsafe_code,
    reason = "shadows a libc symbol, so that all entropy is the seed's"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut u8, len: usize, flags: u32) -> isize {
    if len == 0 {
        return 0;
    }
    // SAFETY: the caller promises `len` writable bytes.
    if fill(unsafe { std::slice::from_raw_parts_mut(buffer, len) }) {
        return isize::try_from(len).unwrap_or(isize::MAX);
    }
    let words = [buffer as usize, len, flags as usize, 0, 0, 0];
    // SAFETY: the kernel's own check of the caller's arguments.
    unsafe { kernel(libc::SYS_getrandom, words) as isize }
}

/// Shadows libc's variadic `syscall(2)`, through which getrandom 0.2 (and so ring 0.17) goes. On
/// x86-64 a variadic caller passes integers as to a function of fixed arity.
///
/// # Safety
/// As of libc's: the arguments are what the system call of that number expects.
#[expect(
    unsafe_code,
    reason = "shadows a libc symbol, so that all entropy is the seed's"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(
    number: libc::c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> libc::c_long {
    if number == libc::SYS_getrandom {
        let flags = u32::try_from(c).unwrap_or(0);
        // SAFETY: the same call by its other name.
        return unsafe { getrandom(a as *mut u8, b, flags) as libc::c_long };
    }
    // SAFETY: passed on as it came.
    unsafe { kernel(number, [a, b, c, d, e, f]) }
}

/// # Safety
/// As of the system call.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[expect(unsafe_code, reason = "libc's own wrapper is the one that is shadowed")]
unsafe fn kernel(number: libc::c_long, words: [usize; 6]) -> libc::c_long {
    let result: isize;
    // SAFETY: the System V convention of the kernel for x86-64; memory is clobbered by default.
    unsafe {
        std::arch::asm!("syscall",
            inlateout("rax") number as isize => result,
            in("rdi") words[0], in("rsi") words[1], in("rdx") words[2],
            in("r10") words[3], in("r8") words[4], in("r9") words[5],
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    if (-4095..0).contains(&result) {
        // SAFETY: the calling thread's errno.
        unsafe { *libc::__errno_location() = i32::try_from(-result).unwrap_or(libc::EIO) };
        return -1;
    }
    result as libc::c_long
}

/// Futures of a whole cluster nest deeply in an unoptimised build.
const STACK_BYTES: usize = 32 << 20;
