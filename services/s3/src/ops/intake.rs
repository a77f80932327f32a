//! How bytes come in: counted, summed, sealed and made durable, and compared with what was promised of them.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blob::{Body as BlobBody, Bounds, BoxError};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body::Body as HttpBody;
use kernel::{Ctx, Error, Result};
use md5::{Digest, Md5};
use shape::{Body, BodyError};
use tokio::task::JoinHandle;

use super::vault;
use crate::errors;
use crate::rules::checksum::{Algorithm, Checksum, Sums, Type};
use crate::rules::seal::{
    CHUNK_BYTES, SEALED_CHUNK_BYTES, Secret, SegmentKey, TAG_BYTES, sealed_size, segment_key,
};
use crate::state::bucket::Bucket;
use crate::state::bytes::{INLINE_BYTES_MAX, Segment, blob_id};

/// Bytes put in one request at most: 5 GiB.
pub(super) const PUT_BYTES_MAX: u64 = 5 << 30;
/// Bytes summed and sealed at once.
const PIECE_BYTES: usize = 4 * CHUNK_BYTES;
/// How long a sender may pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What a request promises of its body.
#[derive(Debug, Default)]
pub(super) struct Promised {
    pub(super) length: Option<u64>,
    /// `Content-MD5`.
    pub(super) md5: Option<[u8; 16]>,
    pub(super) checksum: Option<(Algorithm, String)>,
    /// The algorithm that was named, whose sum may follow the body.
    pub(super) algorithm: Option<Algorithm>,
}

impl Promised {
    /// # Errors
    /// *InvalidDigest*, *InvalidRequest*.
    pub(super) fn new(
        length: Option<i64>,
        md5: Option<&str>,
        checksum: Option<(Algorithm, String)>,
        algorithm: Option<&str>,
    ) -> Result<Self> {
        let md5 = md5.map(|text| {
            let bytes = STANDARD.decode(text).unwrap_or_default();
            <[u8; 16]>::try_from(bytes.as_slice()).map_err(|_| errors::invalid_digest())
        });
        let named = algorithm.map(Algorithm::parse).transpose()?;
        let algorithm = named.or(checksum.as_ref().map(|(algorithm, _)| *algorithm));
        let length = length.and_then(|n| u64::try_from(n).ok());
        if length.is_some_and(|length| length > PUT_BYTES_MAX) {
            return Err(errors::entity_too_large());
        }
        Ok(Self { length, md5: md5.transpose()?, checksum, algorithm })
    }
}

/// What came in: durable already, or short enough to become so with its record.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) segment: Segment,
    /// Its sealed bytes, where they belong into the store.
    pub(super) inline: Option<Bytes>,
    pub(super) sum: Sum,
}

/// What a body turned out to be.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    pub(super) size: u64,
    /// MD5 in hexadecimal digits.
    pub(super) etag: String,
    pub(super) checksum: Checksum,
}

type Incoming = Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>;

/// Takes in a body under `secret`, up to 5 GiB.
///
/// # Errors
/// *BadDigest*, *IncompleteBody*, *EntityTooLarge*, *RequestTimeout*, *InsufficientStorage*; what a signed body found
/// wrong with itself. Then nothing stays behind.
pub(super) async fn take_in(
    ctx: &Ctx,
    bucket: &Bucket,
    secret: &Secret,
    body: &Body,
    promised: Promised,
) -> Result<Taken> {
    let id = ctx.ids().hex(32);
    let key = segment_key(secret, &id);
    let mut digests = Digests::new(promised.algorithm);
    let mut intake = Intake { body: body.take(), promised, size: 0 };
    let mut head = Piece::new(INLINE_BYTES_MAX + 1);
    while let Some(bytes) = intake.next().await? {
        let rest = head.fill(bytes);
        if head.is_full() {
            return long(ctx, bucket, id, (key, digests, intake, [head.plain(), rest])).await;
        }
    }
    head.seal(&key, 0, &mut digests);
    let sum = intake.check(&digests)?;
    let segment = Segment { id, size: sum.size, inline: true, checksum: None };
    Ok(Taken { segment, inline: Some(head.bytes.freeze()), sum })
}

type Begun = (SegmentKey, Digests, Intake, [Bytes; 2]);

async fn long(ctx: &Ctx, bucket: &Bucket, id: String, begun: Begun) -> Result<Taken> {
    let (key, digests, intake, head) = begun;
    let found = Arc::new(Mutex::new(None));
    let sealing = Sealing {
        intake,
        head: head.into_iter().collect(),
        key: Arc::new(key),
        digests: Some(digests),
        working: None,
        at: 0,
        ended: false,
        found: found.clone(),
    };
    let sealed = stream::try_unfold(sealing, |mut sealing| async move {
        let piece = sealing.next().await.map_err(|error| Box::new(error) as BoxError)?;
        Ok(piece.map(|piece| (piece, sealing)))
    });
    let place = blob_id(&bucket.scope(), &id)?;
    let bounds = Bounds::at_most(sealed_size(PUT_BYTES_MAX));
    vault(ctx).blobs.put(&place, BlobBody::stream(sealed), bounds).await.map_err(refused)?;
    let sum = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    let sum = sum.ok_or_else(|| errors::damaged("a body that came in"))?;
    Ok(Taken { segment: Segment { id, size: sum.size, inline: false, checksum: None }, inline: None, sum })
}

fn refused(error: blob::Error) -> Error {
    match error {
        blob::Error::Body(theirs) => match theirs.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(theirs) => Error::internal(theirs),
        },
        blob::Error::Full { .. } => errors::no_room(),
        other => Error::internal(other),
    }
}

/// A body on its way in.
struct Intake {
    body: Incoming,
    promised: Promised,
    size: u64,
}

impl Intake {
    /// The next bytes; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let frame = poll_fn(|cx| self.body.as_mut().poll_frame(cx));
            let frame = tokio::time::timeout(PAUSE_MAX, frame).await.map_err(|_| errors::timed_out())?;
            let Some(frame) = frame else { return Ok(None) };
            match frame.map_err(broken)?.into_data() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    return if self.size > PUT_BYTES_MAX {
                        Err(errors::entity_too_large())
                    } else {
                        Ok(Some(bytes))
                    };
                }
                Err(frame) => self.note_trailers(frame.trailers_ref())?,
            }
        }
    }

    /// A checksum that follows the body is promised as one before it is.
    fn note_trailers(&mut self, trailers: Option<&http::HeaderMap>) -> Result<()> {
        for (name, value) in trailers.into_iter().flatten() {
            let Some(algorithm) = Algorithm::of_header(name.as_str()) else { continue };
            let value = value.to_str().map_err(|_| errors::bad_digest(algorithm.name()))?;
            self.promised.checksum = Some((algorithm, value.to_owned()));
        }
        Ok(())
    }

    /// Compares what came with what was promised.
    fn check(&self, digests: &Digests) -> Result<Sum> {
        if self.promised.length.is_some_and(|length| length != self.size) {
            return Err(errors::incomplete_body());
        }
        let md5: [u8; 16] = digests.md5.clone().finalize().into();
        if self.promised.md5.is_some_and(|promised| promised != md5) {
            return Err(errors::bad_digest("Content-MD5"));
        }
        // Every object has a checksum: what the client chose, else what S3 adds.
        let named = self.promised.checksum.as_ref().map(|(algorithm, _)| *algorithm);
        let algorithm = named.or(self.promised.algorithm).unwrap_or(Algorithm::Crc64Nvme);
        let Some(value) = digests.sums.value(algorithm) else {
            let message = "x-amz-sdk-checksum-algorithm must name the algorithm of a SHA in a trailer.";
            return Err(errors::invalid_request(message));
        };
        if self.promised.checksum.as_ref().is_some_and(|(_, promised)| *promised != value) {
            return Err(errors::bad_digest(algorithm.name()));
        }
        let etag = md5.iter().fold(String::with_capacity(32), |mut text, byte| {
            // Text takes whatever is written.
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok(Sum { size: self.size, etag, checksum: Checksum { algorithm, of: Type::FullObject, value } })
    }
}

/// What is summed of a body.
struct Digests {
    md5: Md5,
    sums: Sums,
}

impl Digests {
    fn new(algorithm: Option<Algorithm>) -> Self {
        Self { md5: Md5::new(), sums: Sums::new(algorithm) }
    }
}

/// The error of a body that checks itself is for the caller; any other means the sender is gone.
fn broken(error: BodyError) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(theirs) => errors::incomplete_body().because(theirs),
    }
}

/// Plain bytes laid out in chunks, with room for their tags.
struct Piece {
    bytes: BytesMut,
    /// Plain bytes it takes.
    size_max: usize,
    size: usize,
}

impl Piece {
    fn new(size_max: usize) -> Self {
        let room = size_max + size_max.div_ceil(CHUNK_BYTES) * TAG_BYTES;
        Self { bytes: BytesMut::with_capacity(room), size_max, size: 0 }
    }

    fn is_full(&self) -> bool {
        self.size == self.size_max
    }

    /// Takes what there is room for, and gives the rest back.
    fn fill(&mut self, mut bytes: Bytes) -> Bytes {
        while !bytes.is_empty() && !self.is_full() {
            let left = CHUNK_BYTES - self.bytes.len() % SEALED_CHUNK_BYTES;
            let wanted = left.min(self.size_max - self.size).min(bytes.len());
            self.bytes.extend_from_slice(&bytes.split_to(wanted));
            self.size += wanted;
            if wanted == left {
                self.bytes.extend_from_slice(&[0; TAG_BYTES]);
            }
        }
        bytes
    }

    /// The bytes of a piece that is shorter than a chunk.
    fn plain(&self) -> Bytes {
        Bytes::copy_from_slice(&self.bytes)
    }

    /// Sums and seals; `at` is the first chunk's number. Gives the next one's.
    fn seal(&mut self, key: &SegmentKey, mut at: u64, digests: &mut Digests) -> u64 {
        if !self.bytes.len().is_multiple_of(SEALED_CHUNK_BYTES) {
            self.bytes.extend_from_slice(&[0; TAG_BYTES]);
        }
        for chunk in self.bytes.chunks_mut(SEALED_CHUNK_BYTES) {
            let plain = chunk.split_last_chunk::<TAG_BYTES>().map_or(&[][..], |(plain, _)| plain);
            digests.md5.update(plain);
            digests.sums.add(plain);
            key.seal(at, chunk);
            at += 1;
        }
        at
    }
}

/// A body cut into sealed pieces. While one is summed and sealed by a thread of its own, the next is gathered.
struct Sealing {
    intake: Intake,
    /// What was read before, and goes first.
    head: VecDeque<Bytes>,
    key: Arc<SegmentKey>,
    /// With the thread that sums, as long as it works.
    digests: Option<Digests>,
    working: Option<JoinHandle<(Digests, Bytes, u64)>>,
    /// The number of the next chunk.
    at: u64,
    ended: bool,
    found: Arc<Mutex<Option<Sum>>>,
}

impl Sealing {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let piece = self.gather().await?;
            let done = match self.working.take() {
                Some(working) => {
                    let (digests, sealed, at) = working.await.map_err(Error::internal)?;
                    (self.digests, self.at) = (Some(digests), at);
                    Some(sealed)
                }
                None => None,
            };
            let is_last = piece.size == 0;
            if let Some(digests) = self.digests.take_if(|_| !is_last) {
                self.begin(piece, digests);
            }
            match (done, is_last) {
                (Some(sealed), _) => return Ok(Some(sealed)),
                (None, false) => {}
                (None, true) => {
                    let digests =
                        self.digests.as_ref().ok_or_else(|| errors::damaged("a body that came in"))?;
                    let sum = self.intake.check(digests)?;
                    *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(sum);
                    return Ok(None);
                }
            }
        }
    }

    fn begin(&mut self, mut piece: Piece, mut digests: Digests) {
        let (key, at) = (self.key.clone(), self.at);
        self.working = Some(tokio::task::spawn_blocking(move || {
            let next = piece.seal(&key, at, &mut digests);
            (digests, piece.bytes.freeze(), next)
        }));
    }

    /// The next piece; empty after the last.
    async fn gather(&mut self) -> Result<Piece> {
        let mut piece = Piece::new(if self.ended { 0 } else { PIECE_BYTES });
        while !self.ended && !piece.is_full() {
            let bytes = match self.head.pop_front() {
                Some(bytes) => Some(bytes),
                None => self.intake.next().await?,
            };
            match bytes {
                Some(bytes) => {
                    let rest = piece.fill(bytes);
                    if !rest.is_empty() {
                        self.head.push_front(rest);
                    }
                }
                None => self.ended = true,
            }
        }
        Ok(piece)
    }
}
