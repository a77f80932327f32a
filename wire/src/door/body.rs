//! Bodies on their way in, gathered within bounds or left to stream, and on their way out.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use crc_fast::CrcAlgorithm;
use http::header::{
    CONTENT_RANGE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};
use http_body::{Body, Frame, SizeHint};
use kernel::bill::Bill;
use kernel::{Error, Kind};
use shape::{BodyError, Location, OpDef};

/// Slowest sender of a body that is gathered.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);

/// A request's body as an operation wants it.
pub enum Inbound {
    Whole(Bytes),
    Stream(shape::Body),
}

type Streaming = Pin<Box<dyn Body<Data = Bytes, Error = BodyError> + Send>>;

/// What of a stream went out. It is billed when the stream ends, by itself or with its reader.
#[derive(Default)]
pub struct Sent {
    bytes: u64,
    bill: Option<Bill>,
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(bill) = &self.bill {
            bill.sent(self.bytes);
        }
    }
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// An answer's body.
pub enum Answer {
    /// Nothing, once sent.
    Whole(Option<Bytes>),
    Stream(Streaming, Sent),
}

impl Answer {
    pub fn empty() -> Self {
        Answer::Whole(None)
    }

    /// Passes a stream on as it comes.
    pub fn streaming(body: impl Body<Data = Bytes, Error = BodyError> + Send + 'static) -> Self {
        Answer::Stream(Box::pin(body), Sent::default())
    }

    /// Takes over what streams in `body`.
    pub fn stream(body: &shape::Body) -> Self {
        Answer::Stream(body.take(), Sent::default())
    }

    /// Has its bytes billed.
    #[must_use]
    pub(super) fn billed(mut self, bill: Bill) -> Self {
        match &mut self {
            Answer::Whole(whole) => bill.sent(whole.as_ref().map_or(0, |whole| bytes(whole.len()))),
            Answer::Stream(_, sent) => sent.bill = Some(bill),
        }
        self
    }
}

impl<T: Into<Bytes>> From<T> for Answer {
    fn from(bytes: T) -> Self {
        Answer::Whole(Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty()))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Answer::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Answer::Stream(body, sent) => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
                    sent.bytes += bytes(data.map_or(0, Bytes::len));
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Whole(bytes) => bytes.is_none(),
            Answer::Stream(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Whole(whole) => {
                SizeHint::with_exact(whole.as_ref().map_or(0, |whole| bytes(whole.len())))
            }
            Answer::Stream(body, _) => body.size_hint(),
        }
    }
}

/// Gathers a body of at most `bytes_max`.
///
/// # Errors
/// *RequestEntityTooLarge*; *RequestTimeout*; what a signed body found wrong with itself; the sender's going away.
pub(super) async fn gather(body: &shape::Body, bytes_max: usize) -> Result<Bytes, Error> {
    let body = body.take();
    if body.size_hint().lower() > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        return Err(too_large(bytes_max));
    }
    let mut reading = std::pin::pin!(read_all(body, bytes_max));
    // Mostly it is all here already, and needs no timer.
    if let Poll::Ready(outcome) = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
        return outcome;
    }
    match tokio::time::timeout(BODY_TIME_MAX, reading).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let message = "Your socket connection to the server was not read from or written to within the timeout \
                           period.";
            Err(Error::new(Kind::Invalid, "RequestTimeout", message))
        }
    }
}

/// Most bodies come in one piece, which is handed on without a copy.
async fn read_all(mut body: Streaming, bytes_max: usize) -> Result<Bytes, Error> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    Ok([first, rest.freeze()].concat().into())
}

/// Compares a whole body with the MD5 sum that its sender gave. Streams are the services' own to check.
///
/// # Errors
/// *InvalidDigest*, *BadDigest*.
pub(super) fn check_md5(headers: &http::HeaderMap, body: &Inbound) -> Result<(), Error> {
    let (Some(given), Inbound::Whole(bytes)) = (headers.get("content-md5"), body) else { return Ok(()) };
    let given = STANDARD.decode(given).ok().filter(|sum| sum.len() == 16);
    let invalid = "The Content-MD5 you specified was invalid.";
    let given = given.ok_or_else(|| Error::new(Kind::Invalid, "InvalidDigest", invalid))?;
    if fast_md5::digest(bytes).as_slice() == given {
        return Ok(());
    }
    let message = "The Content-MD5 you specified did not match what we received.";
    Err(Error::new(Kind::Invalid, "BadDigest", message))
}

/// The error of a body that checks itself is for the caller; any other means the sender is gone.
fn broken(error: BodyError) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(theirs) => {
            Error::new(Kind::Invalid, "IncompleteBody", "The request body ended early.").because(theirs)
        }
    }
}

/// Looks that a body comes with a sum where it must: its MD5, or any checksum.
///
/// # Errors
/// *InvalidRequest*.
pub(super) fn check_summed(headers: &http::HeaderMap, op: &OpDef) -> Result<(), Error> {
    let is_sum = |name: &http::HeaderName| name == "content-md5" || name.as_str().starts_with(CHECKSUM);
    if !op.checksum_required || headers.keys().any(is_sum) || headers.contains_key("x-amz-trailer") {
        return Ok(());
    }
    let message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
    Err(Error::new(Kind::Invalid, "InvalidRequest", message))
}

/// Looks that the sums a request brings, or says its trailer will, are such as there are.
///
/// # Errors
/// *InvalidRequest*.
pub(super) fn check_sum_names(headers: &http::HeaderMap, op: &OpDef) -> Result<(), Error> {
    /// Not sums, but what is to be done about them.
    const SETTINGS: [&str; 3] = ["algorithm", "mode", "type"];
    // What the model knows and we do not is refused by name.
    let is_member = |name: &str| {
        let mut members = op.input.members.iter().filter_map(|member| member.wire.strip_prefix(CHECKSUM));
        members.any(|known| known == name)
    };
    let is_sum = |name: &str| name.strip_prefix(CHECKSUM).is_some_and(|name| sum(name, b"").is_some());
    let refused = |message: &str| Err(Error::new(Kind::Invalid, "InvalidRequest", message));
    for name in headers.keys().filter_map(|name| name.as_str().strip_prefix(CHECKSUM)) {
        if !SETTINGS.contains(&name) && sum(name, b"").is_none() && !is_member(name) {
            return refused("The algorithm type you specified in x-amz-checksum- header is invalid.");
        }
    }
    let announced = headers.get_all("x-amz-trailer").iter();
    let announced = announced.flat_map(|names| names.to_str().unwrap_or("?").split(',').map(str::trim));
    if announced.filter(|name| !name.is_empty()).any(|name| !is_sum(&name.to_ascii_lowercase())) {
        return refused("The value specified in the x-amz-trailer header is not supported");
    }
    Ok(())
}

/// Looks that headers which would make another request of it are such as its operation knows.
///
/// # Errors
/// *InvalidArgument* of an encryption that is asked of a read; *NotImplemented* of conditions that are none of a write.
pub(super) fn check_headers(headers: &http::HeaderMap, op: &OpDef) -> Result<(), Error> {
    const OF_WRITES: &str = "x-amz-server-side-encryption";
    const CONDITIONS: [http::HeaderName; 6] =
        [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE, CONTENT_RANGE];
    // Only what reads or makes one object.
    let (path, query) = op.uri.split_once('?').unwrap_or((op.uri, ""));
    if !path.contains("+}") || !matches!(query, "" | "uploads") {
        return Ok(());
    }
    if matches!(op.method, "GET" | "HEAD") {
        let message = format!("{OF_WRITES} header is not supported for this operation.");
        let refused = || Error::new(Kind::Invalid, "InvalidArgument", message);
        return if headers.contains_key(OF_WRITES) { Err(refused()) } else { Ok(()) };
    }
    let is_known = |name: &http::HeaderName| {
        let mut members = op.input.members.iter();
        members.any(|m| m.location == Location::Header && m.wire.eq_ignore_ascii_case(name.as_str()))
    };
    if CONDITIONS.iter().any(|name| headers.contains_key(name) && !is_known(name)) {
        let message = "A header you provided implies functionality that is not implemented";
        return Err(Error::new(Kind::Unsupported, "NotImplemented", message));
    }
    Ok(())
}

/// Compares a whole body with the checksum its sender gave, where the operation has no members to take it for its own.
///
/// # Errors
/// *InvalidRequest*, *BadDigest*.
pub(super) fn check_sum(headers: &http::HeaderMap, body: &Inbound, op: &OpDef) -> Result<(), Error> {
    let Inbound::Whole(bytes) = body else { return Ok(()) };
    if op.input.members.iter().any(|member| member.wire.starts_with(CHECKSUM)) {
        return Ok(());
    }
    for (name, given) in headers {
        let Some(algorithm) = name.as_str().strip_prefix(CHECKSUM) else { continue };
        let Some(own) = sum(algorithm, bytes) else { continue };
        let given = STANDARD.decode(given).ok().filter(|given| given.len() == own.len());
        let given = given.ok_or_else(|| {
            Error::new(Kind::Invalid, "InvalidRequest", format!("Value for {name} header is invalid."))
        })?;
        if given != own {
            let name = algorithm.to_ascii_uppercase();
            let message = format!("The {name} you specified did not match the calculated checksum.");
            return Err(Error::new(Kind::Invalid, "BadDigest", message));
        }
    }
    Ok(())
}

const CHECKSUM: &str = "x-amz-checksum-";

/// The sum by an algorithm as such headers name it; `None` of one we do not know.
fn sum(algorithm: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let crc = |algorithm, length: usize| {
        let sum = crc_fast::checksum(algorithm, bytes).to_be_bytes();
        sum.get(sum.len() - length..).map(<[u8]>::to_vec)
    };
    match algorithm {
        "crc32" => crc(CrcAlgorithm::Crc32IsoHdlc, 4),
        "crc32c" => crc(CrcAlgorithm::Crc32Iscsi, 4),
        "crc64nvme" => crc(CrcAlgorithm::Crc64Nvme, 8),
        "sha1" => Some(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()),
        "sha256" => Some(digest(&SHA256, bytes).as_ref().to_vec()),
        _ => None,
    }
}

pub(super) fn too_large(bytes_max: usize) -> Error {
    let message = format!("The request body is larger than {bytes_max} bytes.");
    Error::new(Kind::Limit, "RequestEntityTooLarge", message).status_is(413)
}
