//! A small client for the program's own commands: plain HTTP to one host, signed where it speaks to a service.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use kernel::clock::{Clock, SystemClock};
use tokio::net::TcpStream;
use wire::sigv4::Signer;

use crate::cli::{Outcome, Problem};

const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a running cloud is reached.
pub(crate) struct Client {
    authority: String,
}

impl Client {
    /// `endpoint` is an `http://` URL.
    pub(crate) fn new(endpoint: &str) -> Outcome<Self> {
        let uri: Uri = endpoint.parse().map_err(|e| Problem::new(&format!("{endpoint:?} is no URL"), &e))?;
        if uri.scheme_str() != Some("http") {
            return Err(Problem(format!("{endpoint}: this command speaks http:// only")));
        }
        let authority = uri.authority().ok_or_else(|| Problem(format!("{endpoint:?} names no host")))?;
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self { authority: format!("{}:{port}", authority.host()) })
    }

    pub(crate) async fn get(&self, path: &str) -> Outcome<(StatusCode, Bytes)> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str) -> Outcome<(StatusCode, Bytes)> {
        self.send(Method::POST, path, &[], Bytes::new()).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Outcome<(StatusCode, Bytes)> {
        let talk = tokio::time::timeout(PATIENCE, self.talk(method, path, headers, body));
        let unheard = || Problem(format!("{} does not answer", self.authority));
        talk.await.map_err(|_| unheard())?.map_err(|e| {
            let text = format!("cannot talk to {} (is `cloudlet up` running?)", self.authority);
            Problem::new(&text, &*e)
        })
    }

    async fn talk(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // The connection ends with this one answer.
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", &self.authority);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = sender.send_request(request.body(Full::new(body))?).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await?;
        Ok((status, body.to_bytes()))
    }

    /// The headers of a form posted to `/`, signed as `test`.
    pub(crate) fn signed_headers(&self, service: &str, body: &Bytes) -> Outcome<Vec<(&'static str, String)>> {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let request = Request::post("/").header("host", &self.authority).body(());
        let (mut parts, ()) = request.map_err(|e| Problem::new("no request", &e))?.into_parts();
        let signer = Signer { access_key: "test", secret: "test", region: "us-east-1", service };
        signer
            .sign(&mut parts, body, SystemClock.now() / 1_000)
            .map_err(|refusal| Problem(format!("the request cannot be signed: {refusal:?}")))?;
        let text = |name: &str| {
            let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (date, authorization) = (text("x-amz-date"), text("authorization"));
        Ok(vec![("content-type", form.to_owned()), ("x-amz-date", date), ("authorization", authorization)])
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }
}

/// Runs a command's future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| Problem::new("the runtime does not start", &e))?.block_on(future)
}
