//! Who may do what: the policies that apply to a call, put to the policy engine.
//!
//! The root of an account may do everything in its own account unless a resource's policy denies it, and in another
//! account what a resource's policy there lets it. Services of the house act for the account they serve.

use std::sync::Arc;

use policy::{Context, Policies, Policy, Request, Values, Weight, Who, decide, denial_message};

use crate::BoxFuture;
use crate::access::{self, Access, Conditions, ResourceFacts};
use crate::arn::Arn;
use crate::caller::{Caller, Principal};
use crate::ctx::Ctx;
use crate::error::{Error, Kind, Result};
use crate::gate::Authorizer;

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
}

/// Finds what policies ask about a resource; declared by its service ([`crate::ServiceBuilder::resource_facts`]).
pub(crate) type FindResourceFacts =
    Box<dyn Fn(Ctx, Arn) -> BoxFuture<'static, Result<Option<ResourceFacts>>> + Send + Sync>;

/// The policies of a user or a role's session, and what conditions may ask about them.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// Of itself and, for a user, of its groups.
    pub identity: Vec<Arc<Policy>>,
    pub boundary: Option<Arc<Policy>>,
    /// A user's name: `aws:username`.
    pub user_name: Option<String>,
    /// `aws:PrincipalTag/…`
    pub tags: Vec<(String, String)>,
}

/// Finds what a principal was granted; declared by the service that keeps identities
/// ([`crate::ServiceBuilder::identity_policies`]). `None` when it is gone.
pub(crate) type IdentityPolicies =
    Box<dyn Fn(Ctx, Principal) -> BoxFuture<'static, Result<Option<Granted>>> + Send + Sync>;

/// Decides by policies.
#[derive(Debug, Default)]
pub struct ByPolicies;

impl Authorizer for ByPolicies {
    fn authorize<'a>(
        &'a self,
        ctx: &'a Ctx,
        action: &'a str,
        access: &'a Access,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if access.resources.is_empty() && ctx.caller().principal == Principal::Anonymous {
                return authorize_one(ctx, action, access, &Granted::default(), "*").await;
            }
            let granted = match &ctx.caller().principal {
                Principal::Identity { .. } => ctx.house().granted(ctx).await?.unwrap_or_default(),
                Principal::Root | Principal::Service(_) | Principal::Anonymous => Granted::default(),
            };
            for access in access.each() {
                let action = access.action.unwrap_or(action);
                for resource in &access.resources {
                    authorize_one(ctx, action, access, &granted, resource).await?;
                }
            }
            Ok(())
        })
    }
}

async fn authorize_one(
    ctx: &Ctx,
    action: &str,
    access: &Access,
    granted: &Granted,
    resource: &str,
) -> Result<()> {
    let arn = resource.parse::<Arn>().ok();
    let owner = arn.as_ref().map(|arn| arn.account.clone()).filter(|account| !account.is_empty());
    let own = owner.as_ref().is_none_or(|owner| *owner == ctx.account_text());
    if matches!(ctx.caller().principal, Principal::Service(_)) {
        return Ok(());
    }
    let attached = match arn.clone() {
        Some(arn) => ctx.house().attached(ctx, Asked { arn, action, access, caller: ctx.caller() }).await?,
        None => Attached::default(),
    };
    if ctx.caller().principal == Principal::Root && own && attached.policy.is_none() {
        return Ok(());
    }
    let resource = attached.arn.as_deref().unwrap_or(resource);
    let account = ctx.account_text();
    let policies = Policies {
        resource: attached.policy.as_deref(),
        grants: &attached.grants,
        weight: attached.weight,
        identity: &granted.identity,
        boundary: granted.boundary.as_deref(),
        ..Policies::default()
    };
    let about = find_facts(ctx, access, arn, &policies).await?;
    let asked = Request {
        who: who(&ctx.caller().principal, &account),
        action,
        resource,
        owner: owner.as_deref(),
        context: &Facts { ctx, access, granted, attached: &attached, about },
    };
    let decision = decide(&asked, &policies);
    if decision.is_allowed() {
        return Ok(());
    }
    let message = denial_message(&ctx.caller().arn(), action, resource, &decision);
    Err(Error::new(Kind::Denied, ctx.house().denied_code(ctx.service()), message))
}

/// What is known about the resource, with the name its service bears in ARNs; looked for when a policy asks.
async fn find_facts(
    ctx: &Ctx,
    access: &Access,
    arn: Option<Arn>,
    policies: &Policies<'_>,
) -> Result<Option<(String, ResourceFacts)>> {
    let Some(arn) = arn else { return Ok(None) };
    let is_about_it = |key: &str| {
        let of_its_service = || key.split(':').next() == Some(&arn.service);
        key == "aws:resourcetag" || (of_its_service() && access::condition(&access.conditions, key).is_none())
    };
    if !policies.ask_for(is_about_it) {
        return Ok(None);
    }
    let service = arn.service.clone();
    Ok(ctx.house().resource_facts(ctx, arn).await?.map(|facts| (service, facts)))
}

fn who<'a>(principal: &'a Principal, account: &'a str) -> Who<'a> {
    match principal {
        Principal::Root => Who::Root { account },
        Principal::Service(name) => Who::Service { name },
        Principal::Identity { arn, unique_id } => Who::User { account, arn, id: unique_id },
        Principal::Anonymous => Who::Anonymous,
    }
}

/// Condition keys, found when a policy asks for them.
struct Facts<'a> {
    ctx: &'a Ctx,
    access: &'a Access,
    granted: &'a Granted,
    attached: &'a Attached,
    /// Of the resource, with the name of its service.
    about: Option<(String, ResourceFacts)>,
}

impl Context for Facts<'_> {
    fn find(&self, key: &str) -> Option<Values<'_>> {
        let caller = self.ctx.caller();
        let known = |name: &str| key.eq_ignore_ascii_case(name);
        let anonymous = matches!(caller.principal, Principal::Anonymous);
        let of_access = || access::condition(&self.access.conditions, key);
        let of_request = || self.access.tag_condition(key);
        let of_resource = || self.about.as_ref().and_then(|(service, facts)| facts.find(service, key));
        let of_both = || access::condition(&self.attached.conditions, key);
        if let Some(values) = of_access().or_else(of_both).or_else(of_request).or_else(of_resource) {
            return Some(values);
        }
        if let Some(tag) =
            key.split_once('/').filter(|(before, _)| before.eq_ignore_ascii_case("aws:PrincipalTag"))
        {
            let found = self.granted.tags.iter().find(|(name, _)| name == tag.1);
            return found.map(|(_, value)| Values::from(value.as_str()));
        }
        let text = match () {
            () if known("aws:username") => self.granted.user_name.clone()?,
            () if known("aws:SourceIp") => caller.source_ip?.to_string(),
            () if known("aws:SecureTransport") => caller.secure.to_string(),
            () if known("aws:ViaAWSService") => caller.via.is_some().to_string(),
            () if known("aws:CalledViaFirst") || known("aws:CalledViaLast") => caller.via_name()?,
            () if known("aws:CalledVia") => return Some(Values::Many(vec![caller.via_name()?].into())),
            () if known("aws:UserAgent") => caller.user_agent.to_string(),
            () if known("aws:RequestedRegion") => self.ctx.region().to_string(),
            () if known("aws:EpochTime") => (self.ctx.now() / 1_000).to_string(),
            // The engine reads seconds since 1970 where it compares dates.
            () if known("aws:CurrentTime") => (self.ctx.now() / 1_000).to_string(),
            () if known("aws:PrincipalAccount") && !anonymous => caller.account.to_string(),
            () if known("aws:PrincipalArn") && !anonymous => caller.arn(),
            () if known("aws:PrincipalType") => match &caller.principal {
                Principal::Root => "Account".to_owned(),
                Principal::Identity { .. } => "User".to_owned(),
                Principal::Anonymous => "Anonymous".to_owned(),
                Principal::Service(_) => return None,
            },
            () if known("aws:userid") => match &caller.principal {
                Principal::Root => caller.account.to_string(),
                Principal::Identity { unique_id, .. } => unique_id.to_string(),
                Principal::Anonymous => "anonymous".to_owned(),
                Principal::Service(_) => return None,
            },
            () => return None,
        };
        Some(Values::from(text))
    }
}
