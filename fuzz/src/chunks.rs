//! Bodies in chunks: however the bytes arrive, the same data or a refusal comes out.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use shape::BodyError;
use wire::sigv4::{ChunkedBody, Presented, Seed};

use crate::signature::{ACCEPTS, verifier};
use crate::{head, now};

/// A body that arrives in pieces.
struct Pieces(VecDeque<Bytes>);

impl Pieces {
    fn new(data: &[u8], bytes_each: usize) -> Self {
        Self(data.chunks(bytes_each).map(Bytes::copy_from_slice).collect())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }
}

/// What the chunk signatures of the seeds go on from.
fn seed() -> Seed {
    let (parts, _) = head::request(include_bytes!("../seeds/sigv4/chunked")).expect("a request");
    let presented = Presented::find(&parts).ok().flatten().expect("a signature");
    let payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let verified = now(verifier().verify(&parts, &presented, ACCEPTS[1], payload));
    verified.unwrap_or_else(|_| panic!("the seed's signature is good")).seed
}

/// The first byte says what is expected, the second how the rest arrives.
pub fn chunked(data: &[u8]) {
    let [how, bytes_each, rest @ ..] = data else { return };
    let read = |bytes_each: usize| {
        let seed = (how & 1 == 1).then(seed);
        let promised = (how & 4 == 4).then_some(u64::from(how >> 3));
        let trailer = (how & 2 == 2).then_some(if how & 4 == 4 { "x-amz-checksum-crc32c" } else { "" });
        let body = ChunkedBody::new(Pieces::new(rest, bytes_each), seed, trailer, promised);
        let whole = now(body.collect()).ok()?;
        Some((whole.trailers().cloned(), whole.to_bytes()))
    };
    let at_once = read(rest.len().max(1));
    assert_eq!(at_once, read(usize::from(*bytes_each).max(1)), "pieces make no difference");
    if let Some((_, data)) = at_once {
        assert!(data.len() <= rest.len());
    }
}
