//! How bytes come in: counted, summed, sealed and made durable, and compared with what was promised of them.

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

use super::vault;
use crate::errors;
use crate::rules::checksum::{Algorithm, Checksum, Sums, Type};
use crate::rules::seal::{CHUNK_BYTES, SEALED_CHUNK_BYTES, Secret, SegmentKey, sealed_size};
use crate::state::bucket::Bucket;
use crate::state::bytes::{INLINE_BYTES_MAX, Segment, blob_id};

/// Bytes put in one request at most: 5 GiB.
pub(super) const PUT_BYTES_MAX: u64 = 5 << 30;
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
    let key = SegmentKey::derive(secret, &id);
    let mut intake = Intake::new(body.take(), promised);
    let mut head = BytesMut::new();
    while head.len() <= INLINE_BYTES_MAX {
        match intake.next().await? {
            Some(bytes) => head.extend_from_slice(&bytes),
            None => return Ok(short(id, &key, head, intake.sum()?)),
        }
    }
    long(ctx, bucket, id, (key, head, intake)).await
}

fn short(id: String, key: &SegmentKey, mut bytes: BytesMut, sum: Sum) -> Taken {
    let segment = Segment { id, size: sum.size, inline: true, checksum: None };
    if !bytes.is_empty() {
        key.seal(0, &mut bytes);
    }
    Taken { segment, inline: Some(bytes.freeze()), sum }
}

async fn long(
    ctx: &Ctx,
    bucket: &Bucket,
    id: String,
    (key, pending, intake): (SegmentKey, BytesMut, Intake),
) -> Result<Taken> {
    let found = Arc::new(Mutex::new(None));
    let sealing = Sealing { intake, key, pending, at: 0, ended: false, found: found.clone() };
    let sealed = stream::try_unfold(sealing, |mut sealing| async move {
        let chunk = sealing.next().await.map_err(|error| Box::new(error) as BoxError)?;
        Ok(chunk.map(|chunk| (chunk, sealing)))
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
    md5: Md5,
    sums: Sums,
    size: u64,
    sum: Option<Sum>,
}

impl Intake {
    fn new(body: Incoming, promised: Promised) -> Self {
        let sums = Sums::new(promised.algorithm);
        Self { body, promised, md5: Md5::new(), sums, size: 0, sum: None }
    }

    /// The next bytes; `None` after the last, once they are what was promised.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let frame = poll_fn(|cx| self.body.as_mut().poll_frame(cx));
            let frame = tokio::time::timeout(PAUSE_MAX, frame).await.map_err(|_| errors::timed_out())?;
            let Some(frame) = frame else {
                self.sum = Some(self.check()?);
                return Ok(None);
            };
            match frame.map_err(broken)?.into_data() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    self.add(&bytes)?;
                    return Ok(Some(bytes));
                }
                Err(frame) => self.note_trailers(frame.trailers_ref())?,
            }
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.size > PUT_BYTES_MAX {
            return Err(errors::entity_too_large());
        }
        self.md5.update(bytes);
        self.sums.add(bytes);
        Ok(())
    }

    /// A checksum that follows the body is promised as one before it is.
    fn note_trailers(&mut self, trailers: Option<&http::HeaderMap>) -> Result<()> {
        for (name, value) in trailers.into_iter().flatten() {
            let Some(algorithm) = Algorithm::of_header(name.as_str()) else { continue };
            let value = value.to_str().map_err(|_| errors::bad_digest(algorithm.name()))?;
            if self.sums.value(algorithm).is_none() {
                let message = "x-amz-sdk-checksum-algorithm must name the algorithm of a SHA in a trailer.";
                return Err(errors::invalid_request(message));
            }
            self.promised.checksum = Some((algorithm, value.to_owned()));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<Sum> {
        if self.promised.length.is_some_and(|length| length != self.size) {
            return Err(errors::incomplete_body());
        }
        let md5: [u8; 16] = self.md5.clone().finalize().into();
        if self.promised.md5.is_some_and(|promised| promised != md5) {
            return Err(errors::bad_digest("Content-MD5"));
        }
        // Every object has a checksum: what the client chose, else what S3 adds.
        let named = self.promised.checksum.as_ref().map(|(algorithm, _)| *algorithm);
        let algorithm = named.or(self.promised.algorithm).unwrap_or(Algorithm::Crc64Nvme);
        let value = self.sums.value(algorithm).ok_or_else(|| errors::bad_digest(algorithm.name()))?;
        if self.promised.checksum.as_ref().is_some_and(|(_, promised)| *promised != value) {
            return Err(errors::bad_digest(algorithm.name()));
        }
        let etag = md5.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Sum { size: self.size, etag, checksum: Checksum { algorithm, of: Type::FullObject, value } })
    }

    fn sum(&mut self) -> Result<Sum> {
        self.sum.take().ok_or_else(|| errors::damaged("a body that came in"))
    }
}

/// The error of a body that checks itself is for the caller; any other means the sender is gone.
fn broken(error: BodyError) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(theirs) => errors::incomplete_body().because(theirs),
    }
}

/// A body cut into sealed chunks.
struct Sealing {
    intake: Intake,
    key: SegmentKey,
    pending: BytesMut,
    at: u64,
    ended: bool,
    found: Arc<Mutex<Option<Sum>>>,
}

impl Sealing {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.ended && self.pending.len() < CHUNK_BYTES {
            match self.intake.next().await? {
                Some(bytes) => self.pending.extend_from_slice(&bytes),
                None => self.ended = true,
            }
        }
        if self.pending.is_empty() {
            *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.intake.sum()?);
            return Ok(None);
        }
        let plain = self.pending.split_to(CHUNK_BYTES.min(self.pending.len()));
        let mut chunk = BytesMut::with_capacity(SEALED_CHUNK_BYTES);
        chunk.extend_from_slice(&plain);
        self.key.seal(self.at, &mut chunk);
        self.at += 1;
        Ok(Some(chunk.freeze()))
    }
}
