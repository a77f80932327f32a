//! Taking a role on with a SAML provider's assertion.

use api_sts::{AssumeRoleWithSAMLRequest, AssumeRoleWithSAMLResponse};
use kernel::{Ctx, Result, SamlProvider, SessionGrant};

use super::assume_role::{Passed, shown, taken_on};
use super::vouched::{Vouched, check_trust};
use super::{check_policies, identities, issue};
use crate::errors;
use crate::rules::saml_assertion::Assertion;
use crate::rules::{duration, narrowing, role_arn, saml_response, tags};

const ACTION: &str = "sts:AssumeRoleWithSAML";

pub(crate) async fn assume_role_with_saml(
    ctx: &Ctx,
    input: AssumeRoleWithSAMLRequest,
) -> Result<AssumeRoleWithSAMLResponse> {
    let arn = role_arn::check(&input.role_arn)?;
    let known = identities(ctx)?;
    let (provider_arn, name) = role_arn::check_saml_provider(&input.principal_arn)?;
    let provider = known.saml_provider(&provider_arn).await?.ok_or_else(errors::no_saml_provider)?;
    let assertion = believed(ctx, &provider, &input.saml_assertion)?;
    if !assertion.offers(&input.role_arn, &input.principal_arn) || arn.account != provider_arn.account {
        return Err(errors::may_not_with_a_word(ACTION));
    }
    let session_name = assertion.session_name()?;
    let passed = passed(&input, &assertion)?;
    let role = known.role(&arn).await?.ok_or_else(|| errors::may_not_with_a_word(ACTION))?;
    let conditions = assertion.conditions(&arn.account, name);
    let vouched = Vouched {
        provider: &provider.arn,
        action: ACTION,
        session_name: &session_name,
        conditions: &conditions,
    };
    check_trust(ctx, &role, &vouched, &passed)?;
    let lasts = duration::of_role(input.duration_seconds, role.session_s_max, false)?;
    let grant = taken_on(ctx, &role, &session_name, lasts, passed)?;
    let expires_at = grant.expires_at.min(assertion.session_until.unwrap_or(i64::MAX));
    let grant = SessionGrant { provider: Some(provider.arn), claims: conditions, expires_at, ..grant };
    check_policies(ctx, &grant).await?;
    let (credentials, packed_policy_size) = issue(ctx, &grant)?;
    Ok(AssumeRoleWithSAMLResponse {
        credentials: Some(credentials),
        assumed_role_user: shown(&grant),
        packed_policy_size,
        subject_type: assertion.subject_type(),
        name_qualifier: Some(assertion.name_qualifier(&arn.account, name)),
        subject: Some(assertion.subject),
        issuer: Some(assertion.issuer),
        audience: Some(assertion.recipient),
        source_identity: grant.source_identity,
    })
}

/// What the provider says, which is known to have said it, and meant it for here and now.
fn believed(ctx: &Ctx, provider: &SamlProvider, response: &str) -> Result<Assertion> {
    if provider.valid_until.is_some_and(|until| until <= ctx.now()) {
        return Err(errors::saml_provider_ended());
    }
    let assertion = saml_response::read(response, &provider.certificates)?;
    assertion.check(&provider.entity_id, ctx.now())?;
    Ok(assertion)
}

fn passed(input: &AssumeRoleWithSAMLRequest, assertion: &Assertion) -> Result<Passed> {
    let (told, handed_on) = assertion.session_tags()?;
    let (tags, transitive) = tags::inherit(tags::check_told(told)?, Some(&handed_on), None)?;
    Ok(Passed {
        policy: narrowing::check_policy(input.policy.clone())?,
        policy_arns: narrowing::check_arns(input.policy_arns.clone())?,
        tags,
        transitive,
        source_identity: assertion.source_identity()?,
    })
}
