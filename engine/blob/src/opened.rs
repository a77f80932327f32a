//! Sealed blobs on their way out: read and opened by a thread that may wait, some chunks at a time; the next ones ahead while
//! there is memory for it.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::{GetOptions, GetRange, GetResultPayload};
use tokio::task::JoinHandle;

use crate::chunk::{CHUNK_BYTES, ChunkKey, Damaged, SEALED_CHUNK_BYTES, sealed_range};
use crate::error::Doing;
use crate::pool::{Buffer, Pool};
use crate::read::{damaged, read_at};
use crate::seal::len;
use crate::{BlobId, Blobs, Error, Result};

impl Blobs {
    /// Some plain bytes of a sealed blob of `size_bytes` plain bytes. A chunk that does not open ends the stream with
    /// `Damaged`; what came before is a beginning of what was asked for.
    ///
    /// # Errors
    /// `Absent`, `Store`; `Range` if the range is empty.
    pub async fn get_sealed(
        &self,
        id: &BlobId,
        key: ChunkKey,
        size_bytes: u64,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        if range.is_empty() || range.end > size_bytes {
            return Err(Error::Range { id: id.clone(), start: range.start, end: range.end, size_bytes });
        }
        let (sealed, at) = sealed_range(&range, size_bytes);
        let options = GetOptions::default().with_range(Some(GetRange::Bounded(sealed.clone())));
        let found = self.0.fetch(id, options).await?;
        let first = at * len_of(CHUNK_BYTES);
        let cut = Cut {
            id: id.clone(),
            skip: usize::try_from(range.start - first).unwrap_or_default(),
            left: range.end - range.start,
        };
        let key = Arc::new(key);
        Ok(match found.payload {
            GetResultPayload::File(file, _) => {
                let (file, pool) = (Arc::new(file), Arc::clone(&self.0.pool));
                let place = Place { id: id.clone(), file, key, pool };
                let reading = Reading { place, left: sealed, at, next: None, cut };
                stream::try_unfold(reading, |mut reading| async move {
                    Ok(reading.next().await?.map(|plain| (plain, reading)))
                })
                .boxed()
            }
            GetResultPayload::Stream(sealed) => {
                let name = id.clone();
                let sealed = sealed.map(move |chunk| chunk.doing(|| format!("read blob {name}"))).boxed();
                let opening = Opening { sealed, key, pending: BytesMut::new(), at, cut };
                stream::try_unfold(opening, |mut opening| async move {
                    Ok(opening.next().await?.map(|plain| (plain, opening)))
                })
                .boxed()
            }
        })
    }
}

/// What of the opened bytes was asked for.
struct Cut {
    id: BlobId,
    /// Bytes of the first chunk that nobody asked for.
    skip: usize,
    left: u64,
}

impl Cut {
    fn of(&mut self, mut plain: Bytes) -> Bytes {
        plain = plain.split_off(std::mem::take(&mut self.skip).min(plain.len()));
        plain.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= len(&plain);
        plain
    }
}

fn closed(id: &BlobId) -> Error {
    damaged(id, "a chunk does not open")
}

/// A file, and what it takes to open it.
#[derive(Clone)]
struct Place {
    id: BlobId,
    file: Arc<File>,
    key: Arc<ChunkKey>,
    pool: Arc<Pool>,
}

/// A local file being opened.
struct Reading {
    place: Place,
    /// What is not yet being read.
    left: Range<u64>,
    /// The number of the chunk there.
    at: u64,
    next: Option<JoinHandle<Result<Buffer>>>,
    cut: Cut,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let pool = Arc::clone(&self.place.pool);
        let Some(opening) = self.next.take().or_else(|| self.begin(pool.buffer())) else { return Ok(None) };
        let opened = opening.await.doing(|| "read a blob".to_owned())??;
        self.next = pool.long().and_then(|buffer| self.begin(buffer));
        Ok(Some(self.cut.of(Bytes::from_owner(opened))))
    }

    fn begin(&mut self, mut buffer: Buffer) -> Option<JoinHandle<Result<Buffer>>> {
        if self.left.is_empty() {
            return None;
        }
        let room = len_of(buffer.room() / SEALED_CHUNK_BYTES * SEALED_CHUNK_BYTES);
        let size = room.min(self.left.end - self.left.start);
        let (from, at, place) = (self.left.start, self.at, self.place.clone());
        self.left.start += size;
        self.at += size.div_ceil(len_of(SEALED_CHUNK_BYTES));
        Some(tokio::task::spawn_blocking(move || {
            let sealed = buffer.resize(usize::try_from(size).unwrap_or_default());
            let read = read_at(&place.file, sealed, from).doing(|| format!("read blob {}", place.id))?;
            if read < sealed.len() {
                return Err(damaged(&place.id, "it ends before its time"));
            }
            let size = open_all(&place.key, at, sealed).map_err(|_| closed(&place.id))?;
            buffer.resize(size);
            Ok(buffer)
        }))
    }
}

fn len_of(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// Opens chunks in their place and moves them together over the tags between; gives how many bytes they are.
fn open_all(key: &ChunkKey, first: u64, sealed: &mut [u8]) -> Result<usize, Damaged> {
    let (mut from, mut to) = (0, 0);
    for at in first.. {
        let end = sealed.len().min(from + SEALED_CHUNK_BYTES);
        let Some(chunk) = sealed.get_mut(from..end).filter(|chunk| !chunk.is_empty()) else { break };
        let plain = key.open_slice(at, chunk)?;
        if to != from {
            sealed.copy_within(from..from + plain, to);
        }
        (from, to) = (end, to + plain);
    }
    Ok(to)
}

/// Another store's stream being opened, chunk by chunk.
struct Opening {
    sealed: BoxStream<'static, Result<Bytes>>,
    key: Arc<ChunkKey>,
    pending: BytesMut,
    at: u64,
    cut: Cut,
}

impl Opening {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.cut.left == 0 {
            return Ok(None);
        }
        while self.pending.len() < SEALED_CHUNK_BYTES {
            let Some(bytes) = self.sealed.next().await else { break };
            self.pending.extend_from_slice(&bytes?);
        }
        let mut chunk = self.pending.split_to(SEALED_CHUNK_BYTES.min(self.pending.len()));
        self.key.open(self.at, &mut chunk).map_err(|_| closed(&self.cut.id))?;
        self.at += 1;
        Ok(Some(self.cut.of(chunk.freeze())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Piece;

    #[test]
    fn chunks_are_opened_together_and_only_in_order() {
        let key = ChunkKey::derive(b"p", &[7; 32], "a");
        let text: Vec<u8> = (0..2 * CHUNK_BYTES + 9).map(|at| u8::try_from(at % 253).unwrap()).collect();
        let mut piece = Piece::short(text.len());
        piece.fill(Bytes::copy_from_slice(&text));
        piece.seal(&key, 4, |_| {});
        let mut sealed = piece.as_ref().to_vec();
        assert_eq!(open_all(&key, 4, &mut sealed).unwrap(), text.len());
        assert_eq!(sealed[..text.len()], text);
        assert!(open_all(&key, 3, &mut piece.as_ref().to_vec()).is_err());
        let mut cut = piece.as_ref().to_vec();
        cut.truncate(cut.len() - 1);
        assert!(open_all(&key, 4, &mut cut).is_err());
    }
}
