//! How bytes go out: read, opened, cut to the range that was asked for. What does not open is not sent.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use http_body::{Body as HttpBody, Frame, SizeHint};
use kernel::{Ctx, Error, Result};
use shape::{Body, BodyError};

use crate::state::bytes::{Segment, Strongroom, blob_id};
use crate::state::vault::Vault;

/// Some bytes of what `segments` are together. The first of them have been read and checked when this returns.
///
/// # Errors
/// When they cannot be read, or are damaged.
pub(super) async fn read(ctx: &Ctx, vault: Vault, segments: Vec<Segment>, range: Range<u64>) -> Result<Body> {
    let left = range.end - range.start;
    let outlet = Outlet { ctx: ctx.clone(), vault, left: cut(segments, &range), open: None };
    let mut bytes = stream::try_unfold(outlet, |mut outlet| async move {
        Ok(outlet.next().await?.map(|bytes| (bytes, outlet)))
    })
    .boxed();
    let Some(first) = bytes.next().await else { return Ok(Body::empty()) };
    let bytes = stream::iter([Ok(first?)]).chain(bytes);
    let bytes = bytes.map(|bytes: Result<Bytes>| bytes.map_err(|error| Box::new(error) as BodyError));
    Ok(Body::new(Outgoing { bytes: bytes.boxed(), left }))
}

/// Which bytes of which segments a range is.
fn cut(segments: Vec<Segment>, range: &Range<u64>) -> VecDeque<(Segment, Range<u64>)> {
    let mut begins = 0;
    let mut found = VecDeque::new();
    for segment in segments {
        let ends = begins + segment.size;
        let (from, until) = (range.start.max(begins), range.end.min(ends));
        if from < until {
            found.push_back((segment, from - begins..until - begins));
        }
        begins = ends;
    }
    found
}

struct Outlet {
    ctx: Ctx,
    vault: Vault,
    left: VecDeque<(Segment, Range<u64>)>,
    open: Option<BoxStream<'static, blob::Result<Bytes>>>,
}

impl Outlet {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some(bytes) = open.next().await {
                    return bytes.map(Some).map_err(Error::internal);
                }
                self.open = None;
            }
            let Some((segment, range)) = self.left.pop_front() else { return Ok(None) };
            let room = self.ctx.own::<Strongroom>();
            let key = room.key(&self.vault, &segment.id)?;
            let place = blob_id(self.ctx.scope(), &segment.id)?;
            let opened = room.blobs.get_sealed(&place, key, segment.size, range).await;
            self.open = Some(opened.map_err(Error::internal)?);
        }
    }
}

/// A body whose length is known.
struct Outgoing {
    bytes: BoxStream<'static, Result<Bytes, BodyError>>,
    left: u64,
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.bytes).poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.left = self.left.saturating_sub(u64::try_from(bytes.len()).unwrap_or_default());
        }
        polled.map(|next| next.map(|bytes| bytes.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_from_segments() {
        let segment = |id: &str, size| Segment { id: id.to_owned(), size, tree_hash: String::new() };
        let cut = |range| {
            let all = vec![segment("a", 10), segment("b", 5)];
            cut(all, &range).into_iter().map(|(s, r)| (s.id, r)).collect::<Vec<_>>()
        };
        assert_eq!(cut(0..15), [("a".to_owned(), 0..10), ("b".to_owned(), 0..5)]);
        assert_eq!(cut(3..4), [("a".to_owned(), 3..4)]);
        assert_eq!(cut(9..11), [("a".to_owned(), 9..10), ("b".to_owned(), 0..1)]);
        assert_eq!(cut(15..15), []);
    }
}
