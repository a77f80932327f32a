//! How bytes come in: counted, summed, sealed and made durable, and compared with what was promised of them.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blob::{BlobId, Blobs, Bounds, Piece};
use bytes::Bytes;
use fast_md5::Md5;
use futures_util::future::join;
use http_body::Body as HttpBody;
use kernel::{Ctx, Error, Result};
use shape::{Body, BodyError};

use super::vault;
use crate::errors::{self, checksum as bad_sum};
use crate::rules::checksum::{Algorithm, Checksum, Sums, Type};
use crate::rules::seal::{Secret, SegmentKey, sealed_size, segment_key};
use crate::state::bucket::Bucket;
use crate::state::bytes::{INLINE_BYTES_MAX, Segment, blob_id};

/// Bytes put in one request at most: 5 GiB.
pub(super) const PUT_BYTES_MAX: u64 = 5 << 30;
/// Frames kept apart before it is known where they go.
const FRAMES_MAX: usize = 16;
/// How long a sender may pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What a request promises of its body.
#[derive(Debug, Default)]
pub(super) struct Promised {
    /// `None` where the body itself says how long it is. `Content-Length` is no promise of the object's length: it
    /// counts the chunks a body came in too, and the door sees to it that a body is as long.
    pub(super) length: Option<u64>,
    /// `Content-MD5`.
    pub(super) md5: Option<[u8; 16]>,
    pub(super) checksum: Option<(Algorithm, String)>,
    /// The algorithm that was named, whose sum may follow the body.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) due: Option<Due>,
}

/// Whose sum must come, before the body or behind it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// The request names the algorithm.
    Named(Algorithm),
    /// The upload does that the bytes are a part of.
    OfUpload(Algorithm, Type),
}

impl Due {
    fn check(self, brought: Option<Algorithm>) -> Result<()> {
        match (self, brought) {
            (Self::Named(_), None) => Err(bad_sum::named_missing()),
            (Self::Named(named), Some(other)) if other != named => Err(bad_sum::other_named()),
            (Self::OfUpload(wanted, Type::Composite), None) => Err(bad_sum::other(wanted, None)),
            (Self::OfUpload(wanted, _), Some(other)) if other != wanted => {
                Err(bad_sum::other(wanted, Some(other)))
            }
            _ => Ok(()),
        }
    }
}

impl Promised {
    /// # Errors
    /// *InvalidDigest*, *InvalidRequest*.
    pub(super) fn new(
        md5: Option<&str>,
        checksum: Option<(Algorithm, String)>,
        algorithm: Option<&str>,
    ) -> Result<Self> {
        let md5 = md5.map(|text| {
            let bytes = STANDARD.decode(text).unwrap_or_default();
            <[u8; 16]>::try_from(bytes.as_slice()).map_err(|_| errors::invalid_digest())
        });
        let named = algorithm.map(Algorithm::parse).transpose()?;
        let given = checksum.as_ref().map(|(algorithm, _)| *algorithm);
        if let (Some(named), Some(_)) = (named, given) {
            Due::Named(named).check(given)?;
        }
        let (algorithm, due) = (named.or(given), named.map(Due::Named));
        Ok(Self { length: None, md5: md5.transpose()?, checksum, algorithm, due })
    }
}

/// What came in: durable already, or short enough to become so with its record.
pub(super) struct Taken {
    pub(super) segment: Segment,
    /// Its sealed bytes, where they belong into the store.
    pub(super) inline: Option<Bytes>,
    pub(super) sum: Sum,
}

/// What a body turned out to be.
pub(super) struct Sum {
    pub(super) size: u64,
    /// MD5 in hexadecimal digits.
    pub(super) etag: String,
    /// What the client chose, else what S3 adds.
    pub(super) checksum: Checksum,
    /// Those it has by other algorithms.
    pub(super) all: Sums,
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
    let body = body.take();
    let length = promised.length.or(body.size_hint().exact());
    if let Some(length) = length.filter(|length| *length > PUT_BYTES_MAX) {
        return Err(errors::entity_too_large(length, PUT_BYTES_MAX));
    }
    let promised = Promised { length, ..promised };
    let mut intake = Intake { body, promised, size: 0, rest: VecDeque::new(), ended: false };
    let is_short = intake.look_ahead(INLINE_BYTES_MAX).await?;
    let segment = |size, inline| Segment { id: id.clone(), size, inline, checksum: None };
    if !is_short {
        if !ctx.house().store().has_room_beside(length.unwrap_or_default()) {
            return Err(errors::no_room());
        }
        let place = blob_id(&bucket.scope(), &id)?;
        let sum = long(&vault(ctx).blobs, &place, key, (digests, intake)).await?;
        return Ok(Taken { segment: segment(sum.size, false), inline: None, sum });
    }
    let mut piece = Piece::short(intake.rest.iter().map(Bytes::len).sum());
    for bytes in std::mem::take(&mut intake.rest) {
        piece.fill(bytes);
    }
    piece.seal(&key, 0, |plain| digests.add(plain));
    let sum = intake.check(digests)?;
    Ok(Taken { segment: segment(sum.size, true), inline: Some(piece.into_bytes()), sum })
}

/// While a piece is summed, sealed and written, the next is gathered.
async fn long(
    blobs: &Blobs,
    place: &BlobId,
    key: SegmentKey,
    (mut digests, mut intake): (Digests, Intake),
) -> Result<Sum> {
    let bounds = Bounds::at_most(sealed_size(PUT_BYTES_MAX));
    let mut upload = blobs.begin_sealed(place, key, bounds).map_err(refused)?;
    let taken = async {
        let mut gathered = intake.gather(blobs).await?;
        while let Some(piece) = gathered {
            let written = upload.write(piece, digests, Digests::add);
            let (next, written) = join(intake.gather(blobs), written).await;
            digests = written.map_err(refused)?;
            gathered = next?;
        }
        intake.check(digests)
    };
    match taken.await {
        Ok(sum) => upload.publish().await.map(|_| sum).map_err(refused),
        Err(error) => {
            upload.abandon().await;
            Err(error)
        }
    }
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
    /// Bytes that came so far.
    size: u64,
    /// Those of them that nobody took yet.
    rest: VecDeque<Bytes>,
    ended: bool,
}

impl Intake {
    /// Whether no more than so many bytes come. They, or the first of them, stay to be taken.
    async fn look_ahead(&mut self, size_max: usize) -> Result<bool> {
        let size_max = u64::try_from(size_max).unwrap_or(u64::MAX);
        while self.size <= size_max {
            let Some(bytes) = self.next().await? else { return Ok(true) };
            self.rest.push_back(bytes);
            // Whoever sends byte by byte: each would take more to keep than it is.
            if self.rest.len() == FRAMES_MAX {
                let together = Vec::from(std::mem::take(&mut self.rest)).concat();
                self.rest.push_back(together.into());
            }
        }
        Ok(false)
    }

    /// The next piece, full but for the last; none after it. While nothing comes at all, no memory is held.
    async fn gather(&mut self, blobs: &Blobs) -> Result<Option<Piece>> {
        let Some(first) = self.take().await? else { return Ok(None) };
        let mut piece = blobs.piece();
        let mut rest = piece.fill(first);
        while rest.is_empty() && !piece.is_full() {
            let Some(bytes) = self.take().await? else { break };
            rest = piece.fill(bytes);
        }
        if !rest.is_empty() {
            self.rest.push_front(rest);
        }
        Ok(Some(piece))
    }

    async fn take(&mut self) -> Result<Option<Bytes>> {
        match self.rest.pop_front() {
            Some(bytes) => Ok(Some(bytes)),
            None => self.next().await,
        }
    }

    /// What comes next; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.ended {
            let frame = poll_fn(|cx| self.body.as_mut().poll_frame(cx));
            let frame = tokio::time::timeout(PAUSE_MAX, frame).await.map_err(|_| errors::timed_out())?;
            let Some(frame) = frame else {
                self.ended = true;
                break;
            };
            match frame.map_err(broken)?.into_data() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    return if self.size > PUT_BYTES_MAX {
                        Err(errors::entity_too_large(self.size, PUT_BYTES_MAX))
                    } else {
                        Ok(Some(bytes))
                    };
                }
                Err(frame) => self.note_trailers(frame.trailers_ref())?,
            }
        }
        Ok(None)
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
    fn check(&self, digests: Digests) -> Result<Sum> {
        if self.promised.length.is_some_and(|length| length != self.size) {
            return Err(errors::incomplete_body());
        }
        let md5 = digests.md5.finalize();
        if let Some(promised) = self.promised.md5.filter(|promised| *promised != md5) {
            return Err(errors::bad_md5(&STANDARD.encode(promised), &STANDARD.encode(md5)));
        }
        // Every object has a checksum: what the client chose, else what S3 adds.
        let brought = self.promised.checksum.as_ref().map(|(algorithm, _)| *algorithm);
        if let Some(due) = self.promised.due {
            due.check(brought)?;
        }
        let algorithm = brought.or(self.promised.algorithm).unwrap_or(Algorithm::Crc64Nvme);
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
        let checksum = Checksum { algorithm, of: Type::FullObject, value };
        Ok(Sum { size: self.size, etag, checksum, all: digests.sums })
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

    fn add(&mut self, plain: &[u8]) {
        self.md5.update(plain);
        self.sums.add(plain);
    }
}

/// The error of a body that checks itself is for the caller; any other means the sender is gone.
fn broken(error: BodyError) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(theirs) => errors::incomplete_body().because(theirs),
    }
}
