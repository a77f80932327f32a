//! Clients at a door: accepted, relieved of TLS, and served for as long as they speak.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::answer;
use crate::counters::add;
use crate::fields::Client;
use crate::journal::{Draft, Hello};
use crate::live::{LiveDoor, LivePlace, Slot};
use crate::proxy::Passage;
use crate::pulse::{Pulse, Watch, Watched};
use crate::spec::Speaks;
use crate::upstream::Desk;
use crate::{stream, tls};

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 64 * 1_024;
/// Streams at once on an HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Wait after an accept that failed for lack of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the connections of one thread share.
pub(crate) struct Worker {
    pub(crate) desk: Arc<Desk>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) room: Arc<Room>,
}

/// Connections at once, of all threads.
pub(crate) struct Room {
    taken: AtomicUsize,
    max: usize,
}

impl Room {
    pub(crate) fn new(max: usize) -> Self {
        Self { taken: AtomicUsize::new(0), max }
    }

    fn enter(self: &Arc<Self>) -> Option<Seat> {
        let seat = Seat(self.clone());
        (self.taken.fetch_add(1, Ordering::Relaxed) < self.max).then_some(seat)
    }
}

/// A place in the room, as long as it lives.
struct Seat(Arc<Room>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts for ever.
pub(crate) async fn run(
    worker: Arc<Worker>,
    listener: TcpListener,
    slot: Arc<Slot>,
    place: Arc<LivePlace>,
    port: u16,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let live = slot.get();
                let Some(door) = live.door(port, false).filter(|_| place.spec.lets_in(peer.ip())) else {
                    continue;
                };
                let Some(seat) = worker.room.enter() else {
                    add(&place.counters.refused_connections, 1);
                    continue;
                };
                add(&place.counters.connections, 1);
                let guest =
                    Guest { worker: worker.clone(), slot: slot.clone(), place: place.clone(), peer, port };
                let door = door.clone();
                tokio::spawn(async move {
                    guest.serve(stream, &door).await;
                    drop(seat);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a balancer cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A client that has come in.
struct Guest {
    worker: Arc<Worker>,
    slot: Arc<Slot>,
    place: Arc<LivePlace>,
    peer: SocketAddr,
    port: u16,
}

impl Guest {
    async fn serve(self, stream: TcpStream, door: &LiveDoor) {
        // Slower without, but no less right.
        let _ = stream.set_nodelay(true);
        let live = self.slot.get();
        let manners = &live.manners;
        let idle = match door.spec.speaks {
            Speaks::Stream { idle, .. } => idle,
            _ => manners.idle.min(manners.client_idle),
        };
        let life =
            if matches!(door.spec.speaks, Speaks::Http(_)) { manners.client_life } else { Duration::MAX };
        let pulse = self.worker.watch.begin(&self.slot, idle, life);
        let counters = self.place.counters.clone();
        drop(live);
        let stream = Watched { stream, pulse: pulse.clone(), counters };
        // Who says nothing yet needs no buffers. With plain streams it may be the member's turn to speak.
        let speaks_first = matches!(door.spec.speaks, Speaks::Http(_)) || door.tls.is_some();
        if speaks_first && pulse.while_alive(stream.stream.readable()).await.is_none() {
            return;
        }
        Box::pin(self.speak_as(stream, door, pulse)).await;
    }

    async fn speak_as(self, stream: Watched<TcpStream>, door: &LiveDoor, pulse: Arc<Pulse>) {
        let counters = stream.counters.clone();
        let Some(tls) = &door.tls else {
            return self.speak(stream, door, &pulse, None).await;
        };
        let begun = Instant::now();
        match timeout(HANDSHAKE_MAX, tls.0.accept(stream)).await {
            Ok(Ok(stream)) => {
                add(&counters.tls_connections, 1);
                let facts = facts(stream.get_ref().1, begun);
                Box::pin(self.speak(stream, door, &pulse, Some(facts))).await;
            }
            _ => add(&counters.tls_failures, 1),
        }
    }

    /// Each way to speak has a box of its own, so that a connection takes no room for those it does not speak.
    async fn speak<S>(self, stream: S, door: &LiveDoor, pulse: &Arc<Pulse>, tls: Option<TlsFacts>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut client = Client::new(self.peer.ip(), self.peer.port(), tls.is_some(), self.port);
        let (tls, hello) = tls.map(|tls| ((tls.version, tls.suite), tls.hello)).unzip();
        client.tls = tls;
        if !matches!(door.spec.speaks, Speaks::Http(_)) {
            pulse.asked();
            let journal = self.slot.get().journal.clone();
            let draft = journal.map(|journal| Draft::of_stream(&journal, &client, hello));
            let carrying = stream::carry(&self.slot, door, &self.place, self.peer, (stream, draft));
            pulse.while_alive(Box::pin(carrying)).await;
            return;
        }
        let counters = self.place.counters.clone();
        let is_http2 = hello.is_some_and(|hello| hello.alpn.as_deref() == Some("h2"));
        let visit = Arc::new(Visit { guest: self, client, pulse: pulse.clone() });
        let service = service_fn(move |request| {
            let visit = visit.clone();
            async move { Ok::<_, Infallible>(visit.answer(request).await) }
        });
        let io = TokioIo::new(stream);
        let outcome = if is_http2 {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MAX)
                .max_header_list_size(HEAD_BYTES);
            let mut connection = Box::pin(http.serve_connection(io, service));
            let mut leaves = false;
            let served = std::future::poll_fn(|cx| {
                if pulse.is_old() && !leaves {
                    leaves = true;
                    connection.as_mut().graceful_shutdown();
                }
                connection.as_mut().poll(cx)
            });
            pulse.while_alive(served).await
        } else {
            let mut http = http1::Builder::new();
            http.max_buf_size(HEAD_BYTES_MAX).header_read_timeout(None);
            pulse.while_alive(Box::pin(http.serve_connection(io, service).with_upgrades())).await
        };
        if let Some(Err(error)) = outcome {
            // What cannot be read at all is refused by the HTTP library.
            if error.is_parse() {
                add(&counters.own_4xx, 1);
            }
            tracing::debug!(%error, "a client's connection ended badly");
        }
    }
}

/// [`HEAD_BYTES_MAX`] as HTTP/2 counts.
const HEAD_BYTES: u32 = 64 * 1_024;

/// How a client's TLS is.
struct TlsFacts {
    version: String,
    suite: String,
    hello: Hello,
}

fn facts(connection: &rustls::ServerConnection, begun: Instant) -> TlsFacts {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    TlsFacts {
        version: version.to_owned(),
        suite: tls::suite_name(suite.unwrap_or_default()),
        hello: Hello {
            domain: connection.server_name().map(str::to_owned),
            alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            took: begun.elapsed(),
        },
    }
}

/// A connection that speaks HTTP.
struct Visit {
    guest: Guest,
    client: Client,
    pulse: Arc<Pulse>,
}

impl Visit {
    async fn answer(&self, request: Request<Incoming>) -> http::Response<crate::Outgoing> {
        self.pulse.asked();
        let guest = &self.guest;
        let live = guest.slot.get();
        let Some(door) = live.door(guest.port, false) else { return answer::page(503) };
        let (desk, client) = (&guest.worker.desk, &self.client);
        let is_http1 = request.version() <= Version::HTTP_11;
        let mut response = Passage::answer(desk, &live, door, Some(&guest.place), client, request).await;
        if is_http1 && self.pulse.is_old() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
