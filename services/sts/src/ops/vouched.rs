//! Taking a role on with a provider's word: the trust policy alone decides, since who asks has no account whose policies
//! could.

use kernel::{Access, Ctx, Result, Role, trust};
use policy::Who;

use super::assume_role::Passed;
use crate::errors;

/// What a provider vouches for.
pub(super) struct Vouched<'a> {
    /// The provider's ARN.
    pub(super) provider: &'a str,
    /// `sts:AssumeRoleWith…`
    pub(super) action: &'static str,
    pub(super) session_name: &'a str,
    /// Condition keys that come of it.
    pub(super) conditions: &'a [(String, String)],
}

/// # Errors
/// When the role does not trust the provider so far.
pub(super) fn check_trust(ctx: &Ctx, role: &Role, vouched: &Vouched<'_>, passed: &Passed) -> Result<()> {
    let who = Who::External { provider: vouched.provider };
    let tags = passed.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let mut access = Access::on(&role.arn)
        .condition("sts:RoleSessionName", [vouched.session_name.to_owned()])
        .request_tags(tags);
    if let Some(identity) = &passed.source_identity {
        access = access.condition("sts:SourceIdentity", [identity.clone()]);
    }
    if !passed.transitive.is_empty() {
        access = access.condition("sts:TransitiveTagKeys", passed.transitive.iter().cloned());
    }
    let wanted = [
        (true, vouched.action),
        (!passed.tags.is_empty(), "sts:TagSession"),
        (passed.source_identity.is_some(), "sts:SetSourceIdentity"),
    ];
    for (_, action) in wanted.into_iter().filter(|(is_wanted, _)| *is_wanted) {
        if !trust::is_trusted(ctx, role, who, action, &access, vouched.conditions) {
            return Err(errors::may_not_with_a_word(action));
        }
    }
    Ok(())
}
