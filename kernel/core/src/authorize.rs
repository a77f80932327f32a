//! Who may do what: the policies that apply to a call, put to the policy engine.
//!
//! The root of an account may do everything in its own account unless a resource's policy denies it, and in another
//! account what a resource's policy there lets it. Services of the house act for the account they serve.

use std::sync::Arc;

use policy::{Context, Policies, Policy, Request, Values, Who, decide, denial_message};

use crate::BoxFuture;
use crate::access::Access;
use crate::arn::Arn;
use crate::caller::Principal;
use crate::ctx::Ctx;
use crate::error::{Error, Kind, Result};
use crate::gate::Authorizer;

/// Finds the policy attached to a resource; declared by its service ([`crate::ServiceBuilder::resource_policy`]).
pub(crate) type ResourcePolicy =
    Box<dyn Fn(Ctx, Arn) -> BoxFuture<'static, Result<Option<Arc<Policy>>>> + Send + Sync>;

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
            for resource in &access.resources {
                authorize_one(ctx, action, access, resource).await?;
            }
            Ok(())
        })
    }
}

async fn authorize_one(ctx: &Ctx, action: &str, access: &Access, resource: &str) -> Result<()> {
    let arn = resource.parse::<Arn>().ok();
    let owner = arn.as_ref().map(|arn| arn.account.clone()).filter(|account| !account.is_empty());
    let own = owner.as_ref().is_none_or(|owner| *owner == ctx.account_text());
    let attached = match arn {
        Some(arn) => ctx.house().resource_policy(ctx, arn).await?,
        None => None,
    };
    match ctx.caller().principal {
        Principal::Service(_) => return Ok(()),
        Principal::Root if own && attached.is_none() => return Ok(()),
        _ => {}
    }
    let account = ctx.account_text();
    let asked = Request {
        who: who(&ctx.caller().principal, &account),
        action,
        resource,
        owner: owner.as_deref(),
        context: &Facts { ctx, access },
    };
    let policies = Policies { resource: attached.as_deref(), ..Policies::default() };
    let decision = decide(&asked, &policies);
    if decision.is_allowed() {
        return Ok(());
    }
    let message = denial_message(&ctx.caller().arn(), action, resource, &decision);
    Err(Error::new(Kind::Denied, "AccessDenied", message))
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
}

impl Context for Facts<'_> {
    fn find(&self, key: &str) -> Option<Values<'_>> {
        let caller = self.ctx.caller();
        let known = |name: &str| key.eq_ignore_ascii_case(name);
        let anonymous = matches!(caller.principal, Principal::Anonymous);
        if let Some((_, values)) = self.access.conditions.iter().find(|(name, _)| known(name)) {
            return Some(match values.as_slice() {
                [value] => Values::from(value.as_str()),
                several => Values::from(several),
            });
        }
        let text = match () {
            () if known("aws:SourceIp") => caller.source_ip?.to_string(),
            () if known("aws:SecureTransport") => caller.secure.to_string(),
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
