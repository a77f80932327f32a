//! What stands behind the door: the gate every call enters, and the codec that reads and writes for it.

use std::sync::Arc;

use http::Response;
use http::request::Parts;
use kernel::beside::{CrossOrigin, FormCall, FormPost, Headers, SiteAnswer, SiteRequest};
use kernel::bill::Billed;
use kernel::gate::Call;
use kernel::request_log::{RequestLog, Requested};
use kernel::{BoxFuture, Caller, Error, House, LocalRequest, LocalResponse, Region, Result, boxed};
use shape::{OpDef, Protocol, ServiceDef, Struct};

use super::body::{Answer, Inbound};

/// Where calls go.
pub trait Gate: Send + Sync + 'static {
    /// An empty input of the operation.
    ///
    /// # Errors
    /// When nobody serves it.
    fn new_input(&self, op: &'static OpDef) -> Result<Box<dyn Struct>>;

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Billed<Box<dyn Struct>>>>;

    /// Answers a path of the house itself; `None` when it is none.
    fn local(&self, request: LocalRequest) -> BoxFuture<'_, Option<Result<LocalResponse>>>;

    /// What a service says to a page of another origin; `None` of one that knows no origins.
    fn cross_origin<'a>(
        &'a self,
        _service: &'a str,
        _asked: CrossOrigin,
    ) -> BoxFuture<'a, Option<Result<Headers>>> {
        Box::pin(std::future::ready(None))
    }

    /// What a service does with a form; `None` of one that takes none.
    fn form(&self, _call: FormCall, _form: FormPost) -> BoxFuture<'_, Option<Result<Billed<SiteAnswer>>>> {
        Box::pin(std::future::ready(None))
    }

    /// Who keeps logs of a service's requests.
    fn request_log(&self, _service: &str) -> Option<&dyn RequestLog> {
        None
    }

    /// Tells the keeper of a service's log of a request that was answered.
    fn note_request<'a>(&'a self, _service: &'a str, _requested: Requested<'a>) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Labels of hosts under which there are sites.
    fn site_labels(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// A page of a site.
    fn site<'a>(
        &'a self,
        _at: (&'a str, Region),
        _caller: Caller,
        _request: SiteRequest,
    ) -> BoxFuture<'a, Option<Result<Billed<SiteAnswer>>>> {
        Box::pin(std::future::ready(None))
    }
}

impl Gate for Arc<House> {
    fn new_input(&self, op: &'static OpDef) -> Result<Box<dyn Struct>> {
        House::new_input(self, op)
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Billed<Box<dyn Struct>>>> {
        boxed(|| House::call(self, call))
    }

    fn local(&self, request: LocalRequest) -> BoxFuture<'_, Option<Result<LocalResponse>>> {
        Box::pin(House::local(self, request))
    }

    fn cross_origin<'a>(
        &'a self,
        service: &'a str,
        asked: CrossOrigin,
    ) -> BoxFuture<'a, Option<Result<Headers>>> {
        Box::pin(House::cross_origin(self, service, asked))
    }

    fn form(&self, call: FormCall, form: FormPost) -> BoxFuture<'_, Option<Result<Billed<SiteAnswer>>>> {
        Box::pin(House::form(self, call, form))
    }

    fn request_log(&self, service: &str) -> Option<&dyn RequestLog> {
        House::request_log(self, service)
    }

    fn note_request<'a>(&'a self, service: &'a str, requested: Requested<'a>) -> BoxFuture<'a, ()> {
        Box::pin(House::note_request(self, service, requested))
    }

    fn site_labels(&self) -> Vec<&'static str> {
        House::site_labels(self)
    }

    fn site<'a>(
        &'a self,
        at: (&'a str, Region),
        caller: Caller,
        request: SiteRequest,
    ) -> BoxFuture<'a, Option<Result<Billed<SiteAnswer>>>> {
        Box::pin(House::site(self, at, caller, request))
    }
}

/// A request to be decoded.
pub struct Encoded<'a> {
    pub protocol: Protocol,
    pub service: &'static ServiceDef,
    pub op: &'static OpDef,
    pub parts: &'a Parts,
    /// Labels of the path, by wire name, decoded (REST protocols).
    pub labels: &'a [(&'static str, String)],
    pub body: Inbound,
}

/// How an answer must look.
#[derive(Clone, Copy)]
pub struct Dialect<'a> {
    pub protocol: Protocol,
    /// `None` when the request was for nobody.
    pub service: Option<&'static ServiceDef>,
    /// The service answers as object stores do.
    pub object_store: bool,
    /// Asked for by the client: errors bear their query code too (`x-amzn-query-mode`).
    pub query_mode: bool,
    pub request_id: &'a str,
    /// The path asked for.
    pub resource: &'a str,
}

/// Bytes to structures and back, in every protocol.
pub trait Codec: Send + Sync + 'static {
    /// Fills `input`, and checks it against the model.
    ///
    /// # Errors
    /// What is wrong with the request, in AWS's words.
    fn decode(&self, request: Encoded<'_>, input: &mut dyn Struct) -> Result<()>;

    /// # Errors
    /// When the output cannot be written: our fault.
    fn encode(
        &self,
        dialect: Dialect<'_>,
        op: &'static OpDef,
        output: &dyn Struct,
    ) -> Result<Response<Answer>>;

    fn refuse(&self, dialect: Dialect<'_>, error: &Error) -> Response<Answer>;
}
