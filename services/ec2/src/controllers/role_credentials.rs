//! The credentials instances get of their roles: the same for hours, and others well before they end (EC2 user guide,
//! "Retrieve security credentials from instance metadata").

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kernel::{Ctx, Issued, Millis, Result};

use crate::ops::instance_profile;
use crate::rules::imds_role::{self as rules, RoleFacts};
use crate::rules::instance_profile::name;
use crate::state::id::Id;
use crate::state::instance::{Instance, Profile};

/// Who takes the roles on.
const SERVICE: &str = "ec2.amazonaws.com";
/// How long credentials hold.
const LIFE_MS: Millis = 6 * 3_600_000;
/// Others are given when less than this is left: AWS promises five minutes, and SDKs ask from a quarter of an hour on.
const RENEW_MS: Millis = 3_600_000;

/// What was issued last, by instance. Not stored: after a restart instances get others, and both hold.
#[derive(Default)]
pub struct RoleCredentials(Mutex<HashMap<String, Held>>);

#[derive(Clone)]
struct Held {
    role_arn: String,
    issued: Issued,
    issued_at: Millis,
}

/// What the metadata service tells of the role of an instance that has this profile.
pub async fn facts(ctx: &Ctx, instance: &Instance, profile: &Profile) -> Result<RoleFacts> {
    let now = ctx.now();
    let Some(found) = ask(ctx, profile).await? else {
        return Ok(RoleFacts { info: rules::profile_gone(profile, now), credentials: None });
    };
    let info = rules::info(profile, now);
    let Some(role) = found.roles.into_iter().next() else {
        return Ok(RoleFacts { info, credentials: None });
    };
    let document = match credentials(ctx, instance, &role.arn).await? {
        Some(held) => rules::credentials(&held.issued, held.issued_at),
        None => rules::untrusted(&role.role_name, now),
    };
    Ok(RoleFacts { info, credentials: Some((role.role_name, document)) })
}

/// The profile as IAM knows it; `None` when it is gone, even where another has its name.
async fn ask(ctx: &Ctx, profile: &Profile) -> Result<Option<api_iam::InstanceProfile>> {
    let found = match name(&profile.arn) {
        Some(name) => instance_profile::ask(ctx, &name).await?,
        None => None,
    };
    Ok(found.filter(|found| found.instance_profile_id == profile.id))
}

/// At work as whoever has the credentials of an instance; `None` where it has no role that trusts EC2.
pub async fn in_role(ctx: &Ctx, instance: &Instance) -> Result<Option<Ctx>> {
    let Some(profile) = &instance.profile else { return Ok(None) };
    let found = ask(ctx, profile).await?;
    let Some(role) = found.and_then(|found| found.roles.into_iter().next()) else { return Ok(None) };
    ctx.in_role_by(SERVICE, &role.arn, instance.id.as_str(), LIFE_MS, &claims(ctx, instance)).await
}

/// The condition keys that sessions of instances bear.
fn claims(ctx: &Ctx, instance: &Instance) -> Vec<(String, String)> {
    vec![
        ("ec2:SourceInstanceARN".to_owned(), instance.arn(ctx.scope())),
        ("aws:Ec2InstanceSourceVpc".to_owned(), instance.vpc.to_string()),
        ("aws:Ec2InstanceSourcePrivateIPv4".to_owned(), instance.private_ip.to_string()),
    ]
}

/// `None` where the role does not trust EC2, or is gone.
async fn credentials(ctx: &Ctx, instance: &Instance, role_arn: &str) -> Result<Option<Held>> {
    let now = ctx.now();
    let kept = &ctx.own::<RoleCredentials>().0;
    let known = kept.lock().unwrap_or_else(PoisonError::into_inner).get(instance.id.as_str()).cloned();
    let fresh = |held: &Held| held.role_arn == role_arn && held.issued.expires_at - now > RENEW_MS;
    if let Some(held) = known.filter(fresh) {
        return Ok(Some(held));
    }
    let Some(issued) = ctx.take_on(role_arn, instance.id.as_str(), LIFE_MS, claims(ctx, instance)).await?
    else {
        return Ok(None);
    };
    let held = Held { role_arn: role_arn.to_owned(), issued, issued_at: now };
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    // As many as there are instances; those of others that ended go with time.
    kept.retain(|_, held| held.issued.expires_at > now);
    kept.insert(instance.id.to_string(), held.clone());
    Ok(Some(held))
}

/// Forgets everything, as the house does.
pub async fn forget_all(ctx: &Ctx) -> Result<()> {
    ctx.own::<RoleCredentials>().0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    Ok(())
}
