//! Connections to members: opened when needed, kept while they may be used again.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use http::{Method, Request, Response};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::body::{Fault, Flow, Upload};
use crate::live::LivePlace;
use crate::spec::Upstream;
use crate::tls;
use crate::waits::Waits;

/// The longest a member may take to accept a connection.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Kept per member and thread; more are closed after their request.
const IDLE_MAX: usize = 256;
/// Seconds after which an unused connection is closed: before most servers do it themselves.
const IDLE_S: u32 = 50;
/// Bytes of the head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1_024;
/// Header fields of an answer.
const FIELDS_MAX: usize = 500;

/// Whom a connection leads to, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// [`LivePlace::number`]
    place: u64,
    address: SocketAddr,
    tls: bool,
    speaks: Speaks,
}

/// As one number, where addresses are short: most of finding a connection would be hashing.
impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let rest = self.place.rotate_right(8) ^ u64::from(self.address.port());
        match self.address.ip() {
            IpAddr::V4(address) => state.write_u64(u64::from(address.to_bits()).rotate_left(16) ^ rest),
            IpAddr::V6(address) => (address.to_bits(), rest).hash(state),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    Http1,
    Http2,
}

type Sender = http1::SendRequest<Upload>;

/// The connections that one thread keeps.
#[derive(Default)]
pub(crate) struct Desk {
    idle: Mutex<HashMap<Target, Vec<(Sender, u32)>>>,
    shared: Mutex<HashMap<Target, http2::SendRequest<Upload>>>,
    waits: Waits,
}

/// Why a member did not answer.
pub(crate) enum Failure {
    /// It was not reached: another member may be asked.
    Unreached {
        request: Request<Upload>,
        timed_out: bool,
    },
    TimedOut,
    /// The client stopped in the middle of its request.
    ClientSilent,
    /// Its body cannot be read.
    ClientBroken,
    /// It left in the middle of its request.
    ClientGone,
    Broken(hyper::Error),
}

impl Failure {
    /// Of a request that went out in part: the client's own where its upload failed.
    fn of(error: hyper::Error, flow: Option<&Flow>) -> Self {
        match flow.and_then(Flow::fault) {
            Some(Fault::Malformed) => Self::ClientBroken,
            Some(Fault::Gone) => Self::ClientGone,
            None => Self::Broken(error),
        }
    }
}

/// A connection that goes back to the desk.
pub(crate) struct Back {
    desk: Arc<Desk>,
    target: Target,
    sender: Sender,
}

impl Back {
    pub(crate) fn give(self) {
        let Self { desk, target, mut sender } = self;
        if sender.is_ready() {
            desk.put(target, sender);
        } else if !sender.is_closed() {
            tokio::spawn(async move {
                if sender.ready().await.is_ok() {
                    desk.put(target, sender);
                }
            });
        }
    }
}

impl Desk {
    fn idle(&self) -> MutexGuard<'_, HashMap<Target, Vec<(Sender, u32)>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, target: Target, sender: Sender) {
        let now = self.waits.now();
        let mut idle = self.idle();
        let of_member = idle.entry(target).or_default();
        if of_member.len() < IDLE_MAX {
            of_member.push((sender, now));
        }
    }

    fn take(&self, target: &Target) -> Option<Sender> {
        let mut idle = self.idle();
        let of_member = idle.get_mut(target)?;
        while let Some((sender, _)) = of_member.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// A second has passed: what nobody used for long is closed, whoever waited for too long gives up.
    pub(crate) fn tick(&self) {
        let now = self.waits.tick();
        let fresh = |(sender, since): &(Sender, u32)| !sender.is_closed() && now - since < IDLE_S;
        self.idle().retain(|_, of_member| {
            of_member.retain(fresh);
            !of_member.is_empty()
        });
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|_, sender| !sender.is_closed());
    }

    /// Asks a member. `wait` bounds the time until its answer begins, from when the request last went on.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        place: &LivePlace,
        address: SocketAddr,
        (protocol, tls): (Upstream, bool),
        request: Request<Upload>,
        wait: Duration,
    ) -> Result<(Response<Incoming>, Option<Back>), Failure> {
        let speaks = match protocol {
            Upstream::Http2 | Upstream::Grpc => Speaks::Http2,
            Upstream::Http1 | Upstream::Bytes => Speaks::Http1,
        };
        let target = Target { place: place.number, address, tls, speaks };
        match speaks {
            Speaks::Http1 => self.ask_http1(place, target, request, wait).await,
            Speaks::Http2 => self.ask_http2(place, target, request, wait).await.map(|answer| (answer, None)),
        }
    }

    /// What opens a connection stands in a box here and below: otherwise every request would have room for it.
    async fn ask_http1(
        self: &Arc<Self>,
        place: &LivePlace,
        target: Target,
        mut request: Request<Upload>,
        wait: Duration,
    ) -> Result<(Response<Incoming>, Option<Back>), Failure> {
        loop {
            let kept = self.take(&target);
            let is_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => match timeout(CONNECT_MAX, Box::pin(open_http1(place, &target))).await {
                    Ok(Ok(sender)) => sender,
                    Ok(Err(_)) => return Err(Failure::Unreached { request, timed_out: false }),
                    Err(_) => return Err(Failure::Unreached { request, timed_out: true }),
                },
            };
            // A kept connection may be closed by its member at this very moment. What changes nothing is asked again.
            let again = is_kept.then(|| copy(&request)).flatten();
            let flow = request.body().flow();
            match self.within(wait, flow.as_deref(), sender.try_send_request(request)).await? {
                Ok(answer) => return Ok((answer, Some(Back { desk: self.clone(), target, sender }))),
                Err(mut error) => match error.take_message().filter(|_| is_kept).or(again) {
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::of(error.into_error(), flow.as_deref())),
                },
            }
        }
    }

    async fn ask_http2(
        self: &Arc<Self>,
        place: &LivePlace,
        target: Target,
        request: Request<Upload>,
        wait: Duration,
    ) -> Result<Response<Incoming>, Failure> {
        let mut sender = match self.shared_sender(&target) {
            Some(sender) => sender,
            None => match timeout(CONNECT_MAX, Box::pin(open_http2(place, &target))).await {
                Ok(Ok(sender)) => {
                    let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                    shared.insert(target, sender.clone());
                    sender
                }
                Ok(Err(_)) => return Err(Failure::Unreached { request, timed_out: false }),
                Err(_) => return Err(Failure::Unreached { request, timed_out: true }),
            },
        };
        let flow = request.body().flow();
        match self.within(wait, flow.as_deref(), sender.try_send_request(request)).await? {
            Ok(answer) => Ok(answer),
            Err(mut error) => {
                self.shared.lock().unwrap_or_else(PoisonError::into_inner).remove(&target);
                match error.take_message() {
                    Some(request) => Err(Failure::Unreached { request, timed_out: false }),
                    None => Err(Failure::of(error.into_error(), flow.as_deref())),
                }
            }
        }
    }

    /// Waits for an answer, and for the upload before it as long as that goes on.
    async fn within<T>(
        &self,
        wait: Duration,
        flow: Option<&Flow>,
        answer: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let mut answer = pin!(answer);
        let mut patience = self.waits.begin(wait);
        loop {
            let answered = poll_fn(|cx| match answer.as_mut().poll(cx) {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending if patience.is_over(cx) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            if let Some(answered) = answered.await {
                return Ok(answered);
            }
            let Some(flow) = flow else { return Err(Failure::TimedOut) };
            let left = (flow.moved_at() + wait).saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(if flow.waits_for_client() { Failure::ClientSilent } else { Failure::TimedOut });
            }
            patience.renew(left);
        }
    }

    fn shared_sender(&self, target: &Target) -> Option<http2::SendRequest<Upload>> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.get(target).filter(|sender| !sender.is_closed()).cloned()
    }
}

/// The same request, where it may be sent twice.
fn copy(request: &Request<Upload>) -> Option<Request<Upload>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || !request.body().is_end_stream()
    {
        return None;
    }
    let mut again = Request::new(Upload::Nothing);
    again.method_mut().clone_from(request.method());
    again.uri_mut().clone_from(request.uri());
    again.headers_mut().clone_from(request.headers());
    Some(again)
}

async fn open_http1(place: &LivePlace, target: &Target) -> io::Result<Sender> {
    let stream = place.space.connect(target.address).await?;
    if target.tls {
        let stream = tls::connect(stream, target.address, false).await?;
        return speak_http1(stream).await;
    }
    speak_http1(stream).await
}

async fn speak_http1<S>(stream: S) -> io::Result<Sender>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD_BYTES_MAX).max_headers(FIELDS_MAX);
    let (sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a member's connection ended badly");
        }
    });
    Ok(sender)
}

async fn open_http2(place: &LivePlace, target: &Target) -> io::Result<http2::SendRequest<Upload>> {
    let stream: TcpStream = place.space.connect(target.address).await?;
    if target.tls {
        return speak_http2(tls::connect(stream, target.address, true).await?).await;
    }
    speak_http2(stream).await
}

async fn speak_http2<S>(stream: S) -> io::Result<http2::SendRequest<Upload>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new()).max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX));
    let (sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a member's connection ended badly");
        }
    });
    Ok(sender)
}
