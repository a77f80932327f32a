//! A blob as it is read: its seal cut off, its end checked.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::{GetResult, GetResultPayload, ObjectMeta};

use crate::error::Doing;
use crate::seal::{SEAL_BYTES, Sum, Written, len};
use crate::write::blocking;
use crate::{BlobId, Error, Result};

/// Bytes read from a local file at a time.
const CHUNK_BYTES: u64 = 256 << 10;

/// Bytes of a blob. Holds one chunk at a time.
pub struct Reader {
    /// The whole blob's length, in bytes.
    pub size_bytes: u64,
    /// Which of its bytes the stream gives.
    pub range: Range<u64>,
    /// The bytes. The stream ends after the range; if it ends with an error, what came before is a
    /// beginning of it.
    pub bytes: BoxStream<'static, Result<Bytes>>,
    seal: SealSlot,
}

/// Where a whole blob's stream leaves the seal it met at the end.
type SealSlot = Arc<std::sync::OnceLock<Written>>;

impl Reader {
    pub(crate) fn whole(id: &BlobId, size_bytes: u64, found: GetResult) -> Self {
        let seal = SealSlot::default();
        let bytes = cut(id, size_bytes, stored(id, found), Some(Arc::clone(&seal)));
        Self { size_bytes, range: 0..size_bytes, bytes, seal }
    }

    pub(crate) fn range(id: &BlobId, size_bytes: u64, range: Range<u64>, found: GetResult) -> Self {
        let wanted = range.end.saturating_sub(range.start);
        let bytes = cut(id, wanted, stored(id, found), None);
        Self { size_bytes, range, bytes, seal: SealSlot::default() }
    }

    /// Collects the bytes, if they are no more than `size_bytes_max`.
    ///
    /// # Errors
    /// `TooLong`; else as the stream.
    pub async fn collect(mut self, size_bytes_max: u64) -> Result<Vec<u8>> {
        let wanted = self.range.end.saturating_sub(self.range.start);
        if wanted > size_bytes_max {
            return Err(Error::TooLong { size_bytes_max });
        }
        let mut all = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
        while let Some(chunk) = self.bytes.try_next().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    pub(crate) async fn verify(mut self, id: &BlobId) -> Result<Written> {
        let mut sum = Sum::new();
        while let Some(chunk) = self.bytes.try_next().await? {
            sum.add(&chunk);
        }
        let found = sum.written();
        if self.seal.get() != Some(&found) {
            return Err(damaged(id, "its bytes differ from its checksum"));
        }
        if id.content().is_some_and(|content| content.0 != found.sha256) {
            return Err(damaged(id, "its bytes are not those it is named by"));
        }
        Ok(found)
    }
}

/// A blob's length, from that of what is stored.
pub(crate) fn whole_size(id: &BlobId, meta: &ObjectMeta) -> Result<u64> {
    meta.size.checked_sub(SEAL_BYTES).ok_or_else(|| damaged(id, "it is shorter than its seal"))
}

fn damaged(id: &BlobId, reason: &'static str) -> Error {
    Error::Damaged { id: id.clone(), reason }
}

struct Cut {
    id: BlobId,
    size_bytes: u64,
    left: u64,
    stored: BoxStream<'static, Result<Bytes>>,
    tail: Vec<u8>,
    seal: Option<SealSlot>,
}

/// Gives the first `size_bytes` of what is stored; with a slot, expects the seal after them.
fn cut(
    id: &BlobId,
    size_bytes: u64,
    stored: BoxStream<'static, Result<Bytes>>,
    seal: Option<SealSlot>,
) -> BoxStream<'static, Result<Bytes>> {
    let cut = Cut { id: id.clone(), size_bytes, left: size_bytes, stored, tail: Vec::new(), seal };
    stream::try_unfold(cut, |mut cut| async move { Ok(cut.next().await?.map(|bytes| (bytes, cut))) }).boxed()
}

impl Cut {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.left > 0 || self.seal.is_some() {
            let Some(mut chunk) = self.stored.try_next().await? else { return self.end().map(|()| None) };
            let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(chunk.len());
            let given = chunk.split_to(wanted);
            self.tail.extend_from_slice(&chunk);
            self.left = self.left.saturating_sub(len(&given));
            if !given.is_empty() {
                return Ok(Some(given));
            }
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<()> {
        if self.left > 0 {
            return Err(damaged(&self.id, "it ends before its time"));
        }
        let Some(slot) = self.seal.take() else { return Ok(()) };
        match Written::from_seal(&self.tail) {
            Some(written) if written.size_bytes == self.size_bytes => {
                slot.get_or_init(|| written);
                Ok(())
            }
            Some(_) => Err(damaged(&self.id, "its length differs from its seal")),
            None => Err(damaged(&self.id, "it has no seal")),
        }
    }
}

/// What the store holds, seal included. Local files are read here: in longer chunks than the store would.
fn stored(id: &BlobId, found: GetResult) -> BoxStream<'static, Result<Bytes>> {
    let range = found.range.clone();
    let id = id.clone();
    match found.payload {
        GetResultPayload::File(file, _) => chunks(file, range),
        GetResultPayload::Stream(stream) => {
            stream.map(move |chunk| chunk.doing(|| format!("read blob {id}"))).boxed()
        }
    }
}

fn chunks(file: File, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    stream::try_unfold((file, range), |(file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        blocking("read a blob", move || {
            let wanted = range.end.saturating_sub(range.start).min(CHUNK_BYTES);
            let mut chunk = vec![0; usize::try_from(wanted).unwrap_or_default()];
            let read = read_at(&file, &mut chunk, range.start).doing(|| "read a blob".to_owned())?;
            chunk.truncate(read);
            let at = range.start.saturating_add(len(&chunk));
            let end = if read == 0 { at } else { range.end };
            Ok(Some((Bytes::from(chunk), (file, at..end))))
        })
        .await
    })
    .boxed()
}

fn read_at(file: &File, chunk: &mut [u8], at: u64) -> std::io::Result<usize> {
    loop {
        match file.read_at(chunk, at) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
