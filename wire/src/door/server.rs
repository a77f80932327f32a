//! Sockets: HTTP/1.1, HTTP/2 and TLS on one port, bounded in every direction, drained at the end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use kernel::{Arrival, BoxFuture, PrivateWay, boxed};
use rustls::{ProtocolVersion, ServerConfig};
use shape::Body;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::linger::Lingering;
use super::{Answer, Connection, Door};

/// Bounds of the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the listener's backlog.
    pub connections_max: usize,
    /// Bytes of a request's head. Of headers there may be a hundred, the HTTP library's own bound.
    pub head_bytes_max: usize,
    /// Time to send a request's head, and longest silence between two requests.
    pub head_time_max: Duration,
    /// Streams at once on an HTTP/2 connection.
    pub streams_max: u32,
    /// How long requests under way may take when the server ends.
    pub drain_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            head_bytes_max: 64 * 1_024,
            head_time_max: Duration::from_secs(60),
            streams_max: 256,
            drain_time_max: Duration::from_secs(10),
        }
    }
}

/// Connections the kernel holds before we accept them.
const BACKLOG: u32 = 1_024;
/// Wait after an accept that failed for lack of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// First byte of a TLS record that begins a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What whoever speaks SSH says first; clients send it in one piece.
const SSH_GREETING: &[u8; 4] = b"SSH-";

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Tls,
    Ssh,
    Http,
}

/// A listening socket that may take over the address of one just closed.
///
/// # Errors
/// When the address is taken or not ours.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Where connections come from.
pub enum Source {
    Socket(TcpListener),
    /// Brought by services, from endpoints of theirs.
    Arrivals(mpsc::Receiver<Arrival>),
}

impl From<TcpListener> for Source {
    fn from(listener: TcpListener) -> Self {
        Self::Socket(listener)
    }
}

impl Source {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr, Option<Arc<PrivateWay>>)> {
        match self {
            Self::Socket(listener) => listener.accept().await.map(|(stream, peer)| (stream, peer, None)),
            Self::Arrivals(arrivals) => match arrivals.recv().await {
                Some(Arrival { stream, peer, way }) => Ok((stream, peer, Some(way))),
                // Nobody is left who could bring any.
                None => std::future::pending().await,
            },
        }
    }
}

/// A door on a socket.
pub struct Server {
    pub door: Arc<Door>,
    /// Without it, TLS is refused.
    pub tls: Option<Arc<ServerConfig>>,
    pub limits: Limits,
    pub hosts: Option<Arc<dyn Hosts>>,
    pub ssh: Option<Arc<dyn Ssh>>,
}

/// Takes connections that begin with SSH's greeting (RFC 4253, section 4.2).
pub trait Ssh: Send + Sync {
    /// Serves a connection to its end; dropped, it is ended.
    fn serve(&self, stream: TcpStream, peer: SocketAddr) -> BoxFuture<'_, ()>;
}

/// Answers requests for hosts that are not the cloud's own, such as those of tenants' load balancers.
pub trait Hosts: Send + Sync {
    /// Whether `host`, with or without a port, is one of them.
    fn serves(&self, host: &str) -> bool;

    /// Answers a request for `host`, whole: it may be upgraded.
    fn answer(
        &self,
        host: String,
        request: Request<Incoming>,
        connection: Connection,
    ) -> BoxFuture<'_, Response<Answer>>;
}

/// What all connections share.
struct Shared {
    door: Arc<Door>,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    hosts: Option<Arc<dyn Hosts>>,
    ssh: Option<Arc<dyn Ssh>>,
    http: auto::Builder<TokioExecutor>,
}

impl Server {
    /// Accepts until `end` completes, then lets requests under way come to theirs.
    pub async fn run(self, source: impl Into<Source>, end: impl Future<Output = ()>) {
        let mut source = source.into();
        let Self { door, tls, limits, hosts, ssh } = self;
        let tls = tls.map(TlsAcceptor::from);
        let shared = Arc::new(Shared { door, tls, limits, hosts, ssh, http: http(limits) });
        let places = Arc::new(Semaphore::new(limits.connections_max));
        let graceful = GracefulShutdown::new();
        let (ending, ended) = watch::channel(false);
        let mut running = JoinSet::new();
        let mut end = std::pin::pin!(end);
        loop {
            while running.try_join_next().is_some() {}
            let accepting = async {
                let place = places.clone().acquire_owned().await;
                (place, source.accept().await)
            };
            tokio::select! {
                () = &mut end => break,
                (place, accepted) = accepting => match accepted {
                    Ok((stream, peer, way)) => {
                        let (shared, watcher, mut ended) = (shared.clone(), graceful.watcher(), ended.clone());
                        running.spawn(async move {
                            // Before its first byte a connection is nobody's request.
                            let first = tokio::select! {
                                _ = ended.changed() => None,
                                first = shared.first_bytes(&stream) => first,
                            };
                            match (first, &shared.ssh) {
                                (None, _) => {}
                                (Some(First::Ssh), Some(ssh)) if way.is_none() => tokio::select! {
                                    _ = ended.changed() => {}
                                    () = ssh.serve(stream, peer) => {}
                                },
                                (Some(first), _) => {
                                    let connection = Connection { peer, tls_version: None, way };
                                    shared.serve(stream, first, connection, watcher).await;
                                }
                            }
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(source);
        ending.send_replace(true);
        if timeout(limits.drain_time_max, graceful.shutdown()).await.is_err() {
            tracing::warn!(
                seconds = limits.drain_time_max.as_secs(),
                "requests are cut off: they took too long to end"
            );
        }
        running.shutdown().await;
    }
}

fn http(limits: Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time_max)
        // No flushing of pipelined answers together: hyper would then take in an answer's body faster than it is sent.
        .max_buf_size(limits.head_bytes_max);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.head_time_max)
        .adaptive_window(true);
    http
}

impl Shared {
    /// What a connection begins with; `None` when it does not begin in time.
    async fn first_bytes(&self, stream: &TcpStream) -> Option<First> {
        let mut first = [0u8; SSH_GREETING.len()];
        match timeout(self.limits.head_time_max, stream.peek(&mut first)).await {
            Ok(Ok(1..)) if first == *SSH_GREETING => Some(First::Ssh),
            Ok(Ok(1..)) if first.starts_with(&[TLS_HANDSHAKE]) => Some(First::Tls),
            Ok(Ok(1..)) => Some(First::Http),
            _ => None,
        }
    }

    /// Whatever goes wrong with a connection is its peer's affair: noted for whoever debugs, no more.
    async fn serve(&self, stream: TcpStream, first: First, mut connection: Connection, watcher: Watcher) {
        // Slower without, but no less right.
        let _ = stream.set_nodelay(true);
        let peer = connection.peer;
        match (first == First::Tls, &self.tls) {
            (false, _) => self.speak(TokioIo::new(stream), connection, watcher).await,
            (true, None) => tracing::debug!(%peer, "TLS is not served here"),
            (true, Some(tls)) => match timeout(self.limits.head_time_max, tls.accept(stream)).await {
                Ok(Ok(stream)) => {
                    connection.tls_version = Some(tls_version(&stream));
                    self.speak(TokioIo::new(stream), connection, watcher).await;
                }
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            },
        }
    }

    async fn speak<I>(&self, io: I, connection: Connection, watcher: Watcher)
    where
        I: Read + Write + Unpin + Send + 'static,
    {
        let peer = connection.peer;
        let service = Speaker { door: self.door.clone(), hosts: self.hosts.clone(), connection };
        let speaking = watcher.watch(self.http.serve_connection_with_upgrades(io, service));
        if let Err(error) = speaking.await {
            tracing::debug!(%peer, error, "a connection ended badly");
        }
    }
}

/// As policies name it. Older ones are not spoken here.
fn tls_version(stream: &TlsStream<TcpStream>) -> &'static str {
    match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        _ => "1.2",
    }
}

fn host(request: &Request<Incoming>) -> Option<&str> {
    let given = request.headers().get(hyper::header::HOST).and_then(|host| host.to_str().ok());
    given.or_else(|| request.uri().authority().map(hyper::http::uri::Authority::as_str))
}

/// The door as hyper calls it.
struct Speaker {
    door: Arc<Door>,
    hosts: Option<Arc<dyn Hosts>>,
    connection: Connection,
}

impl Service<Request<Incoming>> for Speaker {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Answer>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (door, connection) = (self.door.clone(), self.connection.clone());
        if let Some(hosts) = &self.hosts
            && connection.way.is_none()
            && let Some(host) = host(&request).filter(|host| hosts.serves(host))
        {
            let (hosts, host) = (hosts.clone(), host.to_owned());
            return boxed(move || async move { Ok(hosts.answer(host, request, connection).await) });
        }
        boxed(
            move || async move { Ok(door.answer(Lingering::new(request).map(Body::new), connection).await) },
        )
    }
}
