//! The contract of volumes: what may be asked of them and what they answer.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::export::Exported;
use crate::import::{DiskImage, Format};
use crate::seal::Key;

/// An id is also a file's name.
const ID_CHARS_MAX: usize = 40;

/// The name of a volume or a snapshot, chosen by the caller before the first try.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// 1 to 40 of `a-z`, `0-9` and `-`, not beginning with `-`.
    ///
    /// # Errors
    /// [`Error::Spec`] when the text is not such a name.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        let fits = (1..=ID_CHARS_MAX).contains(&id.len()) && !id.starts_with('-');
        if fits && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            Ok(Self(id))
        } else {
            Err(Error::Spec(format!("{id:?} is not a volume's id")))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a volume holds at its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Zeros.
    Empty,
    /// An empty ext4 file system over its whole size.
    FileSystem,
    /// What a snapshot holds; zeros behind its end. With its key where it is sealed.
    Snapshot(Id, Option<Key>),
}

/// What a volume shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub size_bytes: u64,
    pub source: Source,
    /// Sealed under this, at rest and in its snapshots; plain without. Never changes.
    pub key: Option<Key>,
}

/// The keys of what is copied, and of the copy; `None` is plain.
pub type Keys<'a> = (Option<&'a Key>, Option<&'a Key>);

/// A volume as a block device of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The same path whenever the volume is attached.
    pub node: PathBuf,
    /// Its numbers, for this attachment.
    pub major: u32,
    pub minor: u32,
}

/// What it took to keep a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Read from the volume: what may have changed since the snapshot before.
    pub read_bytes: u64,
    /// Added to the store: what nobody had yet, compressed.
    pub stored_bytes: u64,
    /// Blocks that are not zeros.
    pub blocks: u64,
}

/// A block of a snapshot that is not zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    pub index: u32,
    /// Equal for equal content.
    pub token: [u8; 32],
}

/// A block of a snapshot on its way to somewhere else: plain, and packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    pub index: u32,
    /// At most [`crate::PACKED_BYTES_MAX`]; [`crate::unpack`] gives the block.
    pub bytes: Bytes,
}

/// Blocks in their order.
pub type PackedBlocks = BoxStream<'static, Result<Packed>>;

/// What this host lets volumes do, found at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// `native`, `pool` or `copies`: how files share blocks.
    pub sharing: String,
    /// One sentence per thing that is missing, and what follows.
    pub notes: Vec<String>,
}

/// All that somebody still knows; the rest is swept.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub volumes: Vec<Id>,
    pub snapshots: Vec<Id>,
    /// Of the volumes those that may be attached now.
    pub attached: Vec<Id>,
}

/// Volumes and snapshots of one cloud on one host. Every verb is idempotent by id, safe to repeat after a crash at
/// any point, and what it has acknowledged survives the loss of power.
pub trait Volumes: Send + Sync {
    /// Makes the volume, or grows the one there is, attached or not. A volume never shrinks.
    fn ensure(&self, id: Id, wish: Wish) -> BoxFuture<'_, Result<()>>;

    /// Deletes a volume that is not attached; one that is not there is deleted already.
    fn remove<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>>;

    /// Makes the volume a block device of this host, which shows what is sealed in plain.
    fn attach<'a>(&'a self, id: &'a Id, key: Option<&'a Key>) -> BoxFuture<'a, Result<Device>>;

    /// The block device a volume is now, if it is one.
    fn find_device<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<Option<Device>>>;

    /// Takes the block device away. What was written is durable then.
    ///
    /// # Errors
    /// [`Error::Busy`] while somebody uses it.
    fn detach<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>>;

    /// Takes the snapshot: from now on it is what the volume is at this instant, whatever is written to that.
    fn take<'a>(&'a self, snapshot: &'a Id, volume: &'a Id) -> BoxFuture<'a, Result<()>>;

    /// Makes a snapshot that is written block by block: empty, or beginning as `from` is, from one key to another.
    fn begin<'a>(
        &'a self,
        snapshot: &'a Id,
        size_bytes: u64,
        from: Option<&'a Id>,
        keys: Keys<'a>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Writes a block, [`crate::BLOCK_BYTES`] long and plain, into a snapshot that was begun and is not stored yet.
    /// Durable when this returns.
    fn put_block<'a>(
        &'a self,
        snapshot: &'a Id,
        index: u32,
        block: Bytes,
        key: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Makes a snapshot that holds what a disk image holds, and returns its length: that of the disk, in whole GiB.
    ///
    /// # Errors
    /// [`Error::Image`] for what is no such image, is damaged, or needs other files; nothing is left then.
    fn import<'a>(
        &'a self,
        snapshot: &'a Id,
        image: DiskImage,
        key: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<u64>>;

    /// Writes what a plain volume holds, which nobody uses meanwhile, as a disk image.
    ///
    /// # Errors
    /// [`Error::Host`] where the host lacks what a format needs; [`Error::Spec`] for formats that are only read.
    fn export<'a>(&'a self, volume: &'a Id, format: Format) -> BoxFuture<'a, Result<Exported>>;

    /// Keeps a taken snapshot in the store, block by block; only what differs from `parent` is read. When this
    /// returns, the snapshot no longer needs the volume.
    fn store<'a>(&'a self, snapshot: &'a Id, parent: Option<&'a Id>) -> BoxFuture<'a, Result<Stored>>;

    /// Has all of a stored snapshot at hand: volumes made from it read nothing from the store.
    fn ready<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<()>>;

    /// Puts a stored snapshot away: all of it in a file of its own, its length in bytes, and nothing left that others do not
    /// share. It reads as absent from then on.
    fn archive<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<u64>>;

    /// Stores an archived snapshot again, block by block. The archive stays.
    ///
    /// # Errors
    /// [`Error::Damaged`] where the archive does not read back.
    fn restore<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<Stored>>;

    /// Deletes the archive of a snapshot, which may be stored again.
    fn remove_archive<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<()>>;

    /// Deletes a snapshot and its archive, and those of its blocks that no other snapshot has.
    fn remove_snapshot<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>>;

    /// Makes a stored snapshot of the same content, from one key to another or in plain.
    fn copy_snapshot<'a>(&'a self, from: &'a Id, to: &'a Id, keys: Keys<'a>)
    -> BoxFuture<'a, Result<Stored>>;

    /// The blocks of a stored snapshot that are not zeros, in their order.
    fn blocks<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<Vec<BlockInfo>>>;

    /// One block of a stored snapshot, [`crate::BLOCK_BYTES`] long, in plain.
    fn block<'a>(
        &'a self,
        snapshot: &'a Id,
        index: u32,
        key: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<Bytes>>;

    /// Reads a stored snapshot from a block on: all that are not zeros.
    fn read<'a>(
        &'a self,
        snapshot: &'a Id,
        from: u32,
        key: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<PackedBlocks>>;

    /// Removes what nobody knows, and detaches what is not attached any more.
    fn sweep(&self, known: Known) -> BoxFuture<'_, Result<()>>;

    fn capabilities(&self) -> Capabilities;
}
