//! How a request vouches for its body, and the body that checks its own digest while it is read.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aws_lc_rs::digest::{self, SHA256};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use shape::BodyError;

use super::Signing;
use super::canonical::unhex;
use super::refusal::{Family, Refusal};
use crate::headers::AMZ_CONTENT_SHA256;

/// The modes of `x-amz-content-sha256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing is said: the body's digest is in the signature.
    ByBody,
    /// The digest is said, and in the signature.
    Digest([u8; 32]),
    Unsigned,
    /// The body comes in chunks, each signed or not, with a trailer or without.
    Chunks {
        signed: bool,
        trailer: bool,
    },
}

/// The last line of the canonical request of an unsigned body.
pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

impl Payload {
    /// What the headers declare.
    ///
    /// # Errors
    /// When the header is needed and absent, or says something unknown.
    pub fn declared(headers: &HeaderMap, presigned: bool, signing: Signing) -> Result<Self, Refusal> {
        let Some(value) = headers.get(&AMZ_CONTENT_SHA256) else {
            return match (signing, presigned) {
                (Signing::Common, _) => Ok(Payload::ByBody),
                (Signing::ObjectStore, true) => Ok(Payload::Unsigned),
                (Signing::ObjectStore, false) => Err(Refusal::PayloadHeaderMissing),
            };
        };
        let chunks = |signed, trailer| Ok(Payload::Chunks { signed, trailer });
        match value.as_bytes() {
            b"UNSIGNED-PAYLOAD" => Ok(Payload::Unsigned),
            b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => chunks(true, false),
            b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => chunks(true, true),
            b"STREAMING-UNSIGNED-PAYLOAD-TRAILER" => chunks(false, true),
            b"STREAMING-UNSIGNED-PAYLOAD" => chunks(false, false),
            other if other.starts_with(b"STREAMING-AWS4-ECDSA-P256-SHA256") => {
                Err(Refusal::Algorithm("AWS4-ECDSA-P256-SHA256".to_owned()))
            }
            other => unhex(other).map(Payload::Digest).ok_or(Refusal::PayloadHeader),
        }
    }
}

/// A body that fails at its end when its digest is not the promised one.
pub struct DigestBody<B> {
    inner: B,
    promised: [u8; 32],
    seen: Option<digest::Context>,
    family: Family,
}

impl<B> DigestBody<B> {
    pub fn new(inner: B, promised: [u8; 32], family: Family) -> Self {
        Self { inner, promised, seen: Some(digest::Context::new(&SHA256)), family }
    }
}

impl<B: Body<Data = Bytes, Error = BodyError> + Unpin> Body for DigestBody<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref);
        if let (Some(data), Some(seen)) = (data, self.seen.as_mut()) {
            seen.update(data);
        }
        if frame.is_none()
            && let Some(seen) = self.seen.take()
            && let Err(refusal) = Refusal::unless_same(self.promised, seen.finish().as_ref())
        {
            return Poll::Ready(Some(Err(Box::new(refusal.into_error(self.family)))));
        }
        Poll::Ready(frame)
    }

    // Never at its end before the digest was looked at.
    fn is_end_stream(&self) -> bool {
        self.seen.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
