//! Asking members whether they are well, each at its own pace.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};

use crate::live::{Live, LivePlace, Member, Slot};
use crate::spec::{Ailment, Health, PoolId, Probe, ProbeBy, Upstream};
use crate::tls;

/// How soon a change of what is asked is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How soon one that was never well is asked again: it is being started. Only once in an interval does that count
/// against it.
const AT_FIRST_EVERY: Duration = Duration::from_millis(200);
const BODY_BYTES_MAX: usize = 1_024 * 1_024;
/// The header and trailer that carries the outcome of a gRPC call.
const GRPC_STATUS: &str = "grpc-status";
/// "Unimplemented": what a service that is up says to a method it does not have.
const GRPC_UNKNOWN: u16 = 2;

/// Asks until the member is no more, or gets nothing new.
pub(crate) async fn run(slot: Arc<Slot>, pool: PoolId, member: Arc<Member>) {
    let mut counted_at: Option<tokio::time::Instant> = None;
    loop {
        let live = slot.get();
        let Some(probe) = wanted(&live, &pool, &member) else { return };
        let epoch = member.epoch.load(Ordering::Relaxed);
        let Some(place) = place_for(&live, &member) else {
            sleep(LOOK_EVERY).await;
            continue;
        };
        let begun = tokio::time::Instant::now();
        let outcome = ask(place, &member, &probe).await;
        drop(live);
        if let Err(ailment) = &outcome {
            tracing::debug!(member = %member.id, ?ailment, "a member is not well");
        }
        let is_starting = outcome.is_err() && member.health() == Health::Initial;
        let every = if is_starting { probe.every.min(AT_FIRST_EVERY) } else { probe.every };
        let counts = !is_starting || counted_at.is_none_or(|at| at.elapsed() >= probe.every);
        if counts {
            counted_at = Some(begun);
        }
        if counts
            && member.found(&probe, outcome)
            && let Some(pool) = slot.get().pools.get(&pool)
        {
            pool.refresh();
        }
        while begun.elapsed() < every && member.epoch.load(Ordering::Relaxed) == epoch {
            sleep((every - begun.elapsed().min(every)).min(LOOK_EVERY)).await;
            if wanted(&slot.get(), &pool, &member).is_none() {
                return;
            }
        }
    }
}

fn wanted(live: &Live, pool: &PoolId, member: &Arc<Member>) -> Option<Probe> {
    let pool = live.pools.get(pool)?;
    let is_there = pool.members.iter().any(|other| Arc::ptr_eq(other, member)) && !member.is_draining();
    pool.spec.probe.clone().filter(|_| is_there)
}

fn place_for<'l>(live: &'l Live, member: &Member) -> Option<&'l Arc<LivePlace>> {
    let near = live.places.iter().find(|place| member.zone.as_deref() == Some(&*place.spec.zone));
    near.or_else(|| live.places.first())
}

async fn ask(place: &LivePlace, member: &Member, probe: &Probe) -> Result<(), Ailment> {
    let mut to = member.address;
    to.set_port(probe.port.unwrap_or(to.port()));
    let asking = async {
        match &probe.by {
            ProbeBy::Connect => place.space.connect(to).await.map(|_| None),
            ProbeBy::Handshake => {
                let stream = place.space.connect(to).await?;
                tls::connect(stream, to, false).await.map(|_| None)
            }
            ProbeBy::Http { path, tls, version, agent, .. } => {
                over_http(place, to, path, (*version, *tls), agent).await.map(Some)
            }
        }
    };
    match (timeout(probe.timeout, asking).await, &probe.by) {
        (Err(_), _) => Err(Ailment::Timeout),
        (Ok(Err(_)), _) => Err(Ailment::Failed),
        (Ok(Ok(Some(code))), ProbeBy::Http { codes, .. }) if !codes.contains(code) => {
            Err(Ailment::Code(code))
        }
        (Ok(Ok(_)), _) => Ok(()),
    }
}

async fn over_http(
    place: &LivePlace,
    to: SocketAddr,
    path: &str,
    (version, tls): (Upstream, bool),
    agent: &'static str,
) -> io::Result<u16> {
    let stream = place.space.connect(to).await?;
    if tls {
        let stream = tls::connect(stream, to, matches!(version, Upstream::Http2 | Upstream::Grpc)).await?;
        return speak(stream, to, path, version, agent).await;
    }
    speak(stream, to, path, version, agent).await
}

async fn speak<S>(
    stream: S,
    to: SocketAddr,
    path: &str,
    version: Upstream,
    agent: &'static str,
) -> io::Result<u16>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let request = |uri: &str| Request::get(uri).header(USER_AGENT, HeaderValue::from_static(agent));
    let empty = Full::new(Bytes::new());
    match version {
        Upstream::Http1 | Upstream::Bytes => {
            let (mut sender, connection) = http1::Builder::new()
                .max_buf_size(64 * 1_024)
                .handshake(io)
                .await
                .map_err(io::Error::other)?;
            let request = request(path).header(HOST, to.to_string()).header(CONNECTION, "close").body(empty);
            let request = request.map_err(io::Error::other)?;
            let answering = async {
                let response = sender.send_request(request).await.map_err(io::Error::other)?;
                finish(response, false).await
            };
            with(connection, answering).await
        }
        Upstream::Http2 | Upstream::Grpc => {
            let (mut sender, connection) =
                http2::Builder::new(TokioExecutor::new()).handshake(io).await.map_err(io::Error::other)?;
            let is_grpc = version == Upstream::Grpc;
            let mut request = request(&format!("http://{to}{path}"));
            if is_grpc {
                request = request
                    .method("POST")
                    .header("content-type", "application/grpc")
                    .header("te", "trailers");
            }
            // A message without fields: five bytes of frame.
            let body = if is_grpc { Full::new(Bytes::from_static(&[0; 5])) } else { empty };
            let request = request.body(body).map_err(io::Error::other)?;
            let answering = async {
                let response = sender.send_request(request).await.map_err(io::Error::other)?;
                finish(response, is_grpc).await
            };
            with(connection, answering).await
        }
    }
}

/// Drives the connection as long as the answer takes.
async fn with<T>(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    answering: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let mut answering = std::pin::pin!(answering);
    tokio::select! {
        biased;
        outcome = &mut answering => return outcome,
        ended = connection => ended.map_err(io::Error::other)?,
    }
    answering.await
}

/// Reads the answer to its end and gives its code: HTTP's, or gRPC's.
async fn finish(response: Response<Incoming>, is_grpc: bool) -> io::Result<u16> {
    let status = response.status();
    let early = code_of(response.headers());
    let body =
        Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await.map_err(io::Error::other)?;
    if !is_grpc {
        return Ok(status.as_u16());
    }
    if status != StatusCode::OK {
        return Err(io::Error::other("no gRPC"));
    }
    Ok(early.or_else(|| body.trailers().and_then(code_of)).unwrap_or(GRPC_UNKNOWN))
}

fn code_of(headers: &http::HeaderMap) -> Option<u16> {
    headers.get(GRPC_STATUS)?.to_str().ok()?.parse().ok()
}
