//! Blobs under a seal, streamed: sealed chunk by chunk on their way in.

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};

use crate::chunk::{CHUNK_BYTES, ChunkKey, SEALED_CHUNK_BYTES, TAG_BYTES};
use crate::{Body, BoxError, Result};

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
