//! How bytes go out: read, opened chunk by chunk, cut to the range that was asked for. What does not open is not sent.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use http_body::Frame;
use http_body_util::StreamBody;
use kernel::{Ctx, Error, Result};
use shape::{Body, BodyError};

use super::vault;
use crate::errors;
use crate::rules::seal::{Secret, segment_key};
use crate::state::bucket::Bucket;
use crate::state::bytes::{Segment, blob_id, inline, is_named};
use crate::state::scrub::{self, Damage};

/// The bytes of an answer. The first of them have been read and checked when this returns.
///
/// `short` are the sealed bytes of the last segment, where they lie in the store and were read already: only the last one of
/// an object may be so short. They go with their record, so they are read before anything else; blobs stay a while.
///
/// # Errors
/// When they cannot be read, or are damaged.
pub(super) async fn read(
    ctx: &Ctx,
    bucket: &Arc<Bucket>,
    secret: Secret,
    (segments, short): (Vec<Segment>, Option<Bytes>),
    range: Range<u64>,
) -> Result<Body> {
    let short = match segments.last() {
        Some(last) if last.inline && short.is_none() => ctx.read(|snap| inline(snap, bucket, last)).await?,
        _ => short,
    };
    let (ctx, bucket, left) = (ctx.clone(), bucket.clone(), cut(segments, &range));
    let outlet = Outlet { ctx, bucket, secret, left, short, open: None };
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
    Ok(Body::from_bytes(open(secret, segment, sealed, range)?))
}

fn open(secret: &Secret, segment: &Segment, sealed: Bytes, range: &Range<u64>) -> Result<Bytes> {
    let mut chunk = own(sealed);
    let opened = segment_key(secret, &segment.id).open(0, &mut chunk);
    opened.map_err(|error| errors::damaged(&segment.id).because(error))?;
    let mut plain = chunk.freeze();
    plain.truncate(usize::try_from(range.end).unwrap_or(usize::MAX));
    Ok(plain.split_off(usize::try_from(range.start).unwrap_or_default().min(plain.len())))
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
    short: Option<Bytes>,
    /// What is being read, with the segment it is of.
    open: Option<(String, BoxStream<'static, Result<Bytes>>)>,
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
            if let Some((id, open)) = &mut self.open {
                match open.next().await {
                    Some(Ok(bytes)) => return Ok(Some(bytes)),
                    Some(Err(error)) => {
                        note_damage(&self.ctx, &self.bucket, id, &error).await;
                        return Err(error);
                    }
                    None => self.open = None,
                }
            }
            let Some((segment, range)) = self.left.pop_front() else { return Ok(None) };
            match self.begin(&segment, range).await {
                Ok(open) => self.open = Some((segment.id, open)),
                Err(error) => {
                    note_damage(&self.ctx, &self.bucket, &segment.id, &error).await;
                    return Err(error);
                }
            }
        }
    }

    /// The plain bytes of a range of a segment.
    async fn begin(
        &mut self,
        segment: &Segment,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        if segment.inline {
            let missing = || errors::damaged(format!("segment {} is missing", segment.id));
            let sealed = self.short.take().ok_or_else(missing)?;
            let plain = open(&self.secret, segment, sealed, &range)?;
            return Ok(stream::iter([Ok(plain)]).boxed());
        }
        let place = blob_id(&self.bucket.scope(), &segment.id)?;
        let key = segment_key(&self.secret, &segment.id);
        let plain = vault(&self.ctx).blobs.get_sealed(&place, key, segment.size, range).await;
        let id = segment.id.clone();
        Ok(plain
            .map_err(Error::internal)?
            .map(move |bytes| bytes.map_err(|error| unreadable(&id, error)))
            .boxed())
    }
}

/// Notes a blob that is damaged, or gone, among those the scrubber found. What lies in the store is the store's own to check.
async fn note_damage(ctx: &Ctx, bucket: &Bucket, segment: &str, error: &Error) {
    let cause = std::error::Error::source(error);
    let what = match cause.and_then(|cause| cause.downcast_ref::<blob::Error>()) {
        Some(found @ (blob::Error::Damaged { .. } | blob::Error::Absent(_))) => found.to_string(),
        _ => return,
    };
    let (scope, damage) = (bucket.scope(), Damage { found_at: ctx.now(), what });
    let noted = ctx.write(|tx| {
        // It may have been deleted while it was read.
        if is_named(tx, &scope, segment)? { scrub::note(tx, &scope, segment, Some(&damage)) } else { Ok(()) }
    });
    if let Err(error) = noted.await {
        tracing::warn!(%error, segment, "damage is not noted; the scrubber will find it");
    }
}

fn unreadable(segment: &str, error: blob::Error) -> Error {
    match error {
        blob::Error::Damaged { .. } => errors::damaged(segment).because(error),
        other => Error::internal(other),
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
