//! Asks the metadata service who this machine is: with a session token where it gives one, without where not.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::error::{Error, Result, Trying};

/// How long the service may take to appear.
const APPEARS_WITHIN: Duration = Duration::from_secs(60);
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 1 << 20;
const TOKEN_SECONDS: &str = "21600";
const TOKEN_TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";

/// What a machine needs to know at its first boot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Public keys whose owners may log in, one line each.
    pub keys: Vec<String>,
    pub user_data: Option<Bytes>,
}

/// Asks the service at `base`, an `http` address, until it answers or the time is up.
pub(crate) async fn ask(base: &str) -> Result<Facts> {
    let base: Uri = base.parse().map_err(|_| Error::Spec(format!("{base} is no address")))?;
    let begun = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        match timeout(ANSWERS_WITHIN, facts(&base)).await {
            Ok(Ok(facts)) => return Ok(facts),
            _ if begun.elapsed() < APPEARS_WITHIN => {}
            Ok(Err(error)) => return Err(error).trying(|| format!("ask {base}")),
            Err(_) => return Err(Error::Timeout(u64::try_from(ANSWERS_WITHIN.as_millis()).unwrap_or(0))),
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

async fn facts(base: &Uri) -> io::Result<Facts> {
    let mut service = Service::connect(base).await?;
    let mut facts = Facts { user_data: service.get("/latest/user-data").await?, ..Facts::default() };
    let Some(list) = service.get("/latest/meta-data/public-keys/").await? else { return Ok(facts) };
    for line in String::from_utf8_lossy(&list).lines() {
        let index = line.split('=').next().unwrap_or_default();
        if index.is_empty() || !index.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        if let Some(key) = service.get(&format!("/latest/meta-data/public-keys/{index}/openssh-key")).await? {
            facts.keys.push(String::from_utf8_lossy(&key).trim().to_owned());
        }
    }
    Ok(facts)
}

/// One connection and the token it was given.
struct Service {
    connection: SendRequest<Empty<Bytes>>,
    host: HeaderValue,
    token: Option<HeaderValue>,
}

impl Service {
    async fn connect(base: &Uri) -> io::Result<Self> {
        let host = base.authority().ok_or_else(|| io::Error::other("no host in the address"))?;
        let stream = TcpStream::connect((host.host(), host.port_u16().unwrap_or(80))).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(driver);
        let host = HeaderValue::from_str(host.as_str()).map_err(io::Error::other)?;
        let mut service = Self { connection, host, token: None };
        let lifetime = [(TOKEN_TTL_HEADER, HeaderValue::from_static(TOKEN_SECONDS))];
        let token = service.send(Method::PUT, "/latest/api/token", &lifetime).await?;
        service.token =
            token.map(|token| HeaderValue::from_bytes(&token)).transpose().map_err(io::Error::other)?;
        Ok(service)
    }

    /// The document at `path`, or none where there is none.
    async fn get(&mut self, path: &str) -> io::Result<Option<Bytes>> {
        let token = self.token.clone().map(|token| (TOKEN_HEADER, token));
        self.send(Method::GET, path, token.as_slice()).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&'static str, HeaderValue)],
    ) -> io::Result<Option<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(io::Error::other)?;
        request.headers_mut().insert(HOST, self.host.clone());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.clone());
        }
        self.connection.ready().await.map_err(io::Error::other)?;
        let response = self.connection.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(io::Error::other)?.to_bytes();
        match status {
            StatusCode::OK => Ok(Some(body)),
            status if status.is_server_error() => Err(io::Error::other(format!("{path}: {status}"))),
            _ => Ok(None),
        }
    }
}
