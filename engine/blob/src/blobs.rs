//! The verbs: put, get, size, verify, delete, list.

use std::ops::Range;
use std::path::Path as FsPath;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::stream::{BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::sync::RwLock;

use crate::error::Doing;
use crate::folder::Folder;
use crate::pool::Pool;
use crate::read::{Reader, whole_size};
use crate::seal::{SEAL_BYTES, Written};
use crate::write::content_of;
use crate::{BlobId, Body, Bounds, ContentId, Error, Result};

/// Bytes held per upload on the local disk; a longer stream is written in parts of this length.
const LOCAL_PART_BYTES: usize = 256 << 10;
/// S3 and its kin take parts of at least 5 MiB, and at most 10,000 of them.
const REMOTE_PART_BYTES: usize = 8 << 20;
const REMOTE_SIZE_BYTES_MAX: u64 = 10_000 * (8 << 20) - SEAL_BYTES;

/// A store of blobs. Clones are the same store.
#[derive(Clone)]
pub struct Blobs(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Present where the store is a folder of this host.
    pub(crate) folder: Option<Arc<Folder>>,
    pub(crate) part_bytes: usize,
    pub(crate) size_bytes_max: u64,
    /// Shared by those who publish, alone for the sweep that removes: it never takes away what a put has
    /// just found or replaced.
    pub(crate) publishing: RwLock<()>,
    /// Memory for what comes and goes sealed.
    pub(crate) pool: Arc<Pool>,
}

/// A blob in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: BlobId,
    pub size_bytes: u64,
    pub written_at: SystemTime,
}

impl Blobs {
    /// Blobs in a folder, which is made if need be and belongs to this store alone while it is open.
    ///
    /// # Errors
    /// `InUse` if another store has the folder open; `Store` or `Full` if it cannot be made.
    pub fn local(dir: impl AsRef<FsPath>) -> Result<Self> {
        let folder = Folder::open(dir.as_ref())?;
        let store = LocalFileSystem::new_with_prefix(folder.root())
            .doing(|| format!("open folder {} of blobs", folder.root().display()))?
            .with_fsync(true);
        Ok(Self(Arc::new(Inner {
            store: Arc::new(store),
            folder: Some(Arc::new(folder)),
            part_bytes: LOCAL_PART_BYTES,
            size_bytes_max: u64::MAX - SEAL_BYTES,
            publishing: RwLock::new(()),
            pool: Arc::default(),
        })))
    }

    /// Blobs in any object store, of up to 80 GiB each. It must keep what it has acknowledged, and list what
    /// it keeps.
    pub fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self(Arc::new(Inner {
            store,
            folder: None,
            part_bytes: REMOTE_PART_BYTES,
            size_bytes_max: REMOTE_SIZE_BYTES_MAX,
            publishing: RwLock::new(()),
            pool: Arc::default(),
        }))
    }

    /// Stores a blob under `id` in place of what was there. When this returns, the blob is durable; before,
    /// readers see the old one or none.
    ///
    /// # Errors
    /// `Id` for an id that belongs to content; `TooLong` or `TooShort` against the bounds; `Body` if the
    /// stream fails; `Full` or `Store` if the store does.
    pub async fn put(&self, id: &BlobId, body: impl Into<Body>, bounds: Bounds) -> Result<Written> {
        self.check_free(id)?;
        self.0.put_at(&id.path(), body.into(), bounds).await
    }

    pub(crate) fn check_free(&self, id: &BlobId) -> Result<()> {
        if id.is_reserved() {
            let reason = "blobs there are named by their content";
            return Err(Error::Id { id: id.to_string(), reason });
        }
        Ok(())
    }

    /// Stores a blob under the SHA-256 of its bytes. The same bytes are kept once.
    ///
    /// # Errors
    /// As `put`.
    pub async fn put_by_content(
        &self,
        body: impl Into<Body>,
        bounds: Bounds,
    ) -> Result<(ContentId, Written)> {
        let written = self.0.put_content(body.into(), bounds).await?;
        Ok((content_of(&written)?, written))
    }

    /// A blob from its first byte to its last, as it was when this returned.
    ///
    /// # Errors
    /// `Absent`, `Damaged`, `Store`; in the stream `Damaged` if the blob ends before its seal.
    pub async fn get(&self, id: &BlobId) -> Result<Reader> {
        let found = self.0.fetch(id, GetOptions::default()).await?;
        let size_bytes = whole_size(id, &found.meta)?;
        Ok(Reader::whole(id, size_bytes, found))
    }

    /// Some bytes of a blob. A range that ends beyond the blob is cut at its end.
    ///
    /// # Errors
    /// `Range` if the range is empty or begins beyond the blob; else as `get`.
    pub async fn get_range(&self, id: &BlobId, range: Range<u64>) -> Result<Reader> {
        let outside =
            |size_bytes| Error::Range { id: id.clone(), start: range.start, end: range.end, size_bytes };
        if range.is_empty() {
            return Err(outside(self.size(id).await?));
        }
        let bounded = GetOptions::default().with_range(Some(GetRange::Bounded(range.clone())));
        let found = match self.0.fetch(id, bounded).await {
            // Stores differ in how they say that a range lies outside.
            Err(error @ Error::Store { .. }) => {
                let size_bytes = self.size(id).await?;
                return Err(if range.start >= size_bytes { outside(size_bytes) } else { error });
            }
            found => found?,
        };
        let size_bytes = whole_size(id, &found.meta)?;
        if range.start >= size_bytes {
            return Err(outside(size_bytes));
        }
        Ok(Reader::range(id, size_bytes, range.start..range.end.min(size_bytes), found))
    }

    /// A blob's length in bytes.
    ///
    /// # Errors
    /// `Absent`, `Damaged`, `Store`.
    pub async fn size(&self, id: &BlobId) -> Result<u64> {
        whole_size(id, &self.0.find(id, &id.path()).await?.ok_or_else(|| Error::Absent(id.clone()))?)
    }

    /// Reads a blob through and compares it with its seal, and with its name if that is its content.
    ///
    /// # Errors
    /// `Damaged` if they differ; else as `get`.
    pub async fn verify(&self, id: &BlobId) -> Result<Written> {
        self.get(id).await?.verify(id, None).await
    }

    /// As `verify`, reading no more than so many bytes in a second.
    ///
    /// # Errors
    /// As `verify`.
    pub async fn verify_slowly(&self, id: &BlobId, bytes_per_second: u64) -> Result<Written> {
        self.get(id).await?.verify(id, Some(bytes_per_second)).await
    }

    /// Removes a blob; one that is not there is removed already. Readers that have it open read on.
    /// After a loss of power a removed blob may be back: then nothing names it, and the sweep takes it.
    ///
    /// # Errors
    /// `Store`.
    pub async fn delete(&self, id: &BlobId) -> Result<()> {
        self.0.remove(&id.path()).await
    }

    /// All blobs, or those whose ids begin with `folder` and a slash, in no order. A blob put or deleted
    /// meanwhile may be in the listing or not. Files that are no blobs are passed over.
    pub fn list(&self, folder: Option<&BlobId>) -> BoxStream<'static, Result<Listed>> {
        let found = self.0.store.list(folder.map(BlobId::folder).as_ref());
        found
            .filter_map(async |meta| match meta.doing(|| "list blobs".to_owned()) {
                Ok(meta) => {
                    let id = BlobId::at(&meta.location)?;
                    let size_bytes = meta.size.saturating_sub(SEAL_BYTES);
                    Some(Ok(Listed { id, size_bytes, written_at: meta.last_modified.into() }))
                }
                Err(error) => Some(Err(error)),
            })
            .boxed()
    }
}

impl Inner {
    pub(crate) async fn find(&self, id: &BlobId, path: &Path) -> Result<Option<ObjectMeta>> {
        match self.store.head(path).await {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            found => found.map(Some).doing(|| format!("look for blob {id}")),
        }
    }

    pub(crate) async fn remove(&self, path: &Path) -> Result<()> {
        match self.store.delete(path).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            removed => removed.doing(|| format!("remove {path}")),
        }
    }

    pub(crate) async fn fetch(&self, id: &BlobId, options: GetOptions) -> Result<object_store::GetResult> {
        match self.store.get_opts(&id.path(), options).await {
            Err(object_store::Error::NotFound { .. }) => Err(Error::Absent(id.clone())),
            found => found.doing(|| format!("read blob {id}")),
        }
    }
}
