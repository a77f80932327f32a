//! How bytes go out: read, opened chunk by chunk, cut to the range that was asked for. What does not open is not sent.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use blob::Reader;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use http_body::Frame;
use http_body_util::StreamBody;
use kernel::{Ctx, Error, Result};
use shape::{Body, BodyError};

use super::vault;
use crate::errors;
use crate::rules::seal::{CHUNK_BYTES, SEALED_CHUNK_BYTES, Secret, SegmentKey, sealed_range, segment_key};
use crate::state::bucket::Bucket;
use crate::state::bytes::{Segment, blob_id, inline};

/// Bytes read at once: whole chunks, which are opened in their place.
const PIECE_BYTES: u64 = 4 * 65_552;
const _: () = assert!(PIECE_BYTES.is_multiple_of(65_552) && SEALED_CHUNK_BYTES == 65_552);

/// The bytes of an answer. The first of them have been read and checked when this returns.
///
/// # Errors
/// When they cannot be read, or are damaged.
pub(super) async fn read(
    ctx: &Ctx,
    bucket: &Arc<Bucket>,
    secret: Secret,
    segments: Vec<Segment>,
    range: Range<u64>,
) -> Result<Body> {
    let outlet =
        Outlet { ctx: ctx.clone(), bucket: bucket.clone(), secret, left: cut(segments, &range), open: None };
    let mut bytes = outlet.stream();
    let Some(first) = bytes.next().await else { return Ok(Body::empty()) };
    let first = stream::iter([Ok(first?)]);
    let frames = first.chain(bytes).map(|bytes: Result<Bytes>| match bytes {
        Ok(bytes) => Ok(Frame::data(bytes)),
        Err(error) => {
            tracing::error!(%error, cause = error.cause().map(tracing::field::display), "an object cannot be read on");
            Err(Box::new(error) as BodyError)
        }
    });
    Ok(Body::new(StreamBody::new(frames)))
}

/// The bytes of an object that lies in the store, of which `sealed` was read already. It is one chunk.
///
/// # Errors
/// When they are damaged.
pub(super) fn open_inline(
    secret: &Secret,
    segment: &Segment,
    sealed: Bytes,
    range: &Range<u64>,
) -> Result<Body> {
    let mut chunk = own(sealed);
    let opened = segment_key(secret, &segment.id).open(0, &mut chunk);
    opened.map_err(|error| errors::damaged(&segment.id).because(error))?;
    let mut plain = chunk.freeze();
    plain.truncate(usize::try_from(range.end).unwrap_or(usize::MAX));
    Ok(Body::from_bytes(plain.split_off(usize::try_from(range.start).unwrap_or_default().min(plain.len()))))
}

/// The bytes to work on in their place: without a copy where nobody else holds them.
fn own(bytes: Bytes) -> BytesMut {
    bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]))
}

/// Which bytes of which segments lie in a range.
fn cut(segments: Vec<Segment>, range: &Range<u64>) -> VecDeque<(Segment, Range<u64>)> {
    let mut begins = 0;
    let mut wanted = VecDeque::new();
    for segment in segments {
        let ends = begins + segment.size;
        let (from, to) = (range.start.max(begins), range.end.min(ends));
        if from < to {
            wanted.push_back((segment, from - begins..to - begins));
        }
        begins = ends;
    }
    wanted
}

struct Outlet {
    ctx: Ctx,
    bucket: Arc<Bucket>,
    secret: Secret,
    left: VecDeque<(Segment, Range<u64>)>,
    open: Option<Opening>,
}

impl Outlet {
    fn stream(self) -> BoxStream<'static, Result<Bytes>> {
        stream::try_unfold(
            self,
            |mut outlet| async move { Ok(outlet.next().await?.map(|bytes| (bytes, outlet))) },
        )
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some(bytes) = open.next().await? {
                    return Ok(Some(bytes));
                }
                self.open = None;
            }
            let Some((segment, range)) = self.left.pop_front() else { return Ok(None) };
            self.open = Some(begin(&self.ctx, &self.bucket, &self.secret, &segment, range).await?);
        }
    }
}

async fn begin(
    ctx: &Ctx,
    bucket: &Bucket,
    secret: &Secret,
    segment: &Segment,
    range: Range<u64>,
) -> Result<Opening> {
    let (sealed, at) = sealed_range(&range, segment.size);
    let first = u64::try_from(CHUNK_BYTES).unwrap_or_default() * at;
    let source = if segment.inline {
        let bytes = ctx.read(|snap| inline(snap, bucket, segment)).await?;
        let bytes = bytes.ok_or_else(|| errors::damaged(format!("segment {} is missing", segment.id)))?;
        stream::iter([Ok(bytes)]).boxed()
    } else {
        let place = blob_id(&bucket.scope(), &segment.id)?;
        let Reader { bytes, .. } =
            vault(ctx).blobs.get_range_by(&place, sealed, PIECE_BYTES).await.map_err(Error::internal)?;
        bytes
    };
    Ok(Opening {
        segment: segment.id.clone(),
        source,
        key: segment_key(secret, &segment.id),
        pending: BytesMut::new(),
        at,
        skip: usize::try_from(range.start - first).unwrap_or_default(),
        left: range.end - range.start,
        ended: false,
    })
}
/// A segment being opened.
struct Opening {
    segment: String,
    source: BoxStream<'static, blob::Result<Bytes>>,
    key: SegmentKey,
    pending: BytesMut,
    at: u64,
    /// Bytes of the first chunk that nobody asked for.
    skip: usize,
    left: u64,
    ended: bool,
}

impl Opening {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        while !self.ended && self.pending.len() < SEALED_CHUNK_BYTES {
            match self.source.next().await.transpose().map_err(Error::internal)? {
                Some(bytes) if self.pending.is_empty() => self.pending = own(bytes),
                Some(bytes) => self.pending.extend_from_slice(&bytes),
                None => self.ended = true,
            }
        }
        let mut chunk = self.pending.split_to(SEALED_CHUNK_BYTES.min(self.pending.len()));
        self.key.open(self.at, &mut chunk).map_err(|error| errors::damaged(&self.segment).because(error))?;
        self.at += 1;
        let mut plain = chunk.freeze();
        let skip = std::mem::take(&mut self.skip).min(plain.len());
        plain = plain.split_off(skip);
        plain.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= u64::try_from(plain.len()).unwrap_or_default();
        Ok(Some(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_from_segments() {
        let segment = |id: &str, size| Segment { id: id.to_owned(), size, inline: false, checksum: None };
        let all = || vec![segment("a", 10), segment("b", 0), segment("c", 5)];
        let cut = |range| cut(all(), &range).into_iter().map(|(s, r)| (s.id, r)).collect::<Vec<_>>();
        assert_eq!(cut(0..15), [("a".to_owned(), 0..10), ("c".to_owned(), 0..5)]);
        assert_eq!(cut(3..4), [("a".to_owned(), 3..4)]);
        assert_eq!(cut(9..11), [("a".to_owned(), 9..10), ("c".to_owned(), 0..1)]);
        assert_eq!(cut(12..100), [("c".to_owned(), 2..5)]);
        assert_eq!(cut(15..15), []);
    }
}
