//! A blob written piece by piece: what is to be done with a piece is done by the thread that writes it, while the next is
//! gathered.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};

use crate::blobs::Inner;
use crate::chunk::ChunkKey;
use crate::error::Doing;
use crate::folder::Folder;
use crate::piece::Piece;
use crate::seal::{Kind, Sum, Written};
use crate::staged::{Staged, place};
use crate::write::blocking;
use crate::{BlobId, Blobs, Bounds, Error, Result};

/// A blob on its way, seen by nobody before it is published. One that is dropped leaves nothing on the local disk; elsewhere
/// it must be abandoned.
pub struct Upload {
    inner: Arc<Inner>,
    path: Path,
    bounds: Bounds,
    /// The number of the next chunk, and the sum of what was written. Both are with the thread that works.
    state: Option<State>,
    remote: Remote,
}

struct State {
    key: Arc<ChunkKey>,
    at: u64,
    sum: Sum,
    /// On the local disk, from the first piece on.
    file: Option<Staged>,
}

/// What is on its way to another store: the bytes of the next part, and the parts before it.
#[derive(Default)]
struct Remote {
    pending: BytesMut,
    parts: Option<Box<dyn MultipartUpload>>,
}

impl Blobs {
    /// Begins a blob that is sealed under `key`, in place of what is there.
    ///
    /// # Errors
    /// `Id` for an id that belongs to content.
    pub fn begin_sealed(&self, id: &BlobId, key: ChunkKey, bounds: Bounds) -> Result<Upload> {
        self.check_free(id)?;
        let state = State { key: Arc::new(key), at: 0, sum: Sum::new(Kind::Crc64), file: None };
        Ok(Upload {
            inner: Arc::clone(&self.0),
            path: id.path(),
            bounds: bounds.cap(self.0.size_bytes_max),
            state: Some(state),
            remote: Remote::default(),
        })
    }

    /// An empty piece, long if there is memory for it now.
    pub fn piece(&self) -> Piece {
        Piece::new(self.0.pool.buffer())
    }
}

impl Upload {
    /// Sums every chunk of a piece by `add`, seals it and writes it; gives back the sums.
    ///
    /// # Errors
    /// `TooLong` against the bounds; `Full` or `Store` if the store refuses. Then the upload is lost.
    pub async fn write<S: Send + 'static>(
        &mut self,
        mut piece: Piece,
        mut sums: S,
        add: fn(&mut S, &[u8]),
    ) -> Result<S> {
        let mut state = self.state.take().ok_or_else(lost)?;
        let folder = self.inner.folder.clone();
        let (path, bounds, pool) = (self.path.clone(), self.bounds, Arc::clone(&self.inner.pool));
        let work = move || {
            state.at = piece.seal(&state.key, state.at, |plain| add(&mut sums, plain));
            state.sum.add(piece.as_ref());
            bounds.check_growth(state.sum.size_bytes())?;
            let mut elsewhere = None;
            match &folder {
                Some(folder) => state.local(folder, &path)?.write(piece.as_ref(), || pool.buffer())?,
                None => elsewhere = Some(piece),
            }
            Ok((state, sums, elsewhere))
        };
        let (state, sums, elsewhere) = blocking("write a piece", work).await?;
        self.state = Some(state);
        if let Some(piece) = elsewhere {
            self.remote.pending.extend_from_slice(piece.as_ref());
            drop(piece);
            self.send_parts().await?;
        }
        Ok(sums)
    }

    async fn send_parts(&mut self) -> Result<()> {
        while self.remote.pending.len() >= self.inner.part_bytes {
            let part = self.remote.pending.split_to(self.inner.part_bytes).freeze();
            self.send_part(part).await?;
        }
        Ok(())
    }

    async fn send_part(&mut self, part: Bytes) -> Result<()> {
        let path = &self.path;
        let parts = match &mut self.remote.parts {
            Some(parts) => parts,
            none => {
                let begun = self.inner.store.put_multipart(path).await;
                none.insert(begun.doing(|| format!("begin {path}"))?)
            }
        };
        parts.put_part(PutPayload::from(part)).await.doing(|| format!("write a part of {path}"))
    }

    /// Ends the blob with its seal and makes it seen. When this returns it is durable.
    ///
    /// # Errors
    /// `TooShort` against the bounds; `Full` or `Store`. Then nothing stays of it.
    pub async fn publish(mut self) -> Result<Written> {
        let published = self.end().await;
        if published.is_err() {
            self.abandon().await;
        }
        published
    }

    async fn end(&mut self) -> Result<Written> {
        let mut state = self.state.take().ok_or_else(lost)?;
        let written = state.sum.written();
        self.bounds.check_end(written.size_bytes)?;
        let seal = written.seal();
        let inner = Arc::clone(&self.inner);
        let _publishing = inner.publishing.read().await;
        let Some(folder) = inner.folder.clone() else {
            self.remote.pending.extend_from_slice(&seal);
            return self.end_elsewhere().await.map(|()| written);
        };
        let (path, pool) = (self.path.clone(), Arc::clone(&inner.pool));
        let work = move || {
            state.local(&folder, &path)?.write(&seal, || pool.buffer())?;
            state.file.take().ok_or_else(lost)?.publish()
        };
        blocking("complete a blob", work).await.map(|()| written)
    }

    async fn end_elsewhere(&mut self) -> Result<()> {
        let last = self.remote.pending.split().freeze();
        if self.remote.parts.is_none() {
            let put = self.inner.store.put(&self.path, PutPayload::from(last)).await;
            return put.doing(|| format!("write {}", self.path)).map(drop);
        }
        self.send_part(last).await?;
        let Some(parts) = &mut self.remote.parts else { return Err(lost()) };
        parts.complete().await.doing(|| format!("complete {}", self.path)).map(drop)
    }

    /// Takes back what was written. What cannot be taken back stays invisible, and the store's own rules have it.
    pub async fn abandon(mut self) {
        if let Some(parts) = &mut self.remote.parts
            && let Err(error) = parts.abort().await
        {
            tracing::debug!(path = %self.path, %error, "an unfinished upload stays behind");
        }
    }
}

impl State {
    /// The file, which is begun with the first piece.
    fn local(&mut self, folder: &Folder, path: &Path) -> Result<&mut Staged> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => {
                if !folder.is_ready(path) {
                    folder.ready(path)?;
                }
                Ok(none.insert(Staged::begin(place(folder.root(), path))?))
            }
        }
    }
}

fn lost() -> Error {
    let source = "a piece before it was not".into();
    Error::Store { doing: "write a piece".to_owned(), source }
}
