//! Taking a role on with a provider's token.

use api_sts::{AssumeRoleWithWebIdentityRequest, AssumeRoleWithWebIdentityResponse};
use kernel::{Ctx, Result, SessionGrant};

use super::assume_role::{Passed, shown, taken_on};
use super::vouched::{Vouched, check_trust};
use super::{check_policies, identities, issue};
use crate::errors;
use crate::rules::identity_token::{self, Claims, candidates};
use crate::rules::{duration, narrowing, role_arn, tags};
use crate::state::provider_keys::keys_for;

const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

pub(crate) async fn assume_role_with_web_identity(
    ctx: &Ctx,
    input: AssumeRoleWithWebIdentityRequest,
) -> Result<AssumeRoleWithWebIdentityResponse> {
    let arn = role_arn::check(&input.role_arn)?;
    let unverified = identity_token::read(&input.web_identity_token)?;
    let known = identities(ctx)?;
    let account = arn.account.parse().map_err(|_| errors::bad_arn(&input.role_arn))?;
    let missing = || errors::no_provider(&unverified.issuer);
    let url = unverified.issuer.strip_prefix("https://").ok_or_else(missing)?;
    let provider = known.oidc_provider(account, url).await?.ok_or_else(missing)?;
    let keys = keys_for(ctx, &unverified, &provider.thumbprints).await?;
    let keys = candidates(&unverified, &keys);
    let claims = identity_token::verify(&input.web_identity_token, &unverified, &keys)?;
    let subject = claims.check(&provider.clients, ctx.now())?;
    let role = known.role(&arn).await?.ok_or_else(|| errors::may_not_with_a_word(ACTION))?;
    let passed = passed(&input, &claims)?;
    let conditions = claims.conditions(url);
    let vouched = Vouched {
        provider: &provider.arn,
        action: ACTION,
        session_name: &input.role_session_name,
        conditions: &conditions,
    };
    check_trust(ctx, &role, &vouched, &passed)?;
    let lasts = duration::of_role(input.duration_seconds, role.session_s_max, false)?;
    let grant = taken_on(ctx, &role, &input.role_session_name, lasts, passed)?;
    let grant = SessionGrant { provider: Some(provider.arn.clone()), claims: conditions, ..grant };
    check_policies(ctx, &grant).await?;
    let (credentials, packed_policy_size) = issue(ctx, &grant)?;
    Ok(AssumeRoleWithWebIdentityResponse {
        credentials: Some(credentials),
        subject_from_web_identity_token: Some(subject),
        assumed_role_user: shown(&grant),
        packed_policy_size,
        provider: Some(provider.arn),
        audience: claims.audience(),
        source_identity: grant.source_identity,
    })
}

fn passed(input: &AssumeRoleWithWebIdentityRequest, claims: &Claims) -> Result<Passed> {
    let (told, handed_on) = claims.session_tags()?;
    let (tags, transitive) = tags::inherit(tags::check_told(told)?, Some(&handed_on), None)?;
    Ok(Passed {
        policy: narrowing::check_policy(input.policy.clone())?,
        policy_arns: narrowing::check_arns(input.policy_arns.clone())?,
        tags,
        transitive,
        source_identity: claims.source_identity.clone(),
    })
}
