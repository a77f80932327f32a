//! A blob as it is read: its seal cut off, its end checked.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::{GetResult, GetResultPayload, ObjectMeta};
use tokio::task::JoinHandle;

use crate::error::Doing;
use crate::seal::{Checksum, Kind, SEAL_BYTES, Sum, Written, len};
use crate::{BlobId, Error, Result};

/// Bytes read from a local file at a time.
const CHUNK_BYTES: u64 = 256 << 10;

/// Bytes of a blob. Holds two chunks at a time: while one is worked on, the next is read.
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

    pub(crate) async fn verify(mut self, id: &BlobId, bytes_per_second: Option<u64>) -> Result<Written> {
        // Which of the two is right, only the seal at the end says.
        let mut sums = [Kind::Sha256, Kind::Crc64].map(Sum::new);
        while let Some(chunk) = self.bytes.try_next().await? {
            sums.iter_mut().for_each(|sum| sum.add(&chunk));
            if let Some(pace) = bytes_per_second {
                let micros = len(&chunk).saturating_mul(1_000_000) / pace.max(1);
                tokio::time::sleep(Duration::from_micros(micros)).await;
            }
        }
        let found = sums.map(|sum| sum.written());
        let sealed = self.seal.get().copied().filter(|sealed| found.contains(sealed));
        let sealed = sealed.ok_or_else(|| damaged(id, "its bytes differ from its checksum"))?;
        match id.content() {
            Some(content) if !found.iter().any(|sum| sum.checksum == Checksum::Sha256(content.0)) => {
                Err(damaged(id, "its bytes are not those it is named by"))
            }
            _ => Ok(sealed),
        }
    }
}

/// A blob's length, from that of what is stored.
pub(crate) fn whole_size(id: &BlobId, meta: &ObjectMeta) -> Result<u64> {
    meta.size.checked_sub(SEAL_BYTES).ok_or_else(|| damaged(id, "it is shorter than its seal"))
}

pub(crate) fn damaged(id: &BlobId, reason: &'static str) -> Error {
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
    let reading = Reading { file: Arc::new(file), left: range, next: None };
    stream::try_unfold(reading, |mut reading| async move {
        Ok(reading.next().await?.map(|chunk| (chunk, reading)))
    })
    .boxed()
}

/// A local file being read, one chunk ahead.
struct Reading {
    file: Arc<File>,
    /// What is not yet being read.
    left: Range<u64>,
    next: Option<JoinHandle<std::io::Result<Vec<u8>>>>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let Some(reading) = self.next.take().or_else(|| self.begin()) else { return Ok(None) };
        self.next = self.begin();
        let doing = || "read a blob".to_owned();
        let chunk = reading.await.doing(doing)?.doing(doing)?;
        if chunk.is_empty() {
            // The file ends before its time, which whoever counts the bytes will say.
            (self.left, self.next) = (0..0, None);
        }
        Ok(Some(Bytes::from(chunk)))
    }

    fn begin(&mut self) -> Option<JoinHandle<std::io::Result<Vec<u8>>>> {
        let wanted = self.left.end.saturating_sub(self.left.start).min(CHUNK_BYTES);
        let at = self.left.start;
        self.left.start = at.saturating_add(wanted);
        let file = Arc::clone(&self.file);
        let size = usize::try_from(wanted).ok().filter(|size| *size > 0)?;
        // Made here, not by whichever of many threads reads: each would keep the memory that it once had.
        let mut chunk = vec![0; size];
        Some(tokio::task::spawn_blocking(move || {
            let read = read_at(&file, &mut chunk, at)?;
            chunk.truncate(read);
            Ok(chunk)
        }))
    }
}

/// Reads till the chunk is full or the file ends; gives the bytes read.
pub(crate) fn read_at(file: &File, mut chunk: &mut [u8], mut at: u64) -> std::io::Result<usize> {
    let mut all = 0;
    loop {
        match file.read_at(chunk, at) {
            Ok(0) => return Ok(all),
            Ok(read) => {
                all = all.saturating_add(read);
                at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
                chunk = chunk.get_mut(read..).unwrap_or_default();
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
