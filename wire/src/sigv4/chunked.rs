//! Bodies in chunks (`aws-chunked`), each with a signature that goes on from the one before, perhaps with a trailer.
//!
//! Source: "Signature calculations for the authorization header: transferring payload in multiple chunks" and
//! "… including trailing headers", API reference of the object store.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::hmac;
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use kernel::error::{Error, Kind};
use shape::BodyError;

use super::canonical::{push_hex, unhex};
use super::refusal::{Family, Refusal};

/// Longest line before a chunk: size, extension, signature.
const CHUNK_LINE_BYTES_MAX: usize = 512;
/// Most bytes of all trailing headers together.
const TRAILER_BYTES_MAX: usize = 16 * 1_024;
/// Every chunk but the last has at least so many bytes.
const CHUNK_BYTES_MIN: u64 = 8_192;

/// What the signatures of a body go on from: the verified signature of the headers.
#[derive(Clone)]
pub struct Seed {
    pub(super) key: Arc<hmac::Key>,
    pub(super) at: String,
    pub(super) scope: String,
    pub(super) signature: [u8; 32],
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seed").field("at", &self.at).field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Seed {
    /// Checks the next signature and goes on from it. `lines` are what follows the signature before.
    fn go_on(&mut self, algorithm: &str, lines: &[&[u8]], given: Option<[u8; 32]>) -> Result<(), Error> {
        let mut text = Vec::with_capacity(320);
        for line in [algorithm, &self.at, &self.scope] {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        push_hex(&self.signature, &mut text);
        for line in lines {
            text.push(b'\n');
            push_hex(line, &mut text);
        }
        let given = given.ok_or_else(mismatch)?;
        hmac::verify(&self.key, &text, &given).map_err(|_| mismatch())?;
        self.signature = given;
        Ok(())
    }
}

/// Where the reader stands.
enum State {
    /// Before a chunk's line.
    Line,
    /// In a chunk, so many bytes before its end.
    Data {
        left: u64,
    },
    /// Before the line break after a chunk.
    Break,
    /// After the last chunk.
    Trailer,
    Done,
}

/// What the reader found.
enum Event {
    Data(Bytes),
    /// The end, with the trailing headers.
    End(HeaderMap),
    /// Nothing before more bytes come.
    More,
}

/// Takes chunks apart and checks them. Holds at most one line or the trailer, never a chunk.
struct Reader {
    state: State,
    seed: Option<Seed>,
    /// The trailing headers announced, in lower case and joined by commas; `None` where there is no trailer.
    trailer: Option<Box<str>>,
    buffer: BytesMut,
    /// Of the chunk being read.
    digest: digest::Context,
    given: Option<[u8; 32]>,
    last_chunk_bytes: u64,
    /// As `x-amz-decoded-content-length` promised, and so far.
    promised_bytes: Option<u64>,
    seen_bytes: u64,
}

impl Reader {
    fn step(&mut self) -> Result<Event, Error> {
        loop {
            match self.state {
                State::Line => {
                    let Some(line) = self.line(CHUNK_LINE_BYTES_MAX)? else { return Ok(Event::More) };
                    self.begin_chunk(&line)?;
                }
                State::Data { left } => {
                    if self.buffer.is_empty() {
                        return Ok(Event::More);
                    }
                    let have = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
                    let data = match usize::try_from(left) {
                        Ok(left) if left < self.buffer.len() => self.buffer.split_to(left),
                        _ => self.buffer.split(),
                    };
                    self.digest.update(&data);
                    self.state = match left.saturating_sub(have) {
                        0 => State::Break,
                        left => State::Data { left },
                    };
                    return Ok(Event::Data(data.freeze()));
                }
                State::Break => {
                    if self.buffer.len() < 2 {
                        return Ok(Event::More);
                    }
                    if self.buffer.split_to(2) != b"\r\n"[..] {
                        return Err(incomplete("a chunk is not as long as it says"));
                    }
                    self.end_chunk()?;
                    self.state = State::Line;
                }
                State::Trailer => return self.trailer(),
                State::Done => return Ok(Event::More),
            }
        }
    }

    /// The next line without its break; `None` before it is all there.
    fn line(&mut self, bytes_max: usize) -> Result<Option<Bytes>, Error> {
        let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') else {
            return if self.buffer.len() > bytes_max { Err(malformed()) } else { Ok(None) };
        };
        if end > bytes_max {
            return Err(malformed());
        }
        let mut line = self.buffer.split_to(end).freeze();
        self.buffer.advance(1);
        if line.ends_with(b"\r") {
            line.truncate(line.len() - 1);
        }
        Ok(Some(line))
    }

    /// `size[;chunk-signature=…]`
    fn begin_chunk(&mut self, line: &[u8]) -> Result<(), Error> {
        let line = std::str::from_utf8(line).map_err(|_| malformed())?;
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let hexadecimal = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16).ok().filter(|_| hexadecimal).ok_or_else(malformed)?;
        let signature = extension.strip_prefix("chunk-signature=");
        self.given = signature.and_then(|text| unhex(text.as_bytes()));
        if size > 0 && self.last_chunk_bytes > 0 && self.last_chunk_bytes < CHUNK_BYTES_MIN {
            return Err(too_small());
        }
        self.seen_bytes = self.seen_bytes.saturating_add(size);
        if self.promised_bytes.is_some_and(|promised| self.seen_bytes > promised) {
            return Err(incomplete("there is more than x-amz-decoded-content-length says"));
        }
        self.last_chunk_bytes = size;
        if size > 0 {
            self.state = State::Data { left: size };
            return Ok(());
        }
        self.end_chunk()?;
        if self.promised_bytes.is_some_and(|promised| self.seen_bytes != promised) {
            return Err(incomplete("there is less than x-amz-decoded-content-length says"));
        }
        self.state = State::Trailer;
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), Error> {
        let seen = std::mem::replace(&mut self.digest, digest::Context::new(&SHA256)).finish();
        match &mut self.seed {
            None => Ok(()),
            Some(seed) => {
                let nothing = digest::digest(&SHA256, b"");
                let lines = [nothing.as_ref(), seen.as_ref()];
                seed.go_on("AWS4-HMAC-SHA256-PAYLOAD", &lines, self.given.take())
            }
        }
    }

    /// Trailing headers up to the end of the body: see [`Reader::finish`].
    fn trailer(&self) -> Result<Event, Error> {
        if self.buffer.len() > TRAILER_BYTES_MAX { Err(malformed()) } else { Ok(Event::More) }
    }

    fn end_trailer(&mut self) -> Result<Event, Error> {
        let mut headers = HeaderMap::new();
        let mut canonical = Vec::new();
        let mut signature = None;
        let mut ended = false;
        while let Some(line) = self.line(TRAILER_BYTES_MAX)? {
            if line.is_empty() {
                ended = true;
                continue;
            }
            if ended {
                return Err(malformed_trailer());
            }
            let colon = line.iter().position(|byte| *byte == b':').ok_or_else(malformed_trailer)?;
            let (name, value) = line.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            let name = HeaderName::from_bytes(name.trim_ascii()).map_err(|_| malformed_trailer())?;
            if name == "x-amz-trailer-signature" {
                signature = unhex(value);
                continue;
            }
            canonical.extend_from_slice(name.as_str().as_bytes());
            canonical.push(b':');
            canonical.extend_from_slice(value);
            canonical.push(b'\n');
            headers.append(name, HeaderValue::from_bytes(value).map_err(|_| malformed_trailer())?);
        }
        let is_as_announced = match &self.trailer {
            None => headers.is_empty(),
            Some(names) => {
                names.split(',').map(str::trim).all(|name| name.is_empty() || headers.contains_key(name))
            }
        };
        if !self.buffer.is_empty() || !is_as_announced {
            return Err(malformed_trailer());
        }
        if let (Some(seed), Some(_)) = (&mut self.seed, &self.trailer) {
            let seen = digest::digest(&SHA256, &canonical);
            seed.go_on("AWS4-HMAC-SHA256-TRAILER", &[seen.as_ref()], signature)?;
        }
        self.state = State::Done;
        Ok(Event::End(headers))
    }

    /// The body ended: it must have been whole.
    fn finish(&mut self) -> Result<Event, Error> {
        match self.state {
            State::Trailer => {
                if !self.buffer.is_empty() && !self.buffer.ends_with(b"\n") {
                    self.buffer.extend_from_slice(b"\r\n");
                }
                self.end_trailer()
            }
            State::Done => Ok(Event::More),
            _ => Err(incomplete("the body ends before its last chunk")),
        }
    }
}

/// A body out of chunks. Gives the bytes as they come and fails at the end of the first chunk that is not genuine, so
/// that whoever reads it must see its end before believing any of it. Trailing headers come as the last frame.
pub struct ChunkedBody<B> {
    inner: B,
    reader: Reader,
}

impl<B> ChunkedBody<B> {
    /// `seed` where the chunks are signed; `trailer` where headers may follow, which must if `x-amz-trailer` announced
    /// them so; `decoded_bytes` as `x-amz-decoded-content-length` says.
    pub fn new(inner: B, seed: Option<Seed>, trailer: Option<&str>, decoded_bytes: Option<u64>) -> Self {
        let reader = Reader {
            state: State::Line,
            seed,
            trailer: trailer.map(|names| names.to_ascii_lowercase().into()),
            buffer: BytesMut::new(),
            digest: digest::Context::new(&SHA256),
            given: None,
            last_chunk_bytes: 0,
            promised_bytes: decoded_bytes,
            seen_bytes: 0,
        };
        Self { inner, reader }
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.reader.state = State::Done;
        Poll::Ready(Some(Err(Box::new(error))))
    }
}

impl<B: Body<Data = Bytes, Error = BodyError> + Unpin> Body for ChunkedBody<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if matches!(self.reader.state, State::Done) {
                return Poll::Ready(None);
            }
            match self.reader.step() {
                Err(error) => return self.fail(error),
                Ok(Event::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Event::End(headers)) if headers.is_empty() => return Poll::Ready(None),
                Ok(Event::End(headers)) => return Poll::Ready(Some(Ok(Frame::trailers(headers)))),
                Ok(Event::More) => {}
            }
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.reader.take_in(data);
                    }
                }
                Some(Err(error)) => {
                    self.reader.state = State::Done;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    return match self.reader.finish() {
                        Err(error) => self.fail(error),
                        Ok(Event::End(headers)) if !headers.is_empty() => {
                            Poll::Ready(Some(Ok(Frame::trailers(headers))))
                        }
                        Ok(_) => Poll::Ready(None),
                    };
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.reader.state, State::Done)
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.reader.promised_bytes.map(|promised| promised.saturating_sub(self.reader.seen_bytes));
        left.filter(|_| self.reader.seen_bytes == 0).map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Reader {
    /// Bytes are taken over without a copy where the buffer is empty and they are ours alone.
    fn take_in(&mut self, data: Bytes) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::from(data);
        } else {
            self.buffer.extend_from_slice(&data);
        }
    }
}

fn mismatch() -> Error {
    Refusal::Mismatch(None).into_error(Family::ObjectStore)
}

fn too_small() -> Error {
    let message = "Only the last chunk is allowed to have a size less than 8192 bytes";
    Error::new(Kind::Invalid, "InvalidChunkSizeError", message).status_is(403)
}

fn malformed() -> Error {
    incomplete("a chunk begins with no size")
}

fn malformed_trailer() -> Error {
    let message = "The request contained trailing data that was not well-formed or did not conform to our published \
                   schema.";
    Error::new(Kind::Invalid, "MalformedTrailerError", message)
}

fn incomplete(why: &'static str) -> Error {
    let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
    Error::new(Kind::Invalid, "IncompleteBody", message).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn read(body: &'static [u8], bytes_each: usize) -> Result<(Bytes, Option<HeaderMap>), String> {
        let pieces = body.chunks(bytes_each).map(|piece| Ok(Frame::data(Bytes::from_static(piece))));
        let inner = http_body_util::StreamBody::new(futures_util::stream::iter(pieces));
        let whole = ChunkedBody::new(inner, None, Some("X-A"), None).collect().await;
        let whole = whole.map_err(|error| error.downcast::<Error>().unwrap().code().to_owned())?;
        let trailers = whole.trailers().cloned();
        Ok((whole.to_bytes(), trailers))
    }

    #[tokio::test]
    async fn what_follows_the_trailer_is_refused_however_it_arrives() {
        let good = b"5\r\nhello\r\n0\r\nx-a: b\r\n\r\n";
        let more = b"5\r\nhello\r\n0\r\nx-a: b\r\n\r\nx-c: d\r\n\r\n";
        for bytes_each in [1, 3, 24, 100] {
            let (data, trailers) = read(good, bytes_each).await.unwrap();
            assert_eq!(
                (&data[..], &trailers.unwrap()["x-a"]),
                (&b"hello"[..], &HeaderValue::from_static("b"))
            );
            assert_eq!(read(more, bytes_each).await.unwrap_err(), "MalformedTrailerError");
            for lacks in [&b"5\r\nhello\r\n0\r\n\r\n"[..], b"5\r\nhello\r\n0\r\nx-b: b\r\n\r\n"] {
                assert_eq!(read(lacks, bytes_each).await.unwrap_err(), "MalformedTrailerError");
            }
        }
    }
}
