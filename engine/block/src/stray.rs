//! Blocks that no list names: a store that did not end leaves some. A mark beside the lists says so until its list is there.

use std::collections::BTreeSet;

use blob::{BlobId, Bounds, ContentId};
use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::engine::Engine;
use crate::error::Result;
use crate::volume::Id;

/// Where the marks lie.
const FOLDER: &str = "storing";
const MARK: &[u8] = b"storing";

fn mark_id(id: &Id) -> Result<BlobId> {
    Ok(BlobId::new(format!("{FOLDER}/{id}"))?)
}

impl Engine {
    /// Blocks of this snapshot come into the store from now on.
    pub(crate) async fn mark_storing(&self, id: &Id) -> Result<()> {
        let bounds = Bounds::at_most(u64::try_from(MARK.len()).unwrap_or(u64::MAX));
        self.blobs().await?.put(&mark_id(id)?, Bytes::from_static(MARK), bounds).await?;
        Ok(())
    }

    /// A list names them all, or they are gone.
    pub(crate) async fn unmark_storing(&self, id: &Id) -> Result<()> {
        Ok(self.blobs().await?.delete(&mark_id(id)?).await?)
    }

    pub(crate) async fn is_storing(&self, id: &Id) -> Result<bool> {
        match self.blobs().await?.size(&mark_id(id)?).await {
            Ok(_) => Ok(true),
            Err(blob::Error::Absent(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Snapshots whose store has begun and did not end.
    pub(crate) async fn storing_ids(&self) -> Result<Vec<Id>> {
        self.ids_below(FOLDER).await
    }

    /// The snapshots that have a blob in a folder of the store.
    pub(crate) async fn ids_below(&self, folder: &str) -> Result<Vec<Id>> {
        let listed: Vec<_> = self.blobs().await?.list(Some(&BlobId::new(folder)?)).try_collect().await?;
        let names = listed.iter().filter_map(|blob| blob.id.as_str().strip_prefix(folder)?.strip_prefix('/'));
        Ok(names.filter_map(|name| Id::new(name).ok()).collect())
    }

    /// Every block in the store, whoever has it.
    pub(crate) async fn all_blocks(&self) -> Result<BTreeSet<ContentId>> {
        let mut listed = self.blobs().await?.list(None);
        let mut found = BTreeSet::new();
        while let Some(blob) = listed.try_next().await? {
            let name = blob.id.as_str().rsplit('/').next().unwrap_or_default();
            // Names of snapshots are no digests.
            found.extend(name.parse::<ContentId>().ok().filter(|content| content.blob_id() == blob.id));
        }
        Ok(found)
    }
}
