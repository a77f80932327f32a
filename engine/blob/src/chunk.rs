//! Bytes under a seal: cut into chunks, each sealed with AES-256-GCM under a key of its own blob.
//!
//! The seal is encryption and integrity check in one: a chunk that was altered, moved or cut does not open. Keys are
//! derived for one blob each, so a chunk's number is nonce enough.

use std::ops::Range;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use bytes::BytesMut;

/// Plain bytes in a chunk; the last may be shorter.
pub const CHUNK_BYTES: usize = 64 * 1_024;
const CHUNK: u64 = 64 * 1_024;
/// What a chunk grows by.
pub const TAG_BYTES: usize = 16;
const TAG: u64 = 16;
/// Bytes a full sealed chunk takes.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// The secret behind the keys of many blobs.
pub type Secret = [u8; 32];

/// The key of one blob.
pub struct ChunkKey(LessSafeKey);

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

/// Bytes that do not open: altered, or sealed under another key.
#[derive(Debug, thiserror::Error)]
#[error("a chunk does not open")]
pub struct Damaged;

impl ChunkKey {
    /// The key of blob `id` under `secret`, for one `purpose` and no other (HKDF-SHA-256).
    pub fn derive(purpose: &[u8], secret: &Secret, id: &str) -> Self {
        let mut key = [0; 32];
        let parent = Salt::new(HKDF_SHA256, purpose).extract(secret);
        let filled = parent.expand(&[id.as_bytes()], Bytes32).and_then(|okm| okm.fill(&mut key));
        filled.expect("32 bytes can be derived");
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("the key has 32 bytes")))
    }

    /// Seals chunk number `at` in its place; its last [`TAG_BYTES`] are room for the tag.
    pub fn seal(&self, at: u64, chunk: &mut [u8]) {
        let Some((plain, room)) = chunk.split_last_chunk_mut::<TAG_BYTES>() else { return };
        let tag = self.0.seal_in_place_separate_tag(nonce(at), Aad::empty(), plain);
        let tag = tag.expect("a chunk is short enough to be sealed");
        room.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    }

    /// Opens chunk number `at` in its place.
    ///
    /// # Errors
    /// When it is not what was sealed.
    pub fn open(&self, at: u64, chunk: &mut BytesMut) -> Result<(), Damaged> {
        let length = self.open_slice(at, chunk)?;
        chunk.truncate(length);
        Ok(())
    }

    /// Opens chunk number `at` in its place, and gives its length: what follows are remains of its tag.
    ///
    /// # Errors
    /// When it is not what was sealed.
    pub fn open_slice(&self, at: u64, chunk: &mut [u8]) -> Result<usize, Damaged> {
        Ok(self.0.open_in_place(nonce(at), Aad::empty(), chunk).map_err(|_| Damaged)?.len())
    }
}

fn nonce(at: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    for (to, from) in nonce.iter_mut().rev().zip(at.to_be_bytes().into_iter().rev()) {
        *to = from;
    }
    Nonce::assume_unique_for_key(nonce)
}

/// Bytes that `size` bytes take sealed.
pub fn sealed_size(size: u64) -> u64 {
    size + size.div_ceil(CHUNK) * TAG
}

/// The whole sealed chunks that hold `wanted` of a blob of `size` plain bytes: their place, and the first one's number.
pub fn sealed_range(wanted: &Range<u64>, size: u64) -> (Range<u64>, u64) {
    let (first, after) = (wanted.start / CHUNK, wanted.end.div_ceil(CHUNK));
    let end = (after * (CHUNK + TAG)).min(sealed_size(size));
    (first * (CHUNK + TAG)..end, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(key: &ChunkKey, at: u64, text: &[u8]) -> BytesMut {
        let mut chunk = BytesMut::from(text);
        chunk.extend_from_slice(&[0; TAG_BYTES]);
        key.seal(at, &mut chunk);
        chunk
    }

    #[test]
    fn a_chunk_opens_in_its_place_under_its_key_and_whole() {
        let of = |purpose, secret: u8, id| ChunkKey::derive(purpose, &[secret; 32], id);
        let key = of(b"p", 7, "a");
        let chunk = sealed(&key, 3, b"text");
        assert_eq!(u64::try_from(chunk.len()).unwrap(), sealed_size(4));
        let open = |key: &ChunkKey, at, mut chunk: BytesMut| key.open(at, &mut chunk).map(|()| chunk).ok();
        assert_eq!(open(&key, 3, chunk.clone()).as_deref(), Some(&b"text"[..]));
        assert!(open(&key, 2, chunk.clone()).is_none());
        for other in [of(b"q", 7, "a"), of(b"p", 7, "b"), of(b"p", 8, "a")] {
            assert!(open(&other, 3, chunk.clone()).is_none());
        }
        let mut flipped = chunk.clone();
        flipped[0] ^= 1;
        assert!(open(&key, 3, flipped).is_none());
        let mut cut = chunk;
        cut.truncate(19);
        assert!(open(&key, 3, cut).is_none());
    }

    #[test]
    fn ranges_grow_to_whole_chunks() {
        assert_eq!(sealed_size(0), 0);
        assert_eq!(sealed_size(CHUNK), CHUNK + TAG);
        assert_eq!(sealed_size(CHUNK + 1), CHUNK + 1 + 2 * TAG);
        let size = 3 * CHUNK + 5;
        assert_eq!(sealed_range(&(0..1), size), (0..CHUNK + TAG, 0));
        assert_eq!(sealed_range(&(CHUNK..2 * CHUNK), size), (CHUNK + TAG..2 * (CHUNK + TAG), 1));
        assert_eq!(sealed_range(&(size - 1..size), size), (3 * (CHUNK + TAG)..sealed_size(size), 3));
    }
}
