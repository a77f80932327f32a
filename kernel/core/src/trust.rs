//! Taking on a role by those who have no account to ask from: services, and who a provider vouches for.

use std::sync::Arc;

use policy::{Context, Policies, Request, Values, Weight, Who, decide, explain};

use crate::access::Access;
use crate::audit::{Decided, Judged};
use crate::authorize::{Attached, Facts, Granted};
use crate::caller::Caller;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::identities::Role;
use crate::membership::Places;
use crate::principal;
use crate::ruling::Ruling;
use crate::sessions::{Issued, Session, SessionGrant, SessionOf};
use crate::{Arn, Millis};

/// Condition keys of a provider, then those of the call.
struct Claims<'a> {
    claims: &'a [(String, String)],
    facts: Facts<'a>,
}

impl Context for Claims<'_> {
    fn find(&self, key: &str) -> Option<Values<'_>> {
        principal::claim(self.claims, key).or_else(|| self.facts.find(key))
    }
}

/// Whether a role's trust policy lets a service, or somebody vouched for, take it on. `claims` are condition keys. What
/// is decided goes on record.
pub fn is_trusted(
    ctx: &Ctx,
    role: &Role,
    who: Who<'_>,
    action: &str,
    access: &Access,
    claims: &[(String, String)],
) -> bool {
    let (granted, attached, places) = (Granted::default(), Attached::default(), Places::default());
    let facts = Facts { ctx, access, granted: &granted, attached: &attached, places: &places, about: None };
    let context = Claims { claims, facts };
    let request = Request { who, action, resource: &role.arn, owner: None, context: &context };
    let policies = Policies { resource: Some(&role.trust), weight: Weight::Trust, ..Policies::default() };
    let decision = decide(&request, &policies);
    let ruling = match decision.is_allowed() {
        true => Ruling::new(action, &role.arn, &decision, decision.by.as_slice(), &policies),
        false => Ruling::new(action, &role.arn, &decision, &explain(&request, &policies).1, &policies),
    };
    put_on_record(ctx, who, ruling, decision.is_allowed());
    decision.is_allowed()
}

/// What is decided for a caller is on the record of the call; a service that acts by itself has a record of its own.
fn put_on_record(ctx: &Ctx, who: Who<'_>, ruling: Ruling, is_allowed: bool) {
    let decision = if is_allowed { Decided::Allowed } else { Decided::Denied };
    let service = match who {
        Who::Service { name } => Some(name),
        _ => None,
    };
    let mut of_call = ctx.slot().judged();
    if let Some(judged) = of_call.as_mut().filter(|_| service.is_none()) {
        if !is_allowed {
            judged.decision = decision;
            ctx.slot().note_denial();
        }
        if !judged.resources.contains(&ruling.resource) {
            judged.resources.push(ruling.resource.clone());
        }
        judged.rulings.push(ruling);
        return;
    }
    drop(of_call);
    let (action, resources) = (ruling.action.clone().into(), vec![ruling.resource.clone()]);
    ctx.house().audit().keep(ctx, &Judged { action, resources, decision, rulings: vec![ruling] }, service);
}

/// A session of a role, plain: nothing narrows it. `None` when the role's ARN names no account.
pub fn role_session(role: &Role, name: &str, from: Millis, until: Millis) -> Option<SessionGrant> {
    let arn: Arn = role.arn.parse().ok()?;
    let of = SessionOf::Role {
        arn: format!("{}{name}", role.session_arns),
        unique_id: format!("{}:{name}", role.id),
        role_arn: role.arn.clone(),
    };
    Some(SessionGrant::new(arn.account.parse().ok()?, of, from, until))
}

impl Ctx {
    /// Credentials of a role for this service to use or to hand on, where the role trusts it; `None` where it does not,
    /// or is gone. The session is called `name` and lasts `for_ms`, whatever the role's own maximum; `claims` are condition
    /// keys it bears.
    ///
    /// # Errors
    /// When the identities cannot be read.
    pub async fn take_on(
        &self,
        role_arn: &str,
        name: &str,
        for_ms: Millis,
        claims: Vec<(String, String)>,
    ) -> Result<Option<Issued>> {
        let grant = self.grant_of(&self.principal_name(), role_arn, name, for_ms, &claims).await?;
        grant.map(|grant| self.house().issue_session(&SessionGrant { claims, ..grant })).transpose()
    }

    /// This service at work in a role that trusts it: calls and questions to the gate are the role's from here on. `None`
    /// where the role does not trust it, or is gone.
    ///
    /// # Errors
    /// When the identities cannot be read.
    pub async fn in_role(&self, role_arn: &str, name: &str, for_ms: Millis) -> Result<Option<Self>> {
        self.in_role_by(&self.principal_name(), role_arn, name, for_ms, &[]).await
    }

    /// The same by another name that this service goes by (`vmie.amazonaws.com`), with condition keys for the role's trust
    /// policy.
    ///
    /// # Errors
    /// As [`Ctx::in_role`].
    pub async fn in_role_by(
        &self,
        principal: &str,
        role_arn: &str,
        name: &str,
        for_ms: Millis,
        claims: &[(String, String)],
    ) -> Result<Option<Self>> {
        let grant = self.grant_of(principal, role_arn, name, for_ms, claims).await?;
        let Some(session) = grant.and_then(Session::new) else { return Ok(None) };
        let (account, principal) = (session.grant.account, session.principal.clone());
        let service = Caller::service(self.service(), account);
        Ok(Some(self.as_caller(Caller { principal, session: Some(Arc::new(session)), ..service })))
    }

    /// What this service is called where roles trust it.
    fn principal_name(&self) -> String {
        format!("{}.amazonaws.com", self.house().action_prefix(self.service()))
    }

    /// The session of a role that trusts a service.
    async fn grant_of(
        &self,
        service: &str,
        role_arn: &str,
        name: &str,
        for_ms: Millis,
        claims: &[(String, String)],
    ) -> Result<Option<SessionGrant>> {
        let (Ok(arn), Some(identities)) = (role_arn.parse(), self.house().identities(self.region())) else {
            return Ok(None);
        };
        let Some(role) = identities.role(&arn).await? else { return Ok(None) };
        let who = Who::Service { name: service };
        if !is_trusted(self, &role, who, role.take_on_action, &Access::any(), claims) {
            return Ok(None);
        }
        Ok(role_session(&role, name, self.now(), self.now() + for_ms))
    }
}
