//! Snapshots put away: one file that holds all of a snapshot and shares nothing, while its blocks make room for others.
//!
//! An archive is the packed list of blocks behind its length, then every block as the store has it, behind its length, in the
//! order of the list.

use blob::{BlobId, Blobs, Body, Bounds, BoxError};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::engine::Engine;
use crate::error::{Error, Result, Trying};
use crate::manifest::Manifest;
use crate::snapshot::{BLOCKS_AT_ONCE, MANIFEST_BYTES_MAX, PACKED_BYTES_MAX, count, read_all};
use crate::volume::{Id, Stored};

/// Where archives lie.
const FOLDER: &str = "archives";
/// A length before what has it: big-endian.
const LENGTH_BYTES: usize = 8;

fn archive_id(id: &Id) -> Result<BlobId> {
    Ok(BlobId::new(format!("{FOLDER}/{id}"))?)
}

fn damaged(id: &Id) -> Error {
    Error::Damaged(format!("the archive of {id}"))
}

impl Engine {
    /// Writes the archive first: after a crash either it is whole, or all of the snapshot is where it was.
    pub(crate) async fn archive_now(&self, id: &Id) -> Result<u64> {
        let size_bytes = {
            let _turn = self.turn(id).await;
            match self.find_archive(id).await? {
                Some(size_bytes) => size_bytes,
                None => self.write_archive(id).await?,
            }
        };
        self.remove_blocks(id).await?;
        Ok(size_bytes)
    }

    async fn find_archive(&self, id: &Id) -> Result<Option<u64>> {
        match self.blobs().await?.size(&archive_id(id)?).await {
            Ok(size_bytes) => Ok(Some(size_bytes)),
            Err(blob::Error::Absent(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn write_archive(&self, id: &Id) -> Result<u64> {
        self.pool().await?.check_room(0)?;
        let _keeping = self.0.blocks.read().await;
        let manifest = self.find_manifest(id).await?.ok_or_else(|| Error::Absent(id.to_string()))?;
        let blobs = self.blobs().await?;
        let packed = manifest.encode().trying(|| "pack a list of blocks".to_owned())?;
        let head = framed(&packed);
        let source = blobs.clone();
        let blocks = stream::iter(manifest.blocks.into_values())
            .map(move |content| {
                let source = source.clone();
                async move {
                    let packed = read_all(source.get(&content.blob_id()).await?).await?;
                    Ok::<_, Error>(framed(&packed))
                }
            })
            .buffered(BLOCKS_AT_ONCE);
        let bytes = stream::iter([Ok(head)]).chain(blocks).map_err(|error| -> BoxError { Box::new(error) });
        let body = Body::stream(bytes);
        Ok(blobs.put(&archive_id(id)?, body, Bounds::at_most(u64::MAX)).await?.size_bytes)
    }

    /// Brings the blocks back; the archive stays.
    pub(crate) async fn restore_now(&self, id: &Id) -> Result<Stored> {
        let _turn = self.turn(id).await;
        if let Some(done) = self.find_manifest(id).await? {
            return Ok(Stored { blocks: count(&done), ..Stored::default() });
        }
        self.pool().await?.check_room(0)?;
        self.mark_storing(id).await?;
        let blobs = self.blobs().await?;
        let mut frames =
            Frames { id, bytes: blobs.get(&archive_id(id)?).await?.bytes, ahead: BytesMut::new() };
        let manifest = Manifest::decode(&frames.next(MANIFEST_BYTES_MAX).await?)?;
        let mut stored = Stored { blocks: count(&manifest), ..Stored::default() };
        let _keeping = self.0.blocks.read().await;
        for content in manifest.blocks.values() {
            let packed = frames.next(PACKED_BYTES_MAX).await?;
            let (kept, written) = put_block(blobs, packed).await?;
            if kept != *content {
                return Err(damaged(id));
            }
            stored.stored_bytes += written;
        }
        self.put_manifest(id, &manifest).await?;
        self.unmark_storing(id).await?;
        Ok(stored)
    }

    pub(crate) async fn remove_archive_now(&self, id: &Id) -> Result<()> {
        let _turn = self.turn(id).await;
        Ok(self.blobs().await?.delete(&archive_id(id)?).await?)
    }

    /// Snapshots that have an archive.
    pub(crate) async fn archived_ids(&self) -> Result<Vec<Id>> {
        self.ids_below(FOLDER).await
    }
}

async fn put_block(blobs: &Blobs, packed: Bytes) -> Result<(blob::ContentId, u64)> {
    let (content, written) = blobs.put_by_content(packed, Bounds::at_most(PACKED_BYTES_MAX)).await?;
    Ok((content, written.size_bytes))
}

/// Bytes behind their length.
fn framed(bytes: &[u8]) -> Bytes {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut framed = BytesMut::with_capacity(LENGTH_BYTES + bytes.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(bytes);
    framed.freeze()
}

/// What stands behind lengths, one after the other.
struct Frames<'a> {
    id: &'a Id,
    bytes: BoxStream<'static, blob::Result<Bytes>>,
    ahead: BytesMut,
}

impl Frames<'_> {
    async fn next(&mut self, bytes_max: u64) -> Result<Bytes> {
        let length = self.take(LENGTH_BYTES).await?;
        let length = length.first_chunk().map(|length| u64::from_be_bytes(*length)).unwrap_or(u64::MAX);
        if length > bytes_max {
            return Err(damaged(self.id));
        }
        self.take(usize::try_from(length).unwrap_or(usize::MAX)).await
    }

    async fn take(&mut self, length: usize) -> Result<Bytes> {
        while self.ahead.len() < length {
            match self.bytes.try_next().await? {
                Some(more) => self.ahead.extend_from_slice(&more),
                None => return Err(damaged(self.id)),
            }
        }
        Ok(self.ahead.split_to(length).freeze())
    }
}
