//! How bytes become a blob: in one stroke, or in parts that nobody sees until the last is durable.

use std::sync::Arc;

use aws_lc_rs::rand;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};

use crate::blobs::Inner;
use crate::body::{Gathered, Intake, Part};
use crate::error::Doing;
use crate::id::STAGING;
use crate::seal::{Checksum, Kind, SEAL_BYTES, Written};
use crate::{Body, Bounds, ContentId, Error, Result};

impl Inner {
    pub(crate) async fn put_at(&self, path: &Path, body: Body, bounds: Bounds) -> Result<Written> {
        match body.gather(bounds.cap(self.size_bytes_max), self.part_bytes, Kind::Crc64).await? {
            Gathered::Short(bytes, written) => {
                self.ready(path).await?;
                let _publishing = self.publishing.read().await;
                self.write_short(path, bytes, written).await
            }
            Gathered::Long(first, intake) => {
                let (mut upload, written) = self.write_long(path, first, intake).await?;
                let _publishing = self.publishing.read().await;
                self.complete(path, &mut *upload).await?;
                Ok(written)
            }
        }
    }

    /// Only the end of a stream tells its name. Short ones wait for it in memory, long ones in the staging
    /// folder, whence they replace an equal blob: cheaper than to ask whether there is one.
    pub(crate) async fn put_content(&self, body: Body, bounds: Bounds) -> Result<Written> {
        match body.gather(bounds.cap(self.size_bytes_max), self.part_bytes, Kind::Sha256).await? {
            Gathered::Short(bytes, written) => {
                let path = content_of(&written)?.blob_id().path();
                self.ready(&path).await?;
                let _publishing = self.publishing.read().await;
                if self.renewed(&path, written).await? {
                    return Ok(written);
                }
                self.write_short(&path, bytes, written).await
            }
            Gathered::Long(first, intake) => {
                let staged = staging_path()?;
                let (mut upload, written) = self.write_long(&staged, first, intake).await?;
                let path = content_of(&written)?.blob_id().path();
                self.ready(&path).await?;
                let _publishing = self.publishing.read().await;
                self.complete(&staged, &mut *upload).await?;
                self.store.rename(&staged, &path).await.doing(|| format!("move {staged} to {path}"))?;
                Ok(written)
            }
        }
    }

    async fn write_short(&self, path: &Path, bytes: Part, written: Written) -> Result<Written> {
        let payload: PutPayload = bytes.pieces.into_iter().chain([written.seal()]).collect();
        self.store.put(path, payload).await.doing(|| format!("write {path}"))?;
        Ok(written)
    }

    /// Writes all parts and the seal; what is left is to complete the upload.
    async fn write_long(
        &self,
        path: &Path,
        first: Part,
        mut intake: Intake,
    ) -> Result<(Box<dyn MultipartUpload>, Written)> {
        self.ready(path).await?;
        let mut upload = self.store.put_multipart(path).await.doing(|| format!("begin {path}"))?;
        match self.write_parts(path, &mut *upload, first, &mut intake).await {
            Ok(()) => Ok((upload, intake.written())),
            Err(error) => {
                self.abort(path, &mut *upload).await;
                Err(error)
            }
        }
    }

    async fn write_parts(
        &self,
        path: &Path,
        upload: &mut dyn MultipartUpload,
        first: Part,
        intake: &mut Intake,
    ) -> Result<()> {
        let mut part = first;
        loop {
            // One part ahead, so that the seal rides in the last and the parts stay as few as counted.
            let next = intake.part().await?;
            let last = next.is_empty();
            let seal = last.then(|| intake.written().seal());
            let payload: PutPayload = part.pieces.into_iter().chain(seal).collect();
            upload.put_part(payload).await.doing(|| format!("write a part of {path}"))?;
            if last {
                return Ok(());
            }
            part = next;
        }
    }

    async fn complete(&self, path: &Path, upload: &mut dyn MultipartUpload) -> Result<()> {
        let completed = upload.complete().await.doing(|| format!("complete {path}"));
        if completed.is_err() {
            self.abort(path, upload).await;
        }
        completed.map(drop)
    }

    /// An upload that cannot be taken back stays invisible, and the sweep's.
    async fn abort(&self, path: &Path, upload: &mut dyn MultipartUpload) {
        if let Err(error) = upload.abort().await {
            tracing::debug!(%path, %error, "an unfinished upload stays behind");
        }
    }

    /// Whether the same bytes are there already, and are now as good as written by us. Other stores have no
    /// way to renew a blob's age but to write it, so there the answer is no.
    async fn renewed(&self, path: &Path, written: Written) -> Result<bool> {
        let Some(folder) = &self.folder else { return Ok(false) };
        match self.store.head(path).await {
            Ok(meta) if meta.size == written.size_bytes.saturating_add(SEAL_BYTES) => {}
            _ => return Ok(false),
        }
        let (folder, path) = (Arc::clone(folder), path.clone());
        blocking("renew a blob", move || folder.renew(&path)).await.map(|()| true)
    }

    async fn ready(&self, path: &Path) -> Result<()> {
        match &self.folder {
            Some(folder) if !folder.is_ready(path) => {
                let (folder, path) = (Arc::clone(folder), path.clone());
                blocking("make a folder", move || folder.ready(&path)).await
            }
            _ => Ok(()),
        }
    }
}

/// The name of bytes that were summed to be named.
pub(crate) fn content_of(written: &Written) -> Result<ContentId> {
    match written.checksum {
        Checksum::Sha256(sum) => Ok(ContentId(sum)),
        Checksum::Crc64(_) => Err(Error::Store {
            doing: "name a blob by its content".to_owned(),
            source: "its bytes were summed otherwise".into(),
        }),
    }
}

/// Runs what waits for the disk where waiting is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.doing(|| what.to_owned())?
}

/// A name no other upload has, in this process or another.
fn staging_path() -> Result<Path> {
    let mut name = [0; 32];
    rand::fill(&mut name).map_err(|_| Error::Store {
        doing: "name an upload".to_owned(),
        source: "the host gives no random numbers".into(),
    })?;
    Ok(Path::from_iter([STAGING, &ContentId(name).to_string()]))
}
