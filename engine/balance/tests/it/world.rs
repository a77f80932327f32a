//! A front, members on threads, and a client that speaks as little HTTP as it needs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use balance::{
    Action, Balance, Choice, DoorSpec, Forward, ForwardedFor, FrontId, FrontSpec, Fronts, Manners,
    MemberSpec, Place, PoolSpec, ProxyHeader, Speaks, Strictness, Upstream,
};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct World {
    pub(crate) engine: Arc<Balance>,
    pub(crate) port: u16,
    runtime: tokio::runtime::Runtime,
}

impl World {
    pub(crate) fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { engine: Arc::new(Balance::start(1_000).unwrap()), port, runtime }
    }

    pub(crate) fn ensure(&self, spec: FrontSpec) {
        self.runtime.block_on(self.engine.ensure(spec)).unwrap();
    }

    pub(crate) fn remove(&self, id: &FrontId) {
        self.runtime.block_on(self.engine.remove(id)).unwrap();
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    pub(crate) fn listen(&self) -> tokio::net::TcpListener {
        self.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap()
    }

    /// One door that forwards to one pool.
    pub(crate) fn spec(&self, members: &[SocketAddr]) -> FrontSpec {
        let member = |address: &SocketAddr| MemberSpec {
            id: address.to_string().as_str().into(),
            address: *address,
            zone: None,
            draining: false,
        };
        FrontSpec {
            id: "front".into(),
            names: vec!["front.test".to_owned()],
            places: vec![Place {
                space: None,
                address: Ipv4Addr::LOCALHOST.into(),
                known_as: Some(Ipv4Addr::LOCALHOST.into()),
                admits: None,
                zone: "a".to_owned(),
            }],
            doors: vec![DoorSpec {
                port: self.port,
                speaks: Speaks::Http(None),
                rules: Vec::new(),
                otherwise: Action::Forward(Forward { pools: vec![("pool".into(), 1)], sticky: None }),
                server_field: true,
                fields: Vec::new(),
                tls_fields: None,
            }],
            pools: vec![PoolSpec {
                id: "pool".into(),
                members: members.iter().map(member).collect(),
                protocol: Upstream::Http1,
                tls: false,
                choice: Choice::RoundRobin,
                sticky: None,
                slow_start: Duration::ZERO,
                probe: None,
                proxy_header: ProxyHeader::None,
                keep_source: false,
                fail_open: true,
                end_of_ill: false,
                end_of_gone: false,
                cross_zone: None,
            }],
            journal: false,
            manners: Manners {
                idle: Duration::from_secs(1),
                client_idle: Duration::MAX,
                client_life: Duration::from_secs(3_600),
                forwarded_for: ForwardedFor::Append,
                forwarded_port: false,
                keep_host: false,
                drop_invalid: false,
                strictness: Strictness::Defensive,
                http2: true,
                cross_zone: true,
            },
        }
    }

    pub(crate) fn client(&self) -> Client {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(BufReader::new(stream))
    }

    /// Status and body of a request on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.client().get(path).unwrap()
    }
}

/// A member that does with every connection what `serve` does.
pub(crate) fn member(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// A member that answers every request with `word`, as long as it is asked.
pub(crate) fn saying(word: &'static str) -> SocketAddr {
    member(move |stream| {
        let mut reader = BufReader::new(stream);
        while read_head(&mut reader).is_some() {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{word}", word.len());
            if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// An address where nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The lines of a head without a body.
pub(crate) fn read_head(reader: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => return Some(lines),
            text => lines.push(text.to_owned()),
        }
    }
}

pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

impl Client {
    pub(crate) fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn get(&mut self, path: &str) -> Option<(u16, String)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: front.test\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).ok()?;
        self.answer().map(|(status, _, body)| (status, body))
    }

    /// Status, head and body; `None` where the connection ended.
    pub(crate) fn answer(&mut self) -> Option<(u16, Vec<String>, String)> {
        let head = read_head(&mut self.0)?;
        let status = head[0].split(' ').nth(1)?.parse().ok()?;
        let length = head
            .iter()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).ok()?;
        Some((status, head, String::from_utf8(body).ok()?))
    }
}

/// Polls until `f` gives something; panics when it never does.
pub(crate) fn eventually<T>(what: &str, mut f: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = f() {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
