//! Taking a role on: its trust policy decides, and what the caller was granted.

use api_sts::{AssumeRoleRequest, AssumeRoleResponse, AssumedRoleUser};
use kernel::{Access, Ctx, Result, Role, Scope, SessionGrant, SessionOf, trust};

use super::{check_policies, identities, issue, take_mfa};
use crate::errors;
use crate::rules::{duration, narrowing, role_arn, tags};

/// What the caller must be allowed to do. With a code of an MFA device it is asked once that was looked at.
pub(crate) fn access(_: &Scope, input: &AssumeRoleRequest) -> Result<Access> {
    role_arn::check(&input.role_arn)?;
    if input.serial_number.is_some() || input.token_code.is_some() {
        return Ok(Access::free());
    }
    Ok(wanted(input))
}

fn wanted(input: &AssumeRoleRequest) -> Access {
    let mut access = Access::on(&input.role_arn)
        .condition("sts:RoleSessionName", [input.role_session_name.clone()])
        .request_tags(tags::pairs(input.tags.as_deref()));
    if let Some(id) = &input.external_id {
        access = access.condition("sts:ExternalId", [id.clone()]);
    }
    if let Some(identity) = &input.source_identity {
        access = access.condition("sts:SourceIdentity", [identity.clone()]);
    }
    if let Some(keys) = &input.transitive_tag_keys {
        access = access.condition("sts:TransitiveTagKeys", keys.iter().cloned());
    }
    let naming = Access { also: Vec::new(), ..access.clone() }.action("sts:SetSourceIdentity");
    let access = access.also_to_tag("sts:TagSession");
    if input.source_identity.is_some() { access.also(naming) } else { access }
}

pub(crate) async fn assume_role(ctx: &Ctx, input: AssumeRoleRequest) -> Result<AssumeRoleResponse> {
    let arn = role_arn::check(&input.role_arn)?;
    let before = ctx.caller().session.as_ref().map(|session| &session.grant);
    let grant = checked(&input, before)?;
    if take_mfa(ctx, input.serial_number.as_deref(), input.token_code.as_deref()).await?.is_some() {
        let access = with_mfa(wanted(&input));
        ctx.authorize("sts:AssumeRole", &access).await?;
    }
    let inherited = before.and_then(|before| before.source_identity.as_ref());
    if let Some(identity) = inherited.filter(|_| input.source_identity.is_none()) {
        let access = Access::on(&input.role_arn).condition("sts:SourceIdentity", [identity.clone()]);
        ctx.authorize("sts:SetSourceIdentity", &access).await?;
    }
    let role = identities(ctx)?.role(&arn).await?;
    let role = role.ok_or_else(|| errors::may_not_assume(&ctx.caller().arn(), &input.role_arn))?;
    let is_chained = before.is_some_and(|before| matches!(before.of, SessionOf::Role { .. }));
    let lasts = duration::of_role(input.duration_seconds, role.session_s_max, is_chained)?;
    let grant = taken_on(ctx, &role, &input.role_session_name, lasts, grant)?;
    check_policies(ctx, &grant).await?;
    let (credentials, packed_policy_size) = issue(ctx, &grant)?;
    Ok(AssumeRoleResponse {
        credentials: Some(credentials),
        assumed_role_user: shown(&grant),
        packed_policy_size,
        source_identity: grant.source_identity,
    })
}

/// What was passed and inherited; whose session it is comes later.
fn checked(input: &AssumeRoleRequest, before: Option<&SessionGrant>) -> Result<Passed> {
    let passed = tags::check(input.tags.clone())?;
    let (tags, transitive) = tags::inherit(passed, input.transitive_tag_keys.as_deref(), before)?;
    let inherited = before.and_then(|before| before.source_identity.clone());
    let source_identity = match (inherited, input.source_identity.clone()) {
        (Some(inherited), Some(named)) if inherited != named => return Err(errors::source_identity_stays()),
        (inherited, named) => inherited.or(named),
    };
    Ok(Passed {
        policy: narrowing::check_policy(input.policy.clone())?,
        policy_arns: narrowing::check_arns(input.policy_arns.clone())?,
        tags,
        transitive,
        source_identity,
    })
}

/// What narrows and describes a session.
pub(super) struct Passed {
    pub(super) policy: Option<String>,
    pub(super) policy_arns: Vec<String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) transitive: Vec<String>,
    pub(super) source_identity: Option<String>,
}

/// The session of a role that begins now. `lasts` is in seconds.
pub(super) fn taken_on(
    ctx: &Ctx,
    role: &Role,
    name: &str,
    lasts: i32,
    passed: Passed,
) -> Result<SessionGrant> {
    let until = ctx.now() + i64::from(lasts) * 1_000;
    let plain = trust::role_session(role, name, ctx.now(), until);
    let Passed { policy, policy_arns, tags, transitive, source_identity } = passed;
    let plain = plain.ok_or_else(|| errors::bad_arn(&role.arn))?;
    Ok(SessionGrant { policy, policy_arns, tags, transitive, source_identity, ..plain })
}

pub(super) fn shown(grant: &SessionGrant) -> Option<AssumedRoleUser> {
    let SessionOf::Role { arn, unique_id, .. } = &grant.of else { return None };
    Some(AssumedRoleUser { assumed_role_id: unique_id.clone(), arn: arn.clone() })
}

/// A code was given for this very call.
fn with_mfa(access: Access) -> Access {
    let also = access.also.iter().cloned().map(with_mfa).collect();
    Access { also, ..access }
        .condition("aws:MultiFactorAuthPresent", ["true".to_owned()])
        .condition("aws:MultiFactorAuthAge", ["0".to_owned()])
}
