//! What a service answers at the door beside its operations: browsers that ask across origins, sites it serves, and
//! files that forms of browsers bring.

use std::sync::Arc;

use shape::Body;

use crate::BoxFuture;
use crate::arn::Region;
use crate::bill::Billed;
use crate::caller::{Caller, Principal};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::house::House;
use crate::scope::Scope;

/// A browser's question, before a request or with it: may a page of this origin (Fetch standard, "CORS protocol")?
#[derive(Clone, Debug)]
pub struct CrossOrigin {
    /// The path asked for, with what stood before the service in the host name.
    pub path: String,
    pub origin: String,
    /// The method of the request, or of the one that is to follow.
    pub method: String,
    /// Headers that are to follow, as the browser names them.
    pub headers: Vec<String>,
    /// Asked before the request: a refusal is an error then, and else an answer without these headers.
    pub is_preflight: bool,
}

/// Headers of an answer.
pub type Headers = Vec<(&'static str, String)>;

pub(crate) type AnswerOrigins =
    Box<dyn Fn(Ctx, CrossOrigin) -> BoxFuture<'static, Result<Headers>> + Send + Sync>;

/// A request for a page of a site.
#[derive(Clone, Debug)]
pub struct SiteRequest {
    /// What stands before the site's label in the host name.
    pub name: String,
    pub method: String,
    /// As it came, not decoded.
    pub path: String,
    pub query: Option<String>,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    pub secure: bool,
}

impl SiteRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A page.
pub struct SiteAnswer {
    pub status: u16,
    pub headers: Headers,
    pub body: Body,
}

pub(crate) type AnswerSite =
    Box<dyn Fn(Ctx, SiteRequest) -> BoxFuture<'static, Result<SiteAnswer>> + Send + Sync>;

/// A form with a file, posted by a browser. Its signature is verified; what it was signed for is for the service to check.
pub struct FormPost {
    /// The path asked for, with what stood before the service in the host name.
    pub path: String,
    /// Fields before the file, in their order; names in lower case.
    pub fields: Vec<(String, String)>,
    /// As the browser names the file; empty where it does not.
    pub file_name: String,
    pub file: Body,
    pub secure: bool,
}

impl FormPost {
    /// The first field of this name, which is in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

pub(crate) type AnswerForm =
    Box<dyn Fn(Ctx, FormPost) -> BoxFuture<'static, Result<SiteAnswer>> + Send + Sync>;

/// Where a form goes, and who sends it.
pub struct FormCall {
    pub service: &'static str,
    pub region: Region,
    pub caller: Caller,
    pub request_id: Arc<str>,
    /// `host:port` the browser used.
    pub authority: String,
}

/// Sites at hosts with this label, `name.label.domain`.
pub(crate) struct Site {
    pub(crate) label: &'static str,
    pub(crate) answer: AnswerSite,
}

impl House {
    /// What a service says to a browser; `None` of one that knows no origins.
    ///
    /// # Errors
    /// The refusal.
    pub async fn cross_origin(
        self: &Arc<Self>,
        service: &str,
        asked: CrossOrigin,
    ) -> Option<Result<Headers>> {
        let (name, answer) = self.origins_of(service)?;
        let _working = self.begin_work().await?;
        Some(answer(self.ctx(name, crate::house::HOUSE_SCOPE), asked).await)
    }

    /// Hands a form to the service it is for; `None` when that takes none.
    ///
    /// # Errors
    /// The refusal.
    pub async fn form(
        self: &Arc<Self>,
        call: FormCall,
        form: FormPost,
    ) -> Option<Result<Billed<SiteAnswer>>> {
        let FormCall { service, region, caller, request_id, authority } = call;
        let answer = self.forms_of(service)?;
        let _working = self.begin_work().await?;
        let scope = Scope { account: caller.account, region };
        let ctx = Ctx::new(self.clone(), service, scope, caller, request_id, authority);
        Some(billed(&ctx, answer(ctx.clone(), form).await))
    }

    /// Labels of hosts under which services have sites.
    pub fn site_labels(&self) -> Vec<&'static str> {
        self.sites().map(|(_, site)| site.label).collect()
    }

    /// Answers for a site, to `caller`, who has not signed; `None` when nobody has sites under this label.
    ///
    /// # Errors
    /// What went wrong beyond any page.
    pub async fn site(
        self: &Arc<Self>,
        (label, region): (&str, Region),
        caller: Caller,
        request: SiteRequest,
    ) -> Option<Result<Billed<SiteAnswer>>> {
        let (service, site) = self.sites().find(|(_, site)| site.label == label)?;
        let _working = self.begin_work().await?;
        let scope = Scope { account: caller.account, region };
        let caller = Caller { principal: Principal::Anonymous, ..caller };
        let ctx = Ctx::new(self.clone(), service, scope, caller, self.ids().uuid().into(), String::new());
        Some(billed(&ctx, (site.answer)(ctx.clone(), request).await))
    }
}

fn billed(ctx: &Ctx, outcome: Result<SiteAnswer>) -> Result<Billed<SiteAnswer>> {
    outcome.map(|answer| Billed { answer, bill: ctx.bill() })
}
