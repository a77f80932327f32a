//! Objects queried in their place, the answer as a stream of events.

use api_s3::{
    GetObjectRequest, HeadObjectRequest, ScanRange, SelectObjectContentOutput, SelectObjectContentRequest,
};
use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use http_body::{Body as HttpBody, Frame};
use http_body_util::StreamBody;
use kernel::{Ctx, Error, Result};
use shape::{Body, BodyError, event};

use super::object_get::{get_object, head_object};
use crate::errors::select;
use crate::rules::select::{Input, RECORD_BYTES_MAX, Scan, Select, Stats, Work, input, parse};

/// Bytes of rows in one event (API reference, "Appendix: SelectObjectContent Response").
const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Bytes looked at without a row before something is said, so that nobody takes the connection for dead.
const QUIET_BYTES: u64 = 8 << 20;

pub async fn select_object_content(
    ctx: &Ctx,
    request: SelectObjectContentRequest,
) -> Result<SelectObjectContentOutput> {
    if request.expression_type != "SQL" {
        return Err(select::expression_type());
    }
    let query = parse(&request.expression)?;
    let how = input(request.input_serialization.clone())?;
    let (scan, range) = scanned(ctx, &request, &how).await?;
    let mut select = Select::new(query, how, request.output_serialization.clone(), scan, ctx.now())?;
    if scan.skips_first {
        let head =
            get_object(ctx, wanted(&request, Some(format!("bytes=0-{}", RECORD_BYTES_MAX - 1)))).await?;
        let (mut body, mut first) = (head.body.take(), BytesMut::new());
        while let Some(bytes) = next_bytes(&mut body).await? {
            first.extend_from_slice(&bytes);
        }
        select.set_header(&first)?;
    }
    let object = match get_object(ctx, wanted(&request, range)).await {
        Err(error) if error.code() == "InvalidRange" => return Err(select::scan_range()),
        object => object?,
    };
    let shows_progress = request.request_progress.is_some_and(|progress| progress.enabled == Some(true));
    let running = Running { select, body: object.body.take(), shows_progress, said_at: 0 };
    let mut events = stream::unfold(Some(running), step).boxed();
    // What is wrong with the first bytes is answered as any other refusal.
    let first = match events.next().await {
        Some(Ok(bytes)) => bytes,
        Some(Err(error)) => return Err(error),
        None => Bytes::new(),
    };
    let frames = stream::iter([Ok(first)]).chain(events).map(|event| {
        let bytes = event.unwrap_or_else(|error| event::error(error.code(), error.message()));
        Ok::<_, BodyError>(Frame::data(bytes))
    });
    Ok(SelectObjectContentOutput { payload: Body::new(StreamBody::new(frames)) })
}

fn wanted(request: &SelectObjectContentRequest, range: Option<String>) -> GetObjectRequest {
    GetObjectRequest {
        bucket: request.bucket.clone(),
        key: request.key.clone(),
        expected_bucket_owner: request.expected_bucket_owner.clone(),
        sse_customer_algorithm: request.sse_customer_algorithm.clone(),
        sse_customer_key: request.sse_customer_key.clone(),
        sse_customer_key_md5: request.sse_customer_key_md5.clone(),
        range,
        ..GetObjectRequest::default()
    }
}

/// Which bytes are read, and which of their records are looked at.
///
/// # Errors
/// *InvalidScanRange*, *UnsupportedScanRangeInput*.
async fn scanned(
    ctx: &Ctx,
    request: &SelectObjectContentRequest,
    how: &Input,
) -> Result<(Scan, Option<String>)> {
    let Some(ScanRange { start, end }) = &request.scan_range else { return Ok((Scan::default(), None)) };
    if !how.can_be_scanned() {
        return Err(select::scan_range_input());
    }
    let number = |given: &Option<i64>| match given {
        None => Ok(None),
        Some(number) => u64::try_from(*number).map(Some).map_err(|_| select::scan_range()),
    };
    let (start, end) = match (number(start)?, number(end)?) {
        (None, None) => return Err(select::scan_range()),
        // An end alone means so many of the last bytes.
        (None, Some(last)) => {
            let object = HeadObjectRequest {
                bucket: request.bucket.clone(),
                key: request.key.clone(),
                sse_customer_algorithm: request.sse_customer_algorithm.clone(),
                sse_customer_key: request.sse_customer_key.clone(),
                sse_customer_key_md5: request.sse_customer_key_md5.clone(),
                ..HeadObjectRequest::default()
            };
            let size = head_object(ctx, object).await?.content_length.unwrap_or_default();
            (u64::try_from(size).unwrap_or_default().saturating_sub(last), None)
        }
        (Some(start), end) => (start, end),
    };
    if end.is_some_and(|end| end < start) {
        return Err(select::scan_range());
    }
    // A delimiter before the first byte says that a record begins with it.
    let from = start.saturating_sub(how.delimiter_length());
    let scan = Scan { skips_first: start > 0, length: end.map(|end| end - from + 1) };
    Ok((scan, (from > 0).then(|| format!("bytes={from}-"))))
}

/// A query that is answered.
struct Running {
    select: Select,
    body: Incoming,
    shows_progress: bool,
    /// What had been looked at when something was said last.
    said_at: u64,
}

type Incoming = Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>;
type Item = (Result<Bytes>, Option<Running>);

/// The next events, and what goes on. Nothing goes on behind an error.
async fn step(running: Option<Running>) -> Option<Item> {
    let running = running?;
    Some(match running.next().await {
        Ok((bytes, running)) => (Ok(bytes), running),
        Err(error) => (Err(error), None),
    })
}

impl Running {
    async fn next(mut self) -> Result<(Bytes, Option<Self>)> {
        loop {
            // A thread of its own works: it is more than a moment's.
            let mut select = self.select;
            let worked = tokio::task::spawn_blocking(move || (select.work(), select));
            let (worked, select) = worked.await.map_err(Error::internal)?;
            self.select = select;
            let (worked, mut events) = (worked?, BytesMut::new());
            let rows = Bytes::from(self.select.take());
            for start in (0..rows.len()).step_by(PAYLOAD_BYTES_MAX) {
                let payload = rows.slice(start..rows.len().min(start + PAYLOAD_BYTES_MAX));
                events.extend_from_slice(&event::message(
                    "Records",
                    Some("application/octet-stream"),
                    &payload,
                ));
            }
            let stats = self.select.stats();
            if worked == Work::Done {
                if self.shows_progress {
                    events.extend_from_slice(&shown("Progress", stats));
                }
                events.extend_from_slice(&shown("Stats", stats));
                events.extend_from_slice(&event::message("End", None, b""));
                return Ok((events.freeze(), None));
            }
            if events.is_empty() && stats.scanned - self.said_at >= QUIET_BYTES {
                events.extend_from_slice(&event::message("Cont", None, b""));
            }
            if self.shows_progress && stats.scanned - self.said_at >= QUIET_BYTES {
                events.extend_from_slice(&shown("Progress", stats));
            }
            if worked == Work::Hungry {
                let bytes = next_bytes(&mut self.body).await?;
                self.select.push(bytes);
            }
            if !events.is_empty() {
                self.said_at = stats.scanned;
                return Ok((events.freeze(), Some(self)));
            }
        }
    }
}

/// The next of an object's bytes.
async fn next_bytes(body: &mut Incoming) -> Result<Option<Bytes>> {
    loop {
        let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await else { return Ok(None) };
        if let Ok(bytes) = frame.map_err(broken)?.into_data() {
            return Ok(Some(bytes));
        }
    }
}

/// The error of a body that checks itself is S3's own.
fn broken(error: BodyError) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(theirs) => Error::internal(theirs),
    }
}

/// What has been looked at, as an event.
fn shown(name: &str, stats: Stats) -> Bytes {
    let Stats { scanned, processed, returned } = stats;
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><{name}><BytesScanned>{scanned}</BytesScanned><BytesProcessed>\
         {processed}</BytesProcessed><BytesReturned>{returned}</BytesReturned></{name}>"
    );
    event::message(name, Some("text/xml"), text.as_bytes())
}
