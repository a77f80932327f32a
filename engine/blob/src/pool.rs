//! Memory for bytes under way: a bounded number of long buffers, made once and used again.
//!
//! Asking never waits. Whoever finds none left goes on with a short buffer of its own, so that clients who dawdle with the
//! long ones hold nobody up.

use std::sync::{Arc, Mutex, PoisonError};

use crate::chunk::SEALED_CHUNK_BYTES;

/// Chunks in a long buffer.
const CHUNKS: usize = 8;
/// Long buffers in all: 32 MiB.
const BUFFERS_MAX: usize = 64;

/// The long buffers of one store.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Free>);

#[derive(Default)]
struct Free {
    buffers: Vec<Box<[u8]>>,
    /// How many there are, in use or not.
    made: usize,
}

impl Pool {
    /// Room for eight sealed chunks, or for one.
    pub(crate) fn buffer(self: &Arc<Self>) -> Buffer {
        self.long().unwrap_or_else(|| Buffer::short(SEALED_CHUNK_BYTES))
    }

    /// Room for eight sealed chunks, if there is.
    pub(crate) fn long(self: &Arc<Self>) -> Option<Buffer> {
        Some(Buffer { bytes: self.take()?, size: 0, home: Some(Arc::clone(self)) })
    }

    fn take(&self) -> Option<Box<[u8]>> {
        let mut free = self.free();
        if let Some(bytes) = free.buffers.pop() {
            return Some(bytes);
        }
        if free.made == BUFFERS_MAX {
            return None;
        }
        free.made += 1;
        drop(free);
        Some(zeroed(CHUNKS * SEALED_CHUNK_BYTES))
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Free> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn zeroed(size: usize) -> Box<[u8]> {
    vec![0; size].into_boxed_slice()
}

/// Bytes, and room for more. What it held before is still there, unseen.
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    size: usize,
    home: Option<Arc<Pool>>,
}

impl Buffer {
    /// Room for so many bytes, outside of any pool.
    pub(crate) fn short(room: usize) -> Self {
        Self { bytes: zeroed(room), size: 0, home: None }
    }

    /// Bytes it has room for in all.
    pub(crate) fn room(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Adds what there is room for; the others are dropped.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.size..).unwrap_or_default();
        let taken = bytes.len().min(room.len());
        if let (Some(to), Some(from)) = (room.get_mut(..taken), bytes.get(..taken)) {
            to.copy_from_slice(from);
        }
        self.size += taken;
    }

    /// Its first `size` bytes, whatever they are.
    pub(crate) fn resize(&mut self, size: usize) -> &mut [u8] {
        self.size = size.min(self.bytes.len());
        self.bytes.get_mut(..self.size).unwrap_or_default()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.size).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.size).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(pool) = self.home.take() {
            pool.free().buffers.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_buffers_are_few_and_come_back() {
        let pool = Arc::new(Pool::default());
        let mut held: Vec<Buffer> = (0..BUFFERS_MAX).map(|_| pool.buffer()).collect();
        assert!(held.iter().all(|buffer| buffer.room() == CHUNKS * SEALED_CHUNK_BYTES));
        assert_eq!(pool.buffer().room(), SEALED_CHUNK_BYTES);
        held.pop();
        let again = pool.buffer();
        assert_eq!((again.room(), again.size()), (CHUNKS * SEALED_CHUNK_BYTES, 0));
        drop((held, again));
        assert_eq!(pool.free().buffers.len(), BUFFERS_MAX);
    }

    #[test]
    fn a_buffer_takes_what_it_has_room_for() {
        let mut buffer = Buffer::short(4);
        buffer.extend(b"abc");
        buffer.extend(b"def");
        assert_eq!(buffer.as_ref(), b"abcd");
        assert_eq!(buffer.resize(2), b"ab");
    }
}
