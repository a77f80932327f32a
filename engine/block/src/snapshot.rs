//! Snapshots: taken at one instant by sharing blocks, then kept block by block in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blob::{BlobId, Blobs, Bounds, ContentId};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::engine::{Engine, device_of, on_thread};
use crate::error::{Error, Result, Trying};
use crate::extents;
use crate::loops;
use crate::manifest::{BLOCK_BYTES, Manifest};
use crate::pool::{Sharing, rename, sync_folder};
use crate::seal::{Cipher, Key};
use crate::volume::{BlockInfo, Id, Keys, Packed, PackedBlocks, Stored};

/// Blocks on their way to the store at a time.
pub(crate) const BLOCKS_AT_ONCE: usize = 8;
/// Fast, and close to what better ones reach on disks.
const COMPRESSION: i32 = 1;
/// A packed block is not longer than it was, but for its frame.
pub const PACKED_BYTES_MAX: u64 = BLOCK_BYTES + 4096;
/// Sectors in a block.
pub(crate) const SECTORS: u64 = BLOCK_BYTES / 512;
/// Where the lists of blocks lie.
const FOLDER: &str = "manifests";
pub(crate) const MANIFEST_BYTES_MAX: u64 = 2 << 30;

fn manifest_id(id: &Id) -> Result<BlobId> {
    Ok(BlobId::new(format!("{FOLDER}/{id}"))?)
}

impl Engine {
    async fn snapshot_file(&self, id: &Id) -> Result<PathBuf> {
        Ok(self.pool().await?.snapshots().join(id.as_str()))
    }

    pub(crate) async fn take_now(&self, snapshot: &Id, volume: &Id) -> Result<()> {
        let _turn = self.turn(snapshot).await;
        let pool = self.pool().await?.clone();
        let (from, to) = (pool.volumes().join(volume.as_str()), self.snapshot_file(snapshot).await?);
        let (volume, plain) = (volume.to_string(), self.sealed().plain(volume.as_str()));
        on_thread(move || {
            if to.exists() {
                return Ok(());
            }
            if !from.exists() {
                return Err(Error::Absent(volume));
            }
            let device = device_of(&from, &plain);
            if pool.sharing == Sharing::Copies && device.as_ref().is_some_and(loops::is_mounted) {
                let why = "a volume in use has a snapshot only where files can share blocks (apt-get install xfsprogs)";
                return Err(Error::Host(why.to_owned()));
            }
            pool.check_room(0)?;
            if let Some(device) = device {
                // What the host itself holds back for the device.
                let path = device.path();
                File::open(&path).and_then(|device| device.sync_all()).at("write out", &path)?;
            }
            pool.copy(&from, &to)
        })
        .await
    }

    pub(crate) async fn store_now(&self, id: &Id, parent: Option<&Id>) -> Result<Stored> {
        let _turn = self.turn(id).await;
        let blobs = self.blobs().await?;
        if let Some(done) = self.find_manifest(id).await? {
            return Ok(Stored { blocks: count(&done), ..Stored::default() });
        }
        let file = self.snapshot_file(id).await?;
        // Without its file or its list, the parent is of no help, and all is read.
        let base = match parent {
            Some(parent) => match self.find_manifest(parent).await? {
                Some(list) => {
                    Some((self.snapshot_file(parent).await?, list)).filter(|(path, _)| path.exists())
                }
                None => None,
            },
            None => None,
        };
        let pool = self.pool().await?;
        pool.check_room(0)?;
        let shares = pool.sharing != Sharing::Copies;
        let path = file.clone();
        let (size_bytes, blocks, mut list) = on_thread(move || what_to_read(&path, base, shares)).await?;
        let _keeping = self.0.blocks.read().await;
        let is_marked = !blocks.is_empty();
        if is_marked {
            self.mark_storing(id).await?;
        }
        let file = Arc::new(File::open(&file).at("open", &file)?);
        let mut stored = Stored::default();
        let mut at_work = stream::iter(blocks)
            .map(|index| keep_block(blobs, file.clone(), index, size_bytes))
            .buffer_unordered(BLOCKS_AT_ONCE);
        while let Some(kept) = at_work.try_next().await? {
            stored.read_bytes += kept.read_bytes;
            stored.stored_bytes += kept.stored_bytes;
            match kept.content {
                Some(content) => list.insert(kept.index, content),
                None => list.remove(&kept.index),
            };
        }
        let manifest = Manifest { size_bytes, blocks: list };
        stored.blocks = count(&manifest);
        self.put_manifest(id, &manifest).await?;
        if is_marked {
            self.unmark_storing(id).await?;
        }
        Ok(stored)
    }

    pub(crate) async fn put_manifest(&self, id: &Id, manifest: &Manifest) -> Result<()> {
        let packed = manifest.encode().trying(|| "pack a list of blocks".to_owned())?;
        let bounds = Bounds::at_most(MANIFEST_BYTES_MAX);
        self.blobs().await?.put(&manifest_id(id)?, Bytes::from(packed), bounds).await?;
        Ok(())
    }

    pub(crate) async fn find_manifest(&self, id: &Id) -> Result<Option<Manifest>> {
        match self.blobs().await?.get(&manifest_id(id)?).await {
            Ok(reader) => Manifest::decode(&read_all(reader).await?).map(Some),
            Err(blob::Error::Absent(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn manifest(&self, id: &Id) -> Result<Manifest> {
        self.find_manifest(id).await?.ok_or_else(|| Error::Absent(id.to_string()))
    }

    /// Snapshots that have a list in the store.
    pub(crate) async fn stored_ids(&self) -> Result<Vec<Id>> {
        self.ids_below(FOLDER).await
    }

    /// The snapshot's file, made again from its blocks where it is not there.
    pub(crate) async fn ensure_file(&self, id: &Id) -> Result<()> {
        let _turn = self.turn(id).await;
        let path = self.snapshot_file(id).await?;
        if path.exists() {
            return Ok(());
        }
        let manifest = self.manifest(id).await?;
        let blobs = self.blobs().await?;
        let draft = path.with_extension("draft");
        let file = Arc::new(File::create(&draft).at("create", &draft)?);
        file.set_len(manifest.size_bytes).at("size", &draft)?;
        let mut blocks = stream::iter(manifest.blocks)
            .map(|(index, content)| async move { Ok::<_, Error>((index, read_block(blobs, content).await?)) })
            .buffer_unordered(BLOCKS_AT_ONCE);
        while let Some((index, bytes)) = blocks.try_next().await? {
            let file = file.clone();
            let size_bytes = manifest.size_bytes;
            on_thread(move || write_block(&file, index, &bytes, size_bytes)).await?;
        }
        on_thread(move || {
            file.sync_all().at("keep", &draft)?;
            rename(&draft, &path)
        })
        .await
    }

    pub(crate) async fn remove_snapshot_now(&self, id: &Id) -> Result<()> {
        self.remove_blocks(id).await?;
        self.remove_archive_now(id).await
    }

    /// Removes the snapshot's file, its list, and those of its blocks that no other snapshot has.
    pub(crate) async fn remove_blocks(&self, id: &Id) -> Result<()> {
        let _turn = self.turn(id).await;
        let file = self.snapshot_file(id).await?;
        on_thread(move || {
            loops::hide(&file)?;
            sync_folder(&file)
        })
        .await?;
        let (manifest, is_storing) = (self.find_manifest(id).await?, self.is_storing(id).await?);
        if manifest.is_none() && !is_storing {
            return Ok(());
        }
        let _alone = self.0.blocks.write().await;
        let mut doomed: BTreeSet<ContentId> = match manifest {
            Some(manifest) if !is_storing => manifest.blocks.into_values().collect(),
            // Nobody knows which of them came from here. Whoever else has not ended brings its own again.
            _ => self.all_blocks().await?,
        };
        for other in self.stored_ids().await? {
            if other != *id
                && let Some(other) = self.find_manifest(&other).await?
            {
                let kept: BTreeSet<_> = other.blocks.into_values().collect();
                doomed.retain(|content| !kept.contains(content));
            }
        }
        let blobs = self.blobs().await?;
        // The blocks first: after a crash the list still says which are left to go.
        for content in doomed {
            blobs.delete(&content.blob_id()).await?;
        }
        blobs.delete(&manifest_id(id)?).await?;
        if is_storing { self.unmark_storing(id).await } else { Ok(()) }
    }

    pub(crate) async fn copy_now(&self, from: &Id, to: &Id, keys: Keys<'_>) -> Result<Stored> {
        if keys.0 != keys.1 {
            return self.recode_now(from, to, keys).await;
        }
        let _turn = self.turn(to).await;
        let _keeping = self.0.blocks.read().await;
        let manifest = self.manifest(from).await?;
        let (source, target) = (self.snapshot_file(from).await?, self.snapshot_file(to).await?);
        let pool = self.pool().await?.clone();
        on_thread(
            move || if source.exists() && !target.exists() { pool.copy(&source, &target) } else { Ok(()) },
        )
        .await?;
        self.put_manifest(to, &manifest).await?;
        Ok(Stored { blocks: count(&manifest), ..Stored::default() })
    }

    /// Nothing is shared between two keys: the copy is made and kept whole.
    async fn recode_now(&self, from: &Id, to: &Id, (old, new): Keys<'_>) -> Result<Stored> {
        self.ensure_file(from).await?;
        {
            let _turn = self.turn(to).await;
            let (source, target) = (self.snapshot_file(from).await?, self.snapshot_file(to).await?);
            let pool = self.pool().await?.clone();
            let (old, new) = (old.cloned(), new.cloned());
            on_thread(move || {
                if target.exists() {
                    return Ok(());
                }
                pool.check_room(0)?;
                pool.recode(&source, &target, (old.as_ref(), new.as_ref()))
            })
            .await?;
        }
        self.store_now(to, None).await
    }

    pub(crate) async fn blocks_now(&self, id: &Id) -> Result<Vec<BlockInfo>> {
        let manifest = self.manifest(id).await?;
        let info = |(index, content): (&u32, &ContentId)| BlockInfo { index: *index, token: content.0 };
        Ok(manifest.blocks.iter().map(info).collect())
    }

    pub(crate) async fn block_now(&self, id: &Id, index: u32, key: Option<&Key>) -> Result<Bytes> {
        let manifest = self.manifest(id).await?;
        let length = usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX);
        match manifest.blocks.get(&index) {
            Some(content) => {
                let bytes = read_block(self.blobs().await?, *content).await?;
                let Some(key) = key else { return Ok(bytes) };
                let mut plain = bytes.to_vec();
                Cipher::new(key).open(&mut plain, u64::from(index) * SECTORS);
                Ok(plain.into())
            }
            None => Ok(Bytes::from(vec![0; length])),
        }
    }
}

impl Engine {
    pub(crate) async fn read_now(&self, id: &Id, from: u32, key: Option<&Key>) -> Result<PackedBlocks> {
        let Manifest { mut blocks, .. } = self.manifest(id).await?;
        let (blobs, key) = (self.blobs().await?.clone(), key.cloned());
        let read = move |(index, content): (u32, ContentId)| {
            let (blobs, key) = (blobs.clone(), key.clone());
            async move {
                let bytes = match key {
                    // As it lies there.
                    None => read_all(blobs.get(&content.blob_id()).await?).await?.into(),
                    Some(key) => {
                        let mut plain = read_block(&blobs, content).await?.to_vec();
                        Cipher::new(&key).open(&mut plain, u64::from(index) * SECTORS);
                        pack(&plain)?
                    }
                };
                Ok(Packed { index, bytes })
            }
        };
        Ok(stream::iter(blocks.split_off(&from)).map(read).buffered(BLOCKS_AT_ONCE).boxed())
    }
}

/// A block as it is kept.
///
/// # Errors
/// When there is no memory for it.
pub fn pack(block: &[u8]) -> Result<Bytes> {
    zstd::bulk::compress(block, COMPRESSION).map(Bytes::from).trying(|| "pack a block".to_owned())
}

/// The block that was packed.
///
/// # Errors
/// [`Error::Damaged`] for what does not unpack to exactly one.
pub fn unpack(packed: &[u8]) -> Result<Bytes> {
    let length = usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX);
    let plain = zstd::bulk::decompress(packed, length).unwrap_or_default();
    if plain.len() == length { Ok(plain.into()) } else { Err(Error::Damaged("a block".to_owned())) }
}

pub(crate) fn count(manifest: &Manifest) -> u64 {
    u64::try_from(manifest.blocks.len()).unwrap_or(u64::MAX)
}

/// The snapshot's length, the blocks to read, and what is known of the others.
type Plan = (u64, Vec<u64>, BTreeMap<u32, ContentId>);

fn what_to_read(path: &Path, base: Option<(PathBuf, Manifest)>, shares: bool) -> Result<Plan> {
    let file = File::open(path).at("open", path)?;
    let size_bytes = file.metadata().at("look at", path)?.len();
    let now = extents::all(&file)?;
    match base {
        Some((base, list)) if shares => {
            let base_file = File::open(&base).at("open", &base)?;
            let changed = extents::changed(&now, &extents::all(&base_file)?);
            Ok((size_bytes, changed.into_iter().collect(), list.blocks))
        }
        _ => Ok((size_bytes, extents::filled(&now).into_iter().collect(), BTreeMap::new())),
    }
}

struct Kept {
    index: u32,
    content: Option<ContentId>,
    read_bytes: u64,
    stored_bytes: u64,
}

/// Reads one block and puts it into the store, unless it is all zeros or there already.
async fn keep_block(blobs: &Blobs, file: Arc<File>, block: u64, size_bytes: u64) -> Result<Kept> {
    let index = u32::try_from(block).map_err(|_| Error::Spec("a snapshot is too long".to_owned()))?;
    let start = block * BLOCK_BYTES;
    let length = BLOCK_BYTES.min(size_bytes.saturating_sub(start));
    let packed = on_thread(move || {
        let mut bytes = vec![0; usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX)];
        let part = bytes.get_mut(..usize::try_from(length).unwrap_or(0)).unwrap_or_default();
        file.read_exact_at(part, start).trying(|| "read a block".to_owned())?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        pack(&bytes).map(Some)
    })
    .await?;
    let Some(packed) = packed else {
        return Ok(Kept { index, content: None, read_bytes: length, stored_bytes: 0 });
    };
    let bounds = Bounds::at_most(PACKED_BYTES_MAX);
    let (content, written) = blobs.put_by_content(packed, bounds).await?;
    Ok(Kept { index, content: Some(content), read_bytes: length, stored_bytes: written.size_bytes })
}

async fn read_block(blobs: &Blobs, content: ContentId) -> Result<Bytes> {
    let packed = read_all(blobs.get(&content.blob_id()).await?).await?;
    unpack(&packed).map_err(|_| Error::Damaged(format!("block {content}")))
}

pub(crate) async fn read_all(reader: blob::Reader) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunks = reader.bytes;
    while let Some(chunk) = chunks.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn write_block(file: &File, index: u32, bytes: &[u8], size_bytes: u64) -> Result<()> {
    let start = u64::from(index) * BLOCK_BYTES;
    let length = usize::try_from(size_bytes.saturating_sub(start)).unwrap_or(usize::MAX).min(bytes.len());
    let part = bytes.get(..length).unwrap_or_default();
    file.write_all_at(part, start).trying(|| "write a block".to_owned())
}
