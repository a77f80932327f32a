//! What stands behind the door: the house, and its own paths.

use std::sync::Arc;

use kernel::beside::{CrossOrigin, FormCall, FormPost, Headers, SiteAnswer, SiteRequest};
use kernel::bill::Billed;
use kernel::gate::Call;
use kernel::request_log::{RequestLog, Requested};
use kernel::{BoxFuture, Caller, House, LocalRequest, LocalResponse, Region, Result, boxed};
use shape::{OpDef, Struct};
use wire::door::Gate;

use crate::routes::Facts;

pub(crate) struct Front {
    pub(crate) house: Arc<House>,
    pub(crate) facts: Facts,
    /// `host:port` in the URLs we hand out, however we were reached; `None` for that by which we were.
    pub(crate) known_as: Option<String>,
}

impl Gate for Front {
    fn new_input(&self, op: &'static OpDef) -> Result<Box<dyn Struct>> {
        self.house.new_input(op)
    }

    fn call(&self, mut call: Call) -> BoxFuture<'_, Result<Billed<Box<dyn Struct>>>> {
        // Who comes by a private way may not reach that name.
        if let (Some(known_as), None) = (&self.known_as, &call.caller.way) {
            call.authority.clone_from(known_as);
        }
        boxed(|| self.house.call(call))
    }

    fn local(&self, request: LocalRequest) -> BoxFuture<'_, Option<Result<LocalResponse>>> {
        Box::pin(async move { self.facts.answer(request).await.map(Ok) })
    }

    fn cross_origin<'a>(
        &'a self,
        service: &'a str,
        asked: CrossOrigin,
    ) -> BoxFuture<'a, Option<Result<Headers>>> {
        Box::pin(self.house.cross_origin(service, asked))
    }

    fn form(&self, call: FormCall, form: FormPost) -> BoxFuture<'_, Option<Result<Billed<SiteAnswer>>>> {
        Box::pin(self.house.form(call, form))
    }

    fn request_log(&self, service: &str) -> Option<&dyn RequestLog> {
        self.house.request_log(service)
    }

    fn note_request<'a>(&'a self, service: &'a str, requested: Requested<'a>) -> BoxFuture<'a, ()> {
        Box::pin(self.house.note_request(service, requested))
    }

    fn site_labels(&self) -> Vec<&'static str> {
        self.house.site_labels()
    }

    fn site<'a>(
        &'a self,
        at: (&'a str, Region),
        caller: Caller,
        request: SiteRequest,
    ) -> BoxFuture<'a, Option<Result<Billed<SiteAnswer>>>> {
        Box::pin(self.house.site(at, caller, request))
    }
}
