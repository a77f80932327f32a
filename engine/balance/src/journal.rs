//! What a front writes down of each request, where it is asked to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::header::USER_AGENT;
use http::{HeaderMap, Request, Version};

use crate::fields::Client;
use crate::proxy::CLIENT_GONE;
use crate::rule;
use crate::spec::PoolId;

/// Entries kept for who fetches them; those that find no room are lost.
const ENTRIES_MAX: usize = 65_536;
/// Characters of a text that clients choose.
const TEXT_MAX: usize = 2_048;

/// A request and its answer, when both are over; or a stream, which has no method.
#[derive(Clone, Debug)]
pub struct Entry {
    pub begun: SystemTime,
    pub ended: SystemTime,
    pub client: SocketAddr,
    pub secure: bool,
    /// `HTTP/1.1`
    pub version: &'static str,
    pub method: String,
    /// Without scheme and host.
    pub path: String,
    /// As the request names it, with its port where it has one.
    pub host: String,
    /// Of the door.
    pub port: u16,
    pub agent: String,
    pub trace: String,
    /// Version and suite, as OpenSSL calls them.
    pub tls: Option<(String, String)>,
    /// Of a stream in TLS.
    pub hello: Option<Hello>,
    pub status: u16,
    /// With heads, as they would be in HTTP/1.1.
    pub received_bytes: u64,
    pub sent_bytes: u64,
    pub outcome: Outcome,
}

/// How a client's TLS began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The name it asked for.
    pub domain: Option<String>,
    /// What is spoken inside, as both agreed.
    pub alpn: Option<String>,
    pub took: Duration,
}

/// What was decided about a request, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The place of the rule that fitted; none where none did.
    pub rule: Option<usize>,
    pub action: Option<Did>,
    pub pool: Option<PoolId>,
    pub member: Option<SocketAddr>,
    pub member_status: Option<u16>,
    /// Until it was on its way to a member; until its answer began; until that had ended.
    pub took: Option<[Duration; 3]>,
    pub is_websocket: bool,
    pub is_grpc: bool,
    /// As it went on to the member.
    pub trace: String,
}

/// What was done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    Forward,
    Redirect(String),
    Answer,
}

/// Entries until they are fetched.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Vec<Entry>>);

impl Journal {
    fn all(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, entry: Entry) {
        let mut all = self.all();
        if all.len() < ENTRIES_MAX {
            all.push(entry);
        }
    }

    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.all())
    }
}

/// An entry that is being written. It is in the journal when this goes.
#[derive(Debug)]
pub(crate) struct Draft {
    journal: Arc<Journal>,
    entry: Entry,
    since: Instant,
    pub(crate) notes: Notes,
}

/// Notes that are taken while a request is answered; shared, since several hands do it.
#[derive(Clone, Debug)]
pub(crate) struct Notes(Arc<Noted>);

#[derive(Debug)]
struct Noted {
    outcome: Mutex<Outcome>,
    received: AtomicU64,
    sent: AtomicU64,
    begun: Instant,
}

impl Notes {
    fn new(begun: Instant) -> Self {
        let (received, sent) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Noted { outcome: Mutex::default(), received, sent, begun }))
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn decided(&self, rule: Option<usize>) {
        self.outcome().rule = rule;
    }

    pub(crate) fn did(&self, did: Did) {
        self.outcome().action = Some(did);
    }

    pub(crate) fn chose(&self, pool: &PoolId, member: SocketAddr, headers: &HeaderMap, is_grpc: bool) {
        let mut outcome = self.outcome();
        (outcome.pool, outcome.member, outcome.is_grpc) = (Some(pool.clone()), Some(member), is_grpc);
        if outcome.trace.is_empty() {
            outcome.trace = text(headers, "x-amzn-trace-id");
        }
    }

    /// A member's answer has begun, to what was sent to it at `asked`.
    pub(crate) fn answered(&self, member: SocketAddr, status: u16, asked: Instant) {
        let mut outcome = self.outcome();
        (outcome.member, outcome.member_status) = (Some(member), Some(status));
        outcome.is_websocket = status == 101;
        let before = asked.saturating_duration_since(self.0.begun);
        outcome.took = Some([before, asked.elapsed(), Duration::ZERO]);
    }

    /// A stream has its member, which was asked at `asked`.
    pub(crate) fn joined(&self, pool: &PoolId, member: SocketAddr, asked: Instant) {
        let mut outcome = self.outcome();
        (outcome.pool, outcome.member) = (Some(pool.clone()), Some(member));
        let before = asked.saturating_duration_since(self.0.begun);
        outcome.took = Some([before, asked.elapsed(), Duration::ZERO]);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.0.sent.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.0.received.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }
}

fn text(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.unwrap_or_default().chars().take(TEXT_MAX).collect()
}

/// Bytes of a head: names, values, and what stands between and behind them.
fn head_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() + 2
}

fn version(of: Version) -> &'static str {
    match of {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

impl Draft {
    pub(crate) fn begin<B>(journal: &Arc<Journal>, client: &Client, request: &Request<B>) -> Self {
        let (now, since, headers) = (SystemTime::now(), Instant::now(), request.headers());
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
        let host = text(headers, http::header::HOST);
        let notes = Notes::new(since);
        notes.received(request.method().as_str().len() + path.len() + 12 + head_bytes(headers));
        Self {
            journal: journal.clone(),
            entry: Entry {
                begun: now,
                ended: now,
                client: SocketAddr::new(client.address, client.port),
                secure: client.secure,
                version: version(request.version()),
                method: request.method().to_string(),
                path: path.chars().take(TEXT_MAX).collect(),
                host: if host.is_empty() { authority.unwrap_or_default() } else { host },
                port: client.door,
                agent: text(headers, USER_AGENT),
                trace: text(headers, "x-amzn-trace-id"),
                tls: client.tls.clone(),
                hello: None,
                status: 0,
                received_bytes: 0,
                sent_bytes: 0,
                outcome: Outcome::default(),
            },
            since,
            notes,
        }
    }

    /// Of a stream, which has come in just now.
    pub(crate) fn of_stream(journal: &Arc<Journal>, client: &Client, hello: Option<Hello>) -> Self {
        let request = Request::new(());
        let mut draft = Self::begin(journal, client, &request);
        draft.notes = Notes::new(draft.since);
        let host = hello.as_ref().and_then(|hello| hello.domain.clone()).unwrap_or_default();
        draft.entry = Entry {
            version: "",
            method: String::new(),
            path: String::new(),
            host,
            hello,
            ..draft.entry.clone()
        };
        draft
    }

    /// The head of the answer is known.
    pub(crate) fn head(&mut self, status: u16, headers: &HeaderMap) {
        self.entry.status = status;
        self.sent(head_bytes(headers) + 17);
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.entry.sent_bytes += u64::try_from(bytes).unwrap_or(0);
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let mut entry = self.entry.clone();
        if entry.status == 0 && !entry.method.is_empty() {
            entry.status = CLIENT_GONE;
        }
        entry.ended = entry.begun + self.since.elapsed();
        entry.outcome = self.notes.outcome().clone();
        if let Some([before, member, rest]) = &mut entry.outcome.took {
            *rest = self.since.elapsed().saturating_sub(*before + *member);
        }
        if entry.trace.is_empty() {
            entry.trace.clone_from(&entry.outcome.trace);
        }
        entry.received_bytes = self.notes.0.received.load(Ordering::Relaxed);
        entry.sent_bytes += self.notes.0.sent.load(Ordering::Relaxed);
        self.journal.add(entry);
    }
}

impl Entry {
    /// The host without its port.
    pub fn domain(&self) -> &str {
        rule::without_port(&self.host)
    }
}
