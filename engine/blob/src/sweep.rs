//! The sweep: what no record names and no upload needs is taken away.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::stream::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::blobs::{Blobs, Inner};
use crate::error::Doing;
use crate::id::STAGING;
use crate::write::blocking;
use crate::{BlobId, BoxError, Error, Result};

/// What a sweep has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Blobs that nothing named.
    pub blobs: u64,
    /// Remains of uploads that never ended.
    pub temporaries: u64,
    /// The room they took, seals included.
    pub size_bytes: u64,
}

impl Blobs {
    /// Removes blobs for which `keep` answers no, and remains of crashed uploads. Nothing younger than
    /// `older_than` goes: that is the time a writer has between the end of a put and the commit of the
    /// record that names the blob. It must also exceed the longest upload where several processes share a
    /// store; unfinished uploads of a remote store are for that store's own rules to end.
    ///
    /// # Errors
    /// `Keep` if a lookup fails, `Store` if the store does. The sweep ends there and may be run again.
    pub async fn sweep(
        &self,
        keep: &(dyn Fn(BlobId) -> BoxFuture<'static, Result<bool, BoxError>> + Send + Sync),
        older_than: Duration,
    ) -> Result<Swept> {
        let cutoff = SystemTime::now().checked_sub(older_than).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut swept = Swept::default();
        let mut listing = self.0.store.list(None);
        while let Some(meta) = listing.try_next().await.doing(|| "list blobs".to_owned())? {
            if SystemTime::from(meta.last_modified) >= cutoff {
                continue;
            }
            let staged = meta.location.parts().next().is_some_and(|part| part.as_ref() == STAGING);
            if !staged {
                let Some(id) = BlobId::at(&meta.location) else { continue };
                if keep(id).await.map_err(Error::Keep)? {
                    continue;
                }
            }
            if self.0.remove_old(&meta.location, cutoff).await? {
                let count = if staged { &mut swept.temporaries } else { &mut swept.blobs };
                *count += 1;
                swept.size_bytes = swept.size_bytes.saturating_add(meta.size);
            }
        }
        if let Some(folder) = &self.0.folder {
            let folder = Arc::clone(folder);
            let (count, size_bytes) =
                blocking("sweep temporaries", move || folder.remove_temporaries(cutoff)).await?;
            swept.temporaries += count;
            swept.size_bytes = swept.size_bytes.saturating_add(size_bytes);
        }
        Ok(swept)
    }
}

impl Inner {
    /// Removes what is still as old as the listing said: a put may have replaced or renewed it since.
    async fn remove_old(&self, path: &Path, cutoff: SystemTime) -> Result<bool> {
        let _alone = self.publishing.write().await;
        match self.store.head(path).await {
            Ok(meta) if SystemTime::from(meta.last_modified) < cutoff => {
                self.remove(path).await.map(|()| true)
            }
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::of(format!("look for {path}"), error)),
        }
    }
}
