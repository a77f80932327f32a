//! The door: everything a request passes, in order, from its first byte to its answer's last.
//!
//! request id → paths of the house → route → signature → caller → decode → gate → encode. One log line per request;
//! errors of ours are written once, with their cause; a panic is caught and answers *internal*.

mod beside;
mod body;
mod caller;
mod compressed;
mod form;
mod gate;
mod hoisted;
mod linger;
mod log;
mod origin;
mod protocols;
mod refuse;
mod server;

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use kernel::beside::CrossOrigin;
use kernel::bill::Billed;
use kernel::clock::Clock;
use kernel::credentials::Credentials;
use kernel::gate::{Call, not_implemented};
use kernel::ids::{IdSource, Ids};
use kernel::{AccountId, Error, Kind, LocalRequest, LocalResponse, Principal, Scope};
use percent_encoding::percent_decode_str;
use shape::{Body, Protocol, ServiceDef};

pub use body::{Answer, Inbound};
pub use caller::Connection;
pub use gate::{Codec, Dialect, Encoded, Gate};
pub use protocols::Protocols;
pub use server::{Hosts, Limits, Server, Source, Ssh, listen};

use crate::headers::{AMZ_TARGET, AMZN_QUERY_MODE, AMZN_REQUEST_ID, authority};
use crate::route::{Asked, Router, Wanted};
use crate::sigv4::{Family, Presented, Signing, Verifier, header_text};
use body::{check_headers, check_md5, check_sum, check_sum_names, check_summed, gather};
use caller::{Question, Raw, identify};

/// Longest form that is read to find its way, and longest body of a path of the house.
const FORM_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// What a door is made of.
pub struct Fittings {
    pub router: Router,
    pub credentials: Arc<dyn Credentials>,
    pub gate: Box<dyn Gate>,
    pub codec: Box<dyn Codec>,
    pub clock: Arc<dyn Clock>,
    pub ids: Box<dyn IdSource>,
    /// Beginnings of the paths of the house itself.
    pub local_prefixes: Vec<String>,
}

/// The one way in from the network.
pub struct Door {
    router: Router,
    verifier: Verifier,
    gate: Box<dyn Gate>,
    codec: Box<dyn Codec>,
    ids: Box<dyn IdSource>,
    local_prefixes: Vec<String>,
    site_labels: Vec<&'static str>,
}

/// What is known of a request so far: for its log line, and for the shape of an error, wherever it comes from.
struct Trace {
    request_id: Arc<str>,
    service: Option<&'static ServiceDef>,
    /// `None` until a service is found.
    protocol: Option<Protocol>,
    signing: Signing,
    operation: Cow<'static, str>,
    account: Option<AccountId>,
    code: Option<&'static str>,
    /// Nobody signed the request.
    anonymous: bool,
    /// The request came from a page of another origin.
    crossing: Option<CrossOrigin>,
    /// What a log of requests wants to know, where one does.
    logged: Option<log::Logged>,
}

impl Door {
    pub fn new(fittings: Fittings) -> Self {
        let Fittings { router, credentials, gate, codec, clock, ids, local_prefixes } = fittings;
        let site_labels = gate.site_labels();
        let verifier = Verifier::new(credentials, clock);
        Self { router, verifier, gate, codec, ids, local_prefixes, site_labels }
    }

    /// Answers a request. Always.
    pub async fn answer(self: Arc<Self>, request: Request<Body>, connection: Connection) -> Response<Answer> {
        let begun = Instant::now();
        let peer = connection.peer.ip();
        let (parts, body) = request.into_parts();
        let mut trace = Trace::new(Ids(&*self.ids).uuid().into());
        let passing = AssertUnwindSafe(self.pass(&parts, body, connection, &mut trace)).catch_unwind();
        let outcome = passing.await.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            Err(Error::internal(format!("panic: {text}")))
        });
        let mut response = outcome.unwrap_or_else(|error| self.refuse(&parts, &error, &mut trace));
        self.answer_crossing(&mut trace, &mut response).await;
        trace.put_request_id(&mut response);
        if is_last_of_its_connection(&parts, response.status()) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        tracing::debug!(
            request_id = &*trace.request_id,
            method = %parts.method,
            path = parts.uri.path(),
            service = trace.service.map(|service| service.name),
            operation = &*trace.operation,
            account = trace.account.map(tracing::field::display),
            status = response.status().as_u16(),
            code = trace.code,
            micros = begun.elapsed().as_micros(),
            "request"
        );
        if let Some(logged) = trace.logged.take() {
            self.log(&parts, (&trace, &logged), &response, (peer, begun)).await;
        }
        response
    }

    /// The list.
    async fn pass(
        &self,
        parts: &Parts,
        body: Body,
        connection: Connection,
        trace: &mut Trace,
    ) -> Result<Response<Answer>, Error> {
        let path = parts.uri.path();
        refuse::unnamed_host(parts)?;
        let mut body = Raw::Incoming(body);
        let is_local = |prefix: &String| path.starts_with(prefix);
        // Tenants' machines have no business with the house.
        if connection.way.is_none() && self.local_prefixes.iter().any(is_local) {
            let whole = body.gathered(FORM_BYTES_MAX).await?;
            if let Some(outcome) = self.gate.local(local_request(parts, whole, &connection)).await {
                trace.operation = Cow::Borrowed("local");
                return outcome.map(local_response);
            }
        }
        if let Some(page) = self.page(parts, &connection).await {
            trace.operation = Cow::Borrowed("page");
            return page;
        }
        let found = Presented::find(parts);
        let presented = found.as_ref().ok().and_then(Option::as_ref);
        let form = match is_form(parts) {
            true => Some(compressed::plain(parts, body.gathered(FORM_BYTES_MAX).await?, FORM_BYTES_MAX)?),
            false => None,
        };
        let scope = presented.map(|presented| &presented.scope);
        let asked = Asked { parts, form: form.as_deref(), scope, secure: connection.tls_version.is_some() };
        let routed = self.router.route(&asked).ok_or_else(|| refuse::nobody(parts, scope))?;
        trace.note(&routed);
        trace.crossing = beside::crossing(parts, &routed);
        trace.logged = self.logged(parts, &routed);
        if let Some(way) = &connection.way
            && (way.service != routed.service.def.name || way.region != routed.region)
        {
            return Err(refuse::not_by_this_way(way));
        }
        if let Some(answer) = beside::any_page_may(parts, trace) {
            return Ok(answer);
        }
        if let Some(asked) = beside::preflight(parts, trace, trace.crossing.as_ref()) {
            trace.crossing = None;
            return self.answer_preflight(asked?, trace).await;
        }
        if form::is_file_form(parts, &routed) {
            return self.form((parts, body), &connection, &routed, trace).await;
        }
        let family = Family::of(routed.protocol, Signing::of(routed.service.def));
        let presented = found.map_err(|refusal| refusal.into_error(family))?;
        let question = Question {
            parts,
            presented: presented.as_ref(),
            routed: &routed,
            family,
            connection: &connection,
            body,
        };
        let (caller, body) = identify(&self.verifier, question).await?;
        if trace.signing == Signing::ObjectStore {
            refuse::bad_escapes(path)?;
            check_md5(&parts.headers, &body)?;
        }
        trace.account = Some(caller.account);
        trace.note_caller(&caller);
        trace.anonymous = caller.principal == Principal::Anonymous;
        let service = routed.service.def;
        let version = routed.version.as_deref();
        let op = match routed.wanted {
            Wanted::Served(op) => op,
            Wanted::Unserved(name) => return Err(not_implemented(service.name, &name)),
            Wanted::Unknown(_) if percent_decode_str(path).decode_utf8().is_err() => {
                return Err(refuse::bad_uri());
            }
            Wanted::Unknown(name) => {
                return Err(refuse::unknown((&name, version), service, routed.protocol, family));
            }
        };
        if let Some(asked) = version.filter(|asked| !refuse::has_version(service, asked)) {
            return Err(refuse::other_version(op.name, service, asked, routed.protocol));
        }
        if trace.signing == Signing::ObjectStore {
            check_headers(&parts.headers, op)?;
            check_sum_names(&parts.headers, op)?;
            check_summed(&parts.headers, op)?;
            check_sum(&parts.headers, &body, op)?;
        }
        let mut input = self.gate.new_input(op)?;
        let body = compressed::unpack(op, parts, body, service.routing.body_bytes_max)?;
        let body = with_implied(body, routed.implied);
        let (protocol, labels) = (routed.protocol, &*routed.labels);
        let lowered = hoisted(trace.signing, parts, presented.as_ref());
        let request =
            Encoded { protocol, service, op, parts: lowered.as_ref().unwrap_or(parts), labels, body };
        self.codec.decode(request, &mut *input)?;
        let call = Call {
            op,
            scope: Scope { account: caller.account, region: routed.region },
            caller,
            request_id: trace.request_id.clone(),
            authority: authority(parts).unwrap_or_default().to_owned(),
            input,
        };
        let Billed { answer, bill } = self.gate.call(call).await?;
        let response = self.codec.encode(trace.dialect(parts), op, &*answer)?;
        Ok(connection.billed(response, bill))
    }

    fn refuse(&self, parts: &Parts, error: &Error, trace: &mut Trace) -> Response<Answer> {
        trace.code = Some(error.code());
        if error.kind() == Kind::Internal {
            tracing::error!(
                request_id = &*trace.request_id,
                service = trace.service.map(|service| service.name),
                operation = &*trace.operation,
                cause = error.causes(),
                "a request failed"
            );
        }
        if trace.signing == Signing::ObjectStore && trace.anonymous && error.kind() == Kind::Denied {
            return self.codec.refuse(trace.dialect(parts), &refuse::unsigned(error));
        }
        self.codec.refuse(trace.dialect(parts), error)
    }
}

impl Trace {
    fn new(request_id: Arc<str>) -> Self {
        Self {
            request_id,
            service: None,
            protocol: None,
            signing: Signing::Common,
            operation: Cow::Borrowed(""),
            account: None,
            code: None,
            anonymous: false,
            crossing: None,
            logged: None,
        }
    }

    fn note(&mut self, routed: &crate::route::Routed<'_>) {
        self.service = Some(routed.service.def);
        self.protocol = Some(routed.protocol);
        self.signing = Signing::of(routed.service.def);
        self.operation = match &routed.wanted {
            Wanted::Served(op) => Cow::Borrowed(op.name),
            Wanted::Unserved(name) | Wanted::Unknown(name) => Cow::Owned(name.clone()),
        };
    }

    fn dialect<'t>(&'t self, parts: &'t Parts) -> Dialect<'t> {
        Dialect {
            protocol: self.protocol.unwrap_or_else(|| refuse::likely_protocol(parts)),
            service: self.service,
            object_store: self.signing == Signing::ObjectStore,
            query_mode: header_text(&parts.headers, &AMZN_QUERY_MODE) == Some("true"),
            request_id: &self.request_id,
            resource: parts.uri.path(),
        }
    }

    fn put_request_id(&self, response: &mut Response<Answer>) {
        let headers = response.headers_mut();
        // A codec has done it.
        if self.signing == Signing::Common && headers.contains_key(&AMZN_REQUEST_ID) {
            return;
        }
        let Ok(id) = HeaderValue::from_str(&self.request_id) else { return };
        match self.signing {
            Signing::Common => {
                headers.insert(&AMZN_REQUEST_ID, id);
            }
            Signing::ObjectStore => {
                headers.remove(&AMZN_REQUEST_ID);
                headers.insert("x-amz-request-id", id.clone());
                headers.insert("x-amz-id-2", id);
            }
        }
    }
}

impl Raw {
    /// The whole body; it stays here too.
    async fn gathered(&mut self, bytes_max: usize) -> Result<bytes::Bytes, Error> {
        let whole = match self {
            Raw::Whole(bytes) => bytes.clone(),
            Raw::Incoming(body) => gather(body, bytes_max).await?,
        };
        *self = Raw::Whole(whole.clone());
        Ok(whole)
    }
}

/// The request with headers that stood in its presigned URL.
fn hoisted(signing: Signing, parts: &Parts, presented: Option<&Presented<'_>>) -> Option<Parts> {
    let by_query = presented.is_none_or(Presented::is_presigned);
    (signing == Signing::ObjectStore && by_query).then(|| hoisted::lowered(parts)).flatten()
}

/// A request that waits for leave to send its body (`Expect: 100-continue`) and is refused: whether the body comes now or the
/// next request cannot be known. So it is with an empty one: HTTP needs no *100* before its answer, and gives none; AWS
/// does, and botocore, missing it, would misread the next answer on the connection.
fn is_last_of_its_connection(parts: &Parts, status: StatusCode) -> bool {
    let waits = parts.version == Version::HTTP_11 && parts.headers.contains_key(EXPECT);
    waits && (!status.is_success() || header_text(&parts.headers, CONTENT_LENGTH) == Some("0"))
}

/// A body that may hold `Action`. Puts are left alone: some clients call every file a form.
fn is_form(parts: &Parts) -> bool {
    let form = "application/x-www-form-urlencoded";
    parts.method == Method::POST
        && header_text(&parts.headers, CONTENT_TYPE).is_some_and(|given| given.starts_with(form))
        && !parts.headers.contains_key(&AMZ_TARGET)
}

/// The form with the parameter that its path implied.
fn with_implied(body: Inbound, implied: Option<(&'static str, String)>) -> Inbound {
    let (Some((name, value)), Inbound::Whole(form)) = (implied, &body) else { return body };
    let encoded =
        percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).to_string();
    let separator = if form.is_empty() { "" } else { "&" };
    let more = [separator, name, "=", &encoded].concat();
    Inbound::Whole([form, more.as_bytes()].concat().into())
}

fn local_request(parts: &Parts, body: bytes::Bytes, connection: &Connection) -> LocalRequest {
    let text = |raw: &str| percent_decode_str(&raw.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    LocalRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: pairs.map(|(name, value)| (text(name), text(value))).collect(),
        body,
        from_loopback: connection.peer.ip().to_canonical().is_loopback() && origin::is_meant_for_here(parts),
    }
}

fn local_response(answer: LocalResponse) -> Response<Answer> {
    let LocalResponse { status, content_type, body } = answer;
    let mut response = Response::new(Answer::from(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
