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
            for resource in &access.resources {
                authorize_one(ctx, action, access, &granted, resource).await?;
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
        context: &Facts { ctx, access, granted },
    };
    let policies = Policies {
        resource: attached.as_deref(),
        identity: &granted.identity,
        boundary: granted.boundary.as_deref(),
        ..Policies::default()
    };
    let decision = decide(&asked, &policies);
    if decision.is_allowed() {
        return Ok(());
    }
    let message = denial_message(&ctx.caller().arn(), action, resource, &decision);
    Err(Error::new(Kind::Denied, ctx.house().denied_code(ctx.service()), message))
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
