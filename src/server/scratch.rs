//! Memory that all connections of a thread take turns in using: while one is being served no other is. So a
//! connection that only waits owns no buffers.

use std::cell::RefCell;

use super::outgoing::WRITE_BUFFER;
use crate::router::Turn;

/// Bytes read at a time. An eighth costs as many system calls more; twice as much gains nothing.
pub(super) const READ_BUFFER: usize = 64 * 1024;

/// One thread's buffers.
pub(super) struct Scratch {
    pub read: Vec<u8>,
    pub write: Vec<u8>,
    pub turn: Turn,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        read: vec![0; READ_BUFFER],
        write: Vec::with_capacity(WRITE_BUFFER),
        turn: Turn::default(),
    });
}

/// Lends the thread's buffers. Not to be called from within itself.
pub(super) fn with<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(work)
}
