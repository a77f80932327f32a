//! Blobs under a seal, streamed: sealed chunk by chunk on their way in, opened on their way out.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};

use crate::chunk::{CHUNK_BYTES, ChunkKey, SEALED_CHUNK_BYTES, TAG_BYTES, sealed_range};
use crate::{BlobId, Blobs, Body, BoxError, Error, Reader, Result};

impl Body {
    /// What streams in `plain`, sealed under `key`. Holds one chunk.
    pub fn sealed(
        plain: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
        key: ChunkKey,
    ) -> Self {
        let sealing = Sealing { plain: plain.boxed(), key, rest: Bytes::new(), at: 0, ended: false };
        Self::stream(stream::try_unfold(sealing, |mut sealing| async move {
            Ok(sealing.next().await?.map(|chunk| (chunk, sealing)))
        }))
    }
}

struct Sealing {
    plain: BoxStream<'static, Result<Bytes, BoxError>>,
    key: ChunkKey,
    /// Bytes that came with the last chunk and belong to the next.
    rest: Bytes,
    at: u64,
    ended: bool,
}

impl Sealing {
    async fn next(&mut self) -> Result<Option<Bytes>, BoxError> {
        let mut chunk = BytesMut::with_capacity(SEALED_CHUNK_BYTES);
        while chunk.len() < CHUNK_BYTES && !self.ended {
            if self.rest.is_empty() {
                match self.plain.next().await {
                    Some(bytes) => self.rest = bytes?,
                    None => self.ended = true,
                }
            }
            let wanted = self.rest.len().min(CHUNK_BYTES - chunk.len());
            chunk.extend_from_slice(&self.rest.split_to(wanted));
        }
        if chunk.is_empty() {
            return Ok(None);
        }
        chunk.extend_from_slice(&[0; TAG_BYTES]);
        self.key.seal(self.at, &mut chunk);
        self.at += 1;
        Ok(Some(chunk.freeze()))
    }
}

impl Blobs {
    /// Some plain bytes of a blob that was put as [`Body::sealed`], of `size_bytes` plain bytes.
    ///
    /// # Errors
    /// As [`Blobs::get_range`]; in the stream also `Damaged` where a chunk does not open.
    pub async fn get_sealed(
        &self,
        id: &BlobId,
        key: ChunkKey,
        size_bytes: u64,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        let (sealed, at) = sealed_range(&range, size_bytes);
        let first = at * u64::try_from(CHUNK_BYTES).unwrap_or_default();
        let Reader { bytes, .. } = self.get_range(id, sealed).await?;
        let opening = Opening {
            id: id.clone(),
            sealed: bytes,
            key,
            pending: BytesMut::new(),
            at,
            skip: usize::try_from(range.start - first).unwrap_or_default(),
            left: range.end - range.start,
        };
        Ok(stream::try_unfold(opening, |mut opening| async move {
            Ok(opening.next().await?.map(|plain| (plain, opening)))
        })
        .boxed())
    }
}

struct Opening {
    id: BlobId,
    sealed: BoxStream<'static, Result<Bytes>>,
    key: ChunkKey,
    pending: BytesMut,
    at: u64,
    /// Bytes of the first chunk that nobody asked for.
    skip: usize,
    left: u64,
}

impl Opening {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        while self.pending.len() < SEALED_CHUNK_BYTES {
            let Some(bytes) = self.sealed.next().await else { break };
            self.pending.extend_from_slice(&bytes?);
        }
        let mut chunk = self.pending.split_to(SEALED_CHUNK_BYTES.min(self.pending.len()));
        let damaged = |_| Error::Damaged { id: self.id.clone(), reason: "a chunk does not open" };
        self.key.open(self.at, &mut chunk).map_err(damaged)?;
        self.at += 1;
        let mut plain = chunk.freeze();
        plain = plain.split_off(std::mem::take(&mut self.skip).min(plain.len()));
        plain.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= u64::try_from(plain.len()).unwrap_or_default();
        Ok(Some(plain))
    }
}
