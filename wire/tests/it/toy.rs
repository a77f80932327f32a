//! A toy service in two protocols, an object store with two operations, and the door in front of both.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryFutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kernel::bill::{Bill, Billed};
use kernel::gate::Call;
use kernel::{
    AccountId, BoxFuture, Credential, Credentials, Error, LocalRequest, LocalResponse, NoCredential,
    Principal, Result,
};
use shape::{
    Body, Checks, Honoured, Kind, Member, OpDef, PathHint, Protocol, Routing, Schema, ServiceDef, Shape,
    Slot, Struct, Unserved,
};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use wire::door::{Answer, Codec, Dialect, Door, Encoded, Fittings, Gate, Inbound, Limits, Server, listen};
use wire::route::{Domains, Router};

const fn schema(kind: Kind, members: &'static [Member]) -> Schema {
    Schema { name: "Toy", kind, members, ..Schema::PLAIN }
}

const fn member(name: &'static str, schema: &'static Schema, payload: bool) -> Member {
    Member { name, wire: name, query: name, schema, payload, ..Member::PLAIN }
}

static STRING: Schema = schema(Kind::String, &[]);
static STREAM: Schema = schema(Kind::Stream, &[]);
static PLAIN: Schema = schema(Kind::Structure, &[member("Text", &STRING, false)]);
static STREAMING: Schema =
    schema(Kind::Structure, &[member("Text", &STRING, false), member("Body", &STREAM, true)]);

const fn op(name: &'static str, method: &'static str, uri: &'static str, input: &'static Schema) -> OpDef {
    OpDef {
        name,
        service: "toy",
        method,
        uri,
        status: 200,
        input,
        output: &STREAMING,
        result_wrapper: None,
        input_root: None,
        input_namespace: None,
        output_root: None,
        errors: &[],
        unsigned: false,
        harmless: &[],
        honoured: Honoured::All,
        checksum_required: false,
        gzip: false,
    }
}

static BOOM: OpDef = op("Boom", "POST", "/", &PLAIN);
static ECHO: OpDef = OpDef { gzip: true, ..op("Echo", "POST", "/", &PLAIN) };
static HELLO: OpDef = OpDef { unsigned: true, ..op("Hello", "POST", "/", &PLAIN) };
static PANIC: OpDef = op("Panic", "POST", "/", &PLAIN);
static SLEEP: OpDef = op("Sleep", "POST", "/", &PLAIN);
static GET: OpDef = op("GetThing", "GET", "/{Box}/{Key+}", &PLAIN);
static PUT: OpDef = op("PutThing", "PUT", "/{Box}/{Key+}", &STREAMING);

const fn service(
    name: &'static str,
    protocols: &'static [Protocol],
    ops: &'static [&'static OpDef],
) -> ServiceDef {
    ServiceDef {
        name,
        id: name,
        signing_name: name,
        action_prefix: name,
        endpoint_prefix: name,
        target_prefix: "",
        version: "2020-01-01",
        protocols,
        xml_namespace: "",
        error_namespace: "",
        query_compatible: false,
        routing: Routing::PLAIN,
        checks: Checks::Standard,
        ops,
        unserved: const { &[Unserved::named("Later")] },
        errors: &[],
    }
}

static TOY: ServiceDef = ServiceDef {
    target_prefix: "Toy",
    routing: Routing {
        paths: &[PathHint { pattern: "/{account}/{name}", param: "Url" }],
        body_bytes_max: 100_000,
        ..Routing::PLAIN
    },
    ..service("toy", &[Protocol::Json10, Protocol::Query], &[&BOOM, &ECHO, &HELLO, &PANIC, &SLEEP])
};
static THINGS: ServiceDef = ServiceDef {
    routing: Routing { object_store: true, virtual_hosts: true, fallback: true, ..Routing::PLAIN },
    ..service("things", &[Protocol::RestXml], &[&GET, &PUT])
};

/// Input and output of everything.
struct Toy {
    text: String,
    body: Body,
}

impl Toy {
    fn say(text: impl Into<String>) -> Result<Box<dyn Struct>> {
        Ok(Box::new(Self { text: text.into(), body: Body::empty() }))
    }
}

impl Struct for Toy {
    fn schema(&self) -> &'static Schema {
        &STREAMING
    }
    fn get(&self, i: usize) -> &dyn Shape {
        if i == 0 { &self.text } else { &self.body }
    }
    fn get_mut(&mut self, i: usize) -> &mut dyn Shape {
        if i == 0 { &mut self.text } else { &mut self.body }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send + Sync> {
        self
    }
}

/// Bodies are texts; errors are `code: message`.
struct ToyCodec;

impl Codec for ToyCodec {
    fn decode(&self, request: Encoded<'_>, input: &mut dyn Struct) -> Result<()> {
        match request.body {
            Inbound::Whole(bytes) => {
                if let Slot::String(text) = input.get_mut(0).slot() {
                    *text = String::from_utf8_lossy(&bytes).into_owned();
                }
            }
            Inbound::Stream(body) => {
                if let Slot::Stream(place) = input.get_mut(1).slot() {
                    *place = body;
                }
            }
        }
        Ok(())
    }

    fn encode(&self, _: Dialect<'_>, op: &'static OpDef, output: &dyn Struct) -> Result<Response<Answer>> {
        let toy = output.as_any().downcast_ref::<Toy>().unwrap();
        let body = if op.name == "GetThing" { Answer::stream(&toy.body) } else { toy.text.clone().into() };
        Ok(Response::new(body))
    }

    fn refuse(&self, dialect: Dialect<'_>, error: &Error) -> Response<Answer> {
        let query = matches!(dialect.protocol, Protocol::Query);
        let code = if query { error.query_code() } else { error.code() };
        let mut response = Response::new(format!("{code}: {}", error.message()).into());
        *response.status_mut() = StatusCode::from_u16(error.status()).unwrap();
        response
    }
}

struct ToyGate;

impl Gate for ToyGate {
    fn new_input(&self, _: &'static OpDef) -> Result<Box<dyn Struct>> {
        Toy::say("")
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Billed<Box<dyn Struct>>>> {
        let answer = async move {
            let toy = call.input.into_any().downcast::<Toy>().unwrap();
            let who = format!("{} {}", call.scope.account, call.scope.region);
            match call.op.name {
                "Boom" => Err(Error::internal("the reason nobody outside may see")),
                "Panic" => panic!("at the toy"),
                "Sleep" => {
                    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                    Toy::say("slept")
                }
                "PutThing" => {
                    let gathered = toy.body.take().collect().await;
                    let gathered = gathered.map_err(|error| match error.downcast::<Error>() {
                        Ok(error) => *error,
                        Err(other) => Error::internal(other),
                    })?;
                    let trailer = gathered.trailers().map_or(0, http::HeaderMap::len);
                    Toy::say(format!("{} bytes, {trailer} trailers", gathered.to_bytes().len()))
                }
                "GetThing" => Ok(Box::new(Toy { text: String::new(), body: Body::from_bytes("streamed") })
                    as Box<dyn Struct>),
                _ => Toy::say(format!("{who} {}", toy.text)),
            }
        };
        Box::pin(answer.map_ok(|answer| Billed { answer, bill: Bill::none() }))
    }

    fn local(&self, request: LocalRequest) -> BoxFuture<'_, Option<Result<LocalResponse>>> {
        let text = format!("{} {}", request.query("q").unwrap_or("-"), request.from_loopback);
        let answer = (request.path == "/_toy/here").then(|| Ok(LocalResponse::text(200, text)));
        Box::pin(std::future::ready(answer))
    }
}

/// `test`/`test`; twelve digits are that account; `old` has expired; `ASIA` needs the token `token`.
struct ToyCredentials;

impl Credentials for ToyCredentials {
    fn find<'a>(
        &'a self,
        access_key: &'a str,
        token: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Credential, NoCredential>> {
        let account = match access_key {
            "test" => Ok(AccountId::DEFAULT),
            "old" => Err(NoCredential::Expired),
            "ASIA" if token == Some("token") => Ok(AccountId::DEFAULT),
            "ASIA" => Err(NoCredential::InvalidToken),
            other => other.parse().map_err(|_| NoCredential::Unknown),
        };
        let credential = account.map(|account| Credential {
            secret: "test".into(),
            account,
            principal: Principal::Root,
            session: None,
            expires_at: None,
            is_well_known: false,
        });
        Box::pin(std::future::ready(credential))
    }
}

/// A running door; it ends when this is dropped.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
    pub(crate) authority: Arc<wire::tls::Authority>,
    pub(crate) end: Option<oneshot::Sender<()>>,
    pub(crate) running: tokio::task::JoinHandle<()>,
}

pub(crate) async fn open() -> House {
    open_with(Limits::default()).await
}

pub(crate) async fn open_with(limits: Limits) -> House {
    let clock = Arc::new(kernel::clock::SystemClock);
    let folder = tempfile::tempdir().unwrap();
    let authority = wire::tls::Authority::new(folder.path().join("tls"), clock.clone());
    let door = Door::new(Fittings {
        router: Router::new(&[&TOY, &THINGS], Domains::default()),
        credentials: Arc::new(ToyCredentials),
        gate: Box::new(ToyGate),
        codec: Box::new(ToyCodec),
        clock,
        ids: Box::new(kernel::ids::SystemIds),
        local_prefixes: vec!["/_".to_owned()],
    });
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let tls = Some(authority.server_config().unwrap());
    let server = Server { door: Arc::new(door), tls, limits, hosts: None, ssh: None };
    let running = tokio::spawn(server.run(listener, async move {
        let _ = ended.await;
    }));
    House { address, _folder: folder, authority, end: Some(end), running }
}

/// Status, body and request id.
pub(crate) type Said = (u16, String, String);

impl House {
    pub(crate) async fn ask(&self, request: Request<Full<Bytes>>) -> Said {
        self.try_ask(request).await.unwrap()
    }

    /// `None` when the connection ends without an answer.
    pub(crate) async fn try_ask(&self, request: Request<Full<Bytes>>) -> Option<Said> {
        let io = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        Some(said(sender.send_request(request).await.ok()?).await)
    }

    pub(crate) async fn ask_http2(&self, request: Request<Full<Bytes>>) -> Said {
        let io = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        said(sender.send_request(request).await.unwrap()).await
    }
}

pub(crate) async fn said(response: Response<hyper::body::Incoming>) -> Said {
    let id = ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| response.headers().get(*name));
    let id = id.map_or("", |id| id.to_str().unwrap()).to_owned();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap(), id)
}

/// A JSON call of the toy service.
pub(crate) fn json(operation: &str, body: &str) -> Request<Bytes> {
    Request::post("/")
        .header("host", "toy.localhost")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("Toy.{operation}"))
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}
