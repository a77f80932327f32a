//! What the house and other services ask about identities, answered from the directory.

use std::sync::Arc;

use kernel::authorize::{Asked, Attached, Granted};
use kernel::{
    AccountId, Arn, BoxFuture, Ctx, Identities, Kind as Sort, OidcProvider, Principal, Result, Role,
    SamlProvider, Session, SessionOf,
};
use policy::{Policy, Weight};

use super::directory::{self, Applied, change, managed_policy, named_by, policies_of_named};
use super::identity::{self, Kind};
use super::mfa_device::{self, MfaDevice};
use super::{administrator, home_of, oidc_provider, saml_provider, seal, trusted};
use crate::rules::{saml_metadata, totp};

/// Made of a context of this service.
pub struct Keeper(pub Ctx);

impl Identities for Keeper {
    fn granted<'a>(
        &'a self,
        principal: &'a Principal,
        session: Option<&'a Session>,
    ) -> BoxFuture<'a, Result<Option<Granted>>> {
        Box::pin(async move {
            let found = match session.map(|session| &session.grant.of) {
                Some(SessionOf::Federated { parent: None, .. }) => Some(Granted::default()),
                Some(SessionOf::Federated { parent: Some(parent), .. }) => {
                    let (arn, unique_id) = (parent.arn.as_str().into(), parent.unique_id.as_str().into());
                    let parent = self.policies(&Principal::Identity { arn, unique_id }).await?;
                    parent.map(|parent| Granted { is_nameless: true, ..parent })
                }
                Some(SessionOf::Root) => Some(Granted::default()),
                _ => self.policies(principal).await?,
            };
            let Some(found) = found else { return Ok(None) };
            let session = match session.filter(|session| session.grant.is_narrowed()) {
                Some(session) => Some(self.passed(session).await?),
                None => None,
            };
            Ok(Some(Granted { session, ..found }))
        })
    }

    fn role<'a>(&'a self, arn: &'a Arn) -> BoxFuture<'a, Result<Option<Role>>> {
        Box::pin(async move { Ok(find_role(&self.0, arn).await?.and_then(|role| shown_role(arn, &role))) })
    }

    fn id<'a>(&'a self, arn: &'a Arn) -> BoxFuture<'a, Result<Option<String>>> {
        let ctx = &self.0;
        Box::pin(ctx.read(|snap| trusted::id(snap, ctx.partition(), arn)))
    }

    fn arn<'a>(&'a self, was: &'a Arn, id: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        let ctx = &self.0;
        Box::pin(ctx.read(move |snap| trusted::arn(snap, ctx.partition(), was, id)))
    }

    fn has_administrator<'a>(&'a self, account: AccountId) -> BoxFuture<'a, Result<bool>> {
        Box::pin(administrator::exists(&self.0, account))
    }

    fn knows_policy<'a>(&'a self, account: AccountId, arn: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let found = managed_policy(&self.0, &home_of(account, self.0.partition()), arn).await;
            match found {
                Ok(found) => Ok(found.is_some()),
                // What is no ARN names none.
                Err(refusal) if refusal.kind() == Sort::Invalid => Ok(false),
                Err(failure) => Err(failure),
            }
        })
    }

    fn oidc_provider<'a>(
        &'a self,
        account: AccountId,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Option<OidcProvider>>> {
        Box::pin(async move {
            let home = home_of(account, self.0.partition());
            let found = self.0.read(|snap| oidc_provider::find(snap, &home, url)).await?;
            Ok(found.map(|found| OidcProvider {
                arn: found.arn(&home),
                clients: found.clients,
                thumbprints: found.thumbprints,
            }))
        })
    }

    fn saml_provider<'a>(&'a self, arn: &'a Arn) -> BoxFuture<'a, Result<Option<SamlProvider>>> {
        Box::pin(async move {
            let Ok(account) = arn.account.parse() else { return Ok(None) };
            let (home, text) = (home_of(account, self.0.partition()), arn.to_string());
            if !arn.resource.starts_with("saml-provider/") {
                return Ok(None);
            }
            let found = self.0.read(|snap| saml_provider::find(snap, &home, &text)).await?;
            let Some(found) = found else { return Ok(None) };
            let told = saml_metadata::read(&found.metadata)?;
            Ok(Some(SamlProvider {
                arn: text,
                entity_id: told.entity_id,
                certificates: told.certificates,
                valid_until: told.valid_until,
            }))
        })
    }

    fn check_mfa<'a>(&'a self, user: &'a str, serial: &'a str, code: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(check_mfa(&self.0, user, serial, code))
    }
}

impl Keeper {
    async fn policies(&self, principal: &Principal) -> Result<Option<Granted>> {
        let applied = directory::policies_of(&self.0, principal).await?;
        Ok(applied.map(|applied| Granted { own: Some(applied.grants.clone()), ..Granted::default() }))
    }

    /// The policies passed when a session was made. A managed one that is gone allows nothing any more.
    async fn passed(&self, session: &Session) -> Result<Vec<Arc<Policy>>> {
        let home = home_of(session.grant.account, self.0.partition());
        let mut policies: Vec<Arc<Policy>> = session.policy.iter().cloned().collect();
        for arn in &session.grant.policy_arns {
            policies.extend(managed_policy(&self.0, &home, arn).await?);
        }
        Ok(policies)
    }
}

async fn find_role(ctx: &Ctx, arn: &Arn) -> Result<Option<Arc<Applied>>> {
    let (Some((Kind::Role, name)), Ok(account)) = (named_by(arn), arn.account.parse()) else {
        return Ok(None);
    };
    let found = policies_of_named(ctx, &home_of(account, ctx.partition()), Kind::Role, name).await?;
    Ok(found.filter(|role| role.arn == arn.to_string()))
}

fn shown_role(arn: &Arn, role: &Applied) -> Option<Role> {
    Some(Role {
        arn: role.arn.clone(),
        id: role.id.clone(),
        name: role.name.clone(),
        session_s_max: role.session_s_max,
        tags: role.grants.tags.clone(),
        trust: role.trust.clone()?,
        session_arns: format!("arn:{}:sts::{}:assumed-role/{}/", arn.partition, arn.account, role.name),
        take_on_action: "sts:AssumeRole",
    })
}

/// Who wants to take a role on is decided by its trust policy, as well as by their own.
pub fn attached(ctx: Ctx, asked: Asked<'_>) -> BoxFuture<'_, Result<Attached>> {
    Box::pin(async move {
        if !asked.action.starts_with("sts:") {
            return Ok(Attached::default());
        }
        let policy = find_role(&ctx, &asked.arn).await?.and_then(|role| role.trust.clone());
        Ok(Attached { policy, weight: Weight::Trust, ..Attached::default() })
    })
}

/// Takes a code of a user's device, so that it serves no other time.
async fn check_mfa(ctx: &Ctx, user: &str, serial: &str, code: &str) -> Result<bool> {
    let Ok(arn) = user.parse::<Arn>() else { return Ok(false) };
    let (Some((Kind::User, name)), Ok(account)) = (named_by(&arn), arn.account.parse()) else {
        return Ok(false);
    };
    let home = home_of(account, ctx.partition());
    let (name, serial, code) = (name.to_owned(), serial.to_owned(), code.to_owned());
    change(ctx, move |tx| {
        let user = identity::find(tx, &home, Kind::User, &name)?;
        if !user.is_some_and(|user| user.mfa_devices.contains(&serial)) {
            return Ok(false);
        }
        let device = mfa_device::get(tx, &home, &serial)?;
        let seed = seal::open(tx.ctx(), &device.serial, &device.sealed_seed)?;
        let Some(last_step) = totp::match_one(&seed, tx.ctx().now(), device.last_step, &code) else {
            return Ok(false);
        };
        mfa_device::put(tx, &home, &MfaDevice { last_step, ..device }).map(|()| true)
    })
    .await
}
