//! Who may do what: the policies that apply to a call, put to the policy engine.
//!
//! The root of an account may do everything in its own account unless a resource's policy denies it, and in another
//! account what a resource's policy there lets it. Services of the house act for the account they serve.

use std::sync::Arc;

use policy::{Context, Policies, Policy, Request, Values, Weight, Who, decide, denial_message, explain};

use crate::access::{self, Access, Conditions, ResourceFacts};
use crate::arn::{AccountId, Arn};
use crate::caller::{Caller, Principal};
use crate::ctx::Ctx;
use crate::error::{Error, Kind, Result};
use crate::gate::Authorizer;
use crate::membership::Places;
use crate::principal;
use crate::ruling::{Ruling, Verdict};
use crate::{BoxFuture, boxed};

/// Finds what is attached to a resource; declared by its service ([`crate::ServiceBuilder::attached`]).
pub(crate) type FindAttached =
    Box<dyn for<'a> Fn(Ctx, Asked<'a>) -> BoxFuture<'a, Result<Attached>> + Send + Sync>;

/// A question about one resource, put to its service.
#[derive(Debug)]
pub struct Asked<'a> {
    pub arn: Arn,
    /// `service:Name`
    pub action: &'a str,
    pub access: &'a Access,
    pub caller: &'a Caller,
    /// The caller as policies name them.
    pub who: Who<'a>,
}

/// What decides on a resource's own side.
#[derive(Clone, Debug, Default)]
pub struct Attached {
    pub policy: Option<Arc<Policy>>,
    /// Allowances beside the policy: whom they name needs nothing else.
    pub grants: Vec<Arc<Policy>>,
    pub weight: Weight,
    /// The ARN policies know it by, where the call named it by another.
    pub arn: Option<String>,
    /// Condition keys of the service that take both the caller and the resource.
    pub conditions: Conditions,
    /// Whose the resource is, where its ARN does not say.
    pub owner: Option<AccountId>,
    /// What the resource is but a way to: its side must allow the same as well, and knows these conditions too.
    pub behind: Option<String>,
}

impl Attached {
    /// What is asked besides, and of what: of the resource behind, where there is one.
    fn further(self, access: &Access) -> Option<(Access, String)> {
        let behind = self.behind?;
        let conditions = access.conditions.iter().cloned().chain(self.conditions).collect();
        let resources = vec![behind.clone()];
        Some((Access { resources, conditions, also: Vec::new(), ..access.clone() }, behind))
    }
}

/// Finds what policies ask about a resource; declared by its service ([`crate::ServiceBuilder::resource_facts`]).
pub(crate) type FindResourceFacts =
    Box<dyn Fn(Ctx, Arn) -> BoxFuture<'static, Result<Option<ResourceFacts>>> + Send + Sync>;

/// The policies of a user or a role, and what conditions may ask about them.
#[derive(Debug, Default)]
pub struct Grants {
    /// Of itself and, for a user, of its groups.
    pub identity: Vec<Arc<Policy>>,
    pub boundary: Option<Arc<Policy>>,
    /// A user's name: `aws:username`.
    pub user_name: Option<String>,
    /// `aws:PrincipalTag/…`
    pub tags: Vec<(String, String)>,
}

/// What a user or a session was granted. Asked for by every call, so nothing in it is copied.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// Of the user or role; `None` where nothing is.
    pub own: Option<Arc<Grants>>,
    /// Federated users are without the name of the user they come from.
    pub is_nameless: bool,
    /// What was passed when the session was made; together they must allow.
    pub session: Option<Vec<Arc<Policy>>>,
}

impl From<Grants> for Granted {
    fn from(grants: Grants) -> Self {
        Self { own: Some(Arc::new(grants)), ..Self::default() }
    }
}

impl Granted {
    fn identity(&self) -> &[Arc<Policy>] {
        self.own.as_ref().map_or(&[], |own| &own.identity)
    }

    fn boundary(&self) -> Option<&Policy> {
        self.own.as_ref()?.boundary.as_deref()
    }

    pub(crate) fn user_name(&self) -> Option<&str> {
        self.own.as_ref().filter(|_| !self.is_nameless)?.user_name.as_deref()
    }

    pub(crate) fn tags(&self) -> &[(String, String)] {
        self.own.as_ref().map_or(&[], |own| &own.tags)
    }
}

/// Decides by policies.
#[derive(Debug, Default)]
pub struct ByPolicies;

impl Authorizer for ByPolicies {
    fn authorize<'a>(
        &'a self,
        ctx: &'a Ctx,
        action: &'a str,
        access: &'a Access,
    ) -> BoxFuture<'a, Result<Verdict>> {
        boxed(move || async move {
            let mut verdict = Verdict::default();
            if access.is_open {
                return Ok(verdict);
            }
            if access.resources.is_empty() && ctx.caller().principal == Principal::Anonymous {
                authorize_one(ctx, action, access, &Granted::default(), "*", &mut verdict).await?;
                return Ok(verdict);
            }
            let granted = match &ctx.caller().principal {
                Principal::Identity { .. } => ctx.house().granted(ctx).await?.unwrap_or_default(),
                Principal::Root | Principal::Service(_) | Principal::Anonymous => Granted::default(),
            };
            for access in access.each() {
                let action = access.action.unwrap_or(action);
                for resource in &access.resources {
                    let further =
                        authorize_one(ctx, action, access, &granted, resource, &mut verdict).await?;
                    if let Some((further, behind)) = further {
                        authorize_one(ctx, action, &further, &granted, &behind, &mut verdict).await?;
                    }
                    if verdict.denial.is_some() {
                        return Ok(verdict);
                    }
                }
            }
            Ok(verdict)
        })
    }
}

/// Adds what is decided about one resource. Gives what must be asked besides where it is allowed: of what the resource is a
/// way to.
async fn authorize_one(
    ctx: &Ctx,
    action: &str,
    access: &Access,
    granted: &Granted,
    resource: &str,
    verdict: &mut Verdict,
) -> Result<Option<(Access, String)>> {
    if matches!(ctx.caller().principal, Principal::Service(_)) && ctx.caller().source.is_none() {
        verdict.rulings.push(Ruling::without_policies(action, resource, "service"));
        return Ok(None);
    }
    let arn = resource.parse::<Arn>().ok();
    let owner = match &arn {
        Some(arn) => Some(arn.account.clone()).filter(|account| !account.is_empty()),
        // What begins like an ARN and is none belongs to nobody, however a service may read it.
        None => resource.starts_with("arn:").then(String::new),
    };
    let account = ctx.account_text();
    let service = match ctx.caller().principal {
        Principal::Service(name) => Some(format!("{name}.amazonaws.com")),
        Principal::Root | Principal::Anonymous | Principal::Identity { .. } => None,
    };
    let who = match &service {
        Some(name) => Who::Service { name },
        None => principal::who(ctx.caller(), &account),
    };
    let attached = match arn {
        Some(arn) => {
            let asked = Asked { arn, action, access, caller: ctx.caller(), who };
            ctx.house().attached(ctx, asked).await?
        }
        None => Attached::default(),
    };
    let owner = owner.or_else(|| attached.owner.map(|owner| owner.to_string()));
    let own = owner.as_ref().is_none_or(|owner| *owner == account);
    let places = find_places(ctx, owner.as_deref()).await?;
    let endpoint = ctx.caller().way.as_ref().map(|way| way.policy());
    let is_limited = places.caller.is_some() || places.owner.is_some() || endpoint.is_some();
    if ctx.caller().principal == Principal::Root && own && attached.policy.is_none() && !is_limited {
        verdict.rulings.push(Ruling::without_policies(action, resource, "account"));
        return Ok(attached.further(access));
    }
    let (named, resource) = (resource, attached.arn.as_deref().unwrap_or(resource));
    let policies = Policies {
        resource_control: places.resource_control(action),
        service_control: places.service_control(),
        endpoint: endpoint.as_deref(),
        resource: attached.policy.as_deref(),
        grants: &attached.grants,
        weight: attached.weight,
        identity: granted.identity(),
        boundary: granted.boundary(),
        session: granted.session.as_deref(),
    };
    let about = find_facts(ctx, access, named, &policies).await?;
    let asked = Request {
        who,
        action,
        resource,
        owner: owner.as_deref(),
        context: &Facts { ctx, access, granted, attached: &attached, places: &places, about },
    };
    let decision = decide(&asked, &policies);
    if decision.is_allowed() {
        let by = decision.by.as_slice();
        verdict.rulings.push(Ruling::new(action, resource, &decision, by, &policies));
        return Ok(attached.further(access));
    }
    let (_, matches) = explain(&asked, &policies);
    verdict.rulings.push(Ruling::new(action, resource, &decision, &matches, &policies));
    let message = denial_message(&ctx.caller().arn(), action, resource, &decision);
    let (code, status) = ctx.house().denial(ctx.service());
    let code = code_by_key(&access.codes, &asked, &policies).unwrap_or(code);
    let message = match code {
        SEALS_ITS_REASON => with_sealed_reason(ctx, message, verdict.rulings.last()),
        _ => message,
    };
    verdict.denial = Some(Error::new(Kind::Denied, code, message).status_is(status));
    Ok(None)
}

/// The code of a denial that would be none but for what policies say of one of these keys, or of all of them.
fn code_by_key(
    codes: &[(&'static str, &'static str)],
    asked: &Request<'_>,
    policies: &Policies<'_>,
) -> Option<&'static str> {
    let is_allowed = |keys: &[(&str, &str)]| {
        let context = &Waiving { context: asked.context, keys };
        decide(&Request { context, ..*asked }, policies).is_allowed()
    };
    let one = codes.iter().find(|code| is_allowed(&[**code]));
    let (_, code) = one.or_else(|| codes.first().filter(|_| is_allowed(codes)))?;
    Some(code)
}

/// What is known, without what policies say of some keys.
struct Waiving<'a> {
    context: &'a dyn Context,
    keys: &'a [(&'a str, &'a str)],
}

impl Context for Waiving<'_> {
    fn find(&self, key: &str) -> Option<Values<'_>> {
        self.context.find(key)
    }

    fn waives(&self, key: &str) -> bool {
        self.keys.iter().any(|(name, _)| name.eq_ignore_ascii_case(key))
    }
}

/// The code of services whose denials hold all that decided, sealed for whoever may have it decoded.
const SEALS_ITS_REASON: &str = "UnauthorizedOperation";

fn with_sealed_reason(ctx: &Ctx, message: String, ruling: Option<&Ruling>) -> String {
    let sealed = ruling.and_then(|ruling| ctx.house().encode_denial(ctx.caller(), ruling));
    let Some(sealed) = sealed else { return message };
    format!(
        "You are not authorized to perform this operation. {message}. Encoded authorization failure message: {sealed}"
    )
}

/// Where the caller and the resource's owner stand in organizations. Roles that services made for themselves are
/// limited by none.
async fn find_places(ctx: &Ctx, owner: Option<&str>) -> Result<Places> {
    let caller = ctx.caller();
    let owner = owner.and_then(|owner| owner.parse().ok()).unwrap_or(caller.account);
    if caller.is_service_linked() {
        return Ok(Places { owner_account: Some(owner), ..Places::default() });
    }
    let of_caller = match caller.principal {
        Principal::Anonymous | Principal::Service(_) => None,
        _ => ctx.house().membership(ctx, caller.account).await?,
    };
    let of_owner = match &of_caller {
        Some(place) if owner == caller.account => Some(place.clone()),
        None if owner == caller.account && caller.principal != Principal::Anonymous => None,
        _ => ctx.house().membership(ctx, owner).await?,
    };
    Ok(Places { caller: of_caller, owner: of_owner, owner_account: Some(owner) })
}

/// What is known about the resource, with the name its service bears in ARNs; looked for when a policy asks.
async fn find_facts(
    ctx: &Ctx,
    access: &Access,
    resource: &str,
    policies: &Policies<'_>,
) -> Result<Option<(String, ResourceFacts)>> {
    let service = resource.split(':').nth(2);
    let is_about_it = |key: &str| {
        let of_its_service = || key.split(':').next() == service;
        key == "aws:resourcetag" || (of_its_service() && access.find(key).is_none())
    };
    if !policies.ask_for(is_about_it) {
        return Ok(None);
    }
    let Ok(arn) = resource.parse::<Arn>() else { return Ok(None) };
    let service = arn.service.clone();
    Ok(ctx.house().resource_facts(ctx, arn).await?.map(|facts| (service, facts)))
}

/// Condition keys, found when a policy asks for them.
pub(crate) struct Facts<'a> {
    pub(crate) ctx: &'a Ctx,
    pub(crate) access: &'a Access,
    pub(crate) granted: &'a Granted,
    pub(crate) attached: &'a Attached,
    pub(crate) places: &'a Places,
    /// Of the resource, with the name of its service.
    pub(crate) about: Option<(String, ResourceFacts)>,
}

impl Context for Facts<'_> {
    fn find(&self, key: &str) -> Option<Values<'_>> {
        let caller = self.ctx.caller();
        let known = |name: &str| key.eq_ignore_ascii_case(name);
        let of_access = || self.access.find(key);
        let of_request = || self.access.tag_condition(key);
        let of_resource = || self.about.as_ref().and_then(|(service, facts)| facts.find(service, key));
        let of_both = || access::condition(&self.attached.conditions, key);
        let of_manner = || {
            let of_store = self.ctx.house().object_store_prefix(self.ctx.service())?;
            let name = access::after(key, of_store).and_then(|rest| rest.strip_prefix(':'))?;
            caller.manner.as_ref()?.find(name, self.ctx.now()).map(Values::from)
        };
        let of_call = of_access().or_else(of_both).or_else(of_request);
        if let Some(values) = of_call.or_else(of_resource).or_else(of_manner) {
            return Some(values);
        }
        let text = match () {
            () if known("aws:SourceIp") => caller.public_ip()?.to_string(),
            () if known("aws:SecureTransport") => caller.secure.to_string(),
            () if known("aws:ViaAWSService") => caller.via.is_some().to_string(),
            () if known("aws:CalledViaFirst") || known("aws:CalledViaLast") => caller.via_name()?,
            () if known("aws:CalledVia") => return Some(Values::Many(vec![caller.via_name()?].into())),
            () if known("aws:SourceArn") => caller.source.as_deref()?.to_owned(),
            () if known("aws:SourceAccount") => caller.source.as_ref().map(|_| caller.account)?.to_string(),
            () if known("aws:PrincipalIsAWSService") => caller.is_internal().to_string(),
            () if known("aws:UserAgent") => caller.user_agent().to_owned(),
            () if known("aws:Referer") => caller.manner.as_ref()?.referer.as_deref()?.to_owned(),
            () if known("aws:RequestedRegion") => self.ctx.region().to_string(),
            () if known("aws:EpochTime") => (self.ctx.now() / 1_000).to_string(),
            // The engine reads seconds since 1970 where it compares dates.
            () if known("aws:CurrentTime") => (self.ctx.now() / 1_000).to_string(),
            () => {
                let of_caller = principal::find(caller, self.granted, self.ctx.now(), key);
                return of_caller.or_else(|| self.places.find(key));
            }
        };
        Some(Values::from(text))
    }
}
