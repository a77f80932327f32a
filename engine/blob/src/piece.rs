//! Plain bytes on their way to be sealed, laid out in chunks with room for their tags.

use bytes::Bytes;

use crate::chunk::{CHUNK_BYTES, ChunkKey, SEALED_CHUNK_BYTES, TAG_BYTES};
use crate::pool::Buffer;

/// Some chunks of a blob. Only the last piece of a blob may be less than full.
pub struct Piece {
    buffer: Buffer,
    /// Plain bytes it takes, and has.
    size_max: usize,
    size: usize,
}

impl Piece {
    /// A piece of as many chunks as the buffer has room for.
    pub(crate) fn new(buffer: Buffer) -> Self {
        let size_max = buffer.room() / SEALED_CHUNK_BYTES * CHUNK_BYTES;
        Self { buffer, size_max, size: 0 }
    }

    /// A piece that takes so many plain bytes, outside of any pool.
    pub fn short(size_max: usize) -> Self {
        let room = size_max + size_max.div_ceil(CHUNK_BYTES) * TAG_BYTES;
        Self { buffer: Buffer::short(room), size_max, size: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    pub fn is_full(&self) -> bool {
        self.size == self.size_max
    }

    /// Takes what there is room for, and gives the rest back.
    pub fn fill(&mut self, mut bytes: Bytes) -> Bytes {
        while !bytes.is_empty() && !self.is_full() {
            let left = CHUNK_BYTES - self.buffer.size() % SEALED_CHUNK_BYTES;
            let wanted = left.min(self.size_max - self.size).min(bytes.len());
            self.buffer.extend(&bytes.split_to(wanted));
            self.size += wanted;
            if wanted == left {
                self.buffer.extend(&[0; TAG_BYTES]);
            }
        }
        bytes
    }

    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self.buffer)
    }

    /// Seals the chunks in their place, each after `sum` has seen it; `at` is the first one's number. Gives the next one's.
    pub fn seal(&mut self, key: &ChunkKey, mut at: u64, mut sum: impl FnMut(&[u8])) -> u64 {
        if !self.buffer.size().is_multiple_of(SEALED_CHUNK_BYTES) {
            self.buffer.extend(&[0; TAG_BYTES]);
        }
        for chunk in self.buffer.bytes_mut().chunks_mut(SEALED_CHUNK_BYTES) {
            sum(chunk.split_last_chunk::<TAG_BYTES>().map_or(&[][..], |(plain, _)| plain));
            key.seal(at, chunk);
            at += 1;
        }
        at
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::sealed_size;

    #[test]
    fn pieces_are_laid_out_and_sealed_chunk_by_chunk() {
        let key = ChunkKey::derive(b"p", &[7; 32], "a");
        let text: Vec<u8> = (0..CHUNK_BYTES + 100).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut piece = Piece::short(CHUNK_BYTES + 50);
        let mut rest = Bytes::new();
        for part in text.chunks(1_000) {
            rest = piece.fill(Bytes::copy_from_slice(part));
        }
        assert!(piece.is_full() && rest == text[CHUNK_BYTES + 50..]);
        let mut seen = Vec::new();
        assert_eq!(piece.seal(&key, 5, |plain| seen.extend_from_slice(plain)), 7);
        assert_eq!(seen, text[..CHUNK_BYTES + 50]);
        assert_eq!(u64::try_from(piece.as_ref().len()).unwrap(), sealed_size(CHUNK_BYTES as u64 + 50));
        for (at, chunk) in piece.as_ref().chunks(SEALED_CHUNK_BYTES).enumerate() {
            let mut chunk = bytes::BytesMut::from(chunk);
            key.open(5 + at as u64, &mut chunk).unwrap();
            assert_eq!(chunk[..], text[at * CHUNK_BYTES..][..chunk.len()]);
        }
    }
}
