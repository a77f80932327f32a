//! What the tests share: a store in a folder of its own, and bytes that can be told again.

use std::path::{Path, PathBuf};

use blob::{BlobId, Blobs, Body, Bounds, BoxError};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

pub(crate) const ANY: Bounds = Bounds::at_most(1 << 30);

pub(crate) struct World {
    pub(crate) blobs: Blobs,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    World { blobs: Blobs::local(dir.path()).unwrap(), dir }
}

pub(crate) fn id(name: &str) -> BlobId {
    BlobId::new(name).unwrap()
}

/// `size` bytes that differ from those of every other seed.
pub(crate) fn pattern(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

pub(crate) fn trickle(bytes: &[u8], chunk: usize) -> Body {
    let chunks: Vec<Result<Bytes, BoxError>> =
        bytes.chunks(chunk).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
    Body::stream(stream::iter(chunks))
}

pub(crate) fn broken(bytes: &[u8], chunk: usize) -> Body {
    let chunks: Vec<Result<Bytes, BoxError>> = bytes
        .chunks(chunk)
        .map(|c| Ok(Bytes::copy_from_slice(c)))
        .chain([Err("the client went away".into())])
        .collect();
    Body::stream(stream::iter(chunks))
}

/// Gives the bytes and then nothing, for ever.
pub(crate) fn stalled(bytes: Vec<u8>) -> Body {
    Body::stream(stream::iter([Ok(Bytes::from(bytes))]).chain(stream::pending()))
}

pub(crate) async fn read(blobs: &Blobs, id: &BlobId) -> Vec<u8> {
    blobs.get(id).await.unwrap().collect(1 << 30).await.unwrap()
}

pub(crate) async fn names(blobs: &Blobs) -> Vec<String> {
    let mut names: Vec<String> =
        blobs.list(None).map_ok(|listed| listed.id.to_string()).try_collect().await.unwrap();
    names.sort();
    names
}

/// Every file below a folder but the lock.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else if entry.file_name() != "=lock" {
            found.push(entry.path());
        }
    }
    found
}
