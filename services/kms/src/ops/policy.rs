//! Key policies: kept and shown.

use api_kms::{
    GetKeyPolicyRequest, GetKeyPolicyResponse, ListKeyPoliciesRequest, ListKeyPoliciesResponse,
    PutKeyPolicyRequest,
};
use kernel::{Ctx, ResourcePolicy, Result};

use super::{find_by_id, open_marker};
use crate::errors;
use crate::rules::key::check_customers;
use crate::rules::policy as rules;
use crate::state::key;

/// A policy to be stored, with the ids of whom it names. Refuses what is no policy, one that names somebody who is not there, and one
/// by which the caller locks themselves out without saying that they mean it.
pub(super) async fn read(ctx: &Ctx, document: String, bypass: Option<bool>) -> Result<ResourcePolicy> {
    rules::check(&document)?;
    if bypass != Some(true) && !ctx.caller().is_internal() {
        let account = ctx.caller().account.to_string();
        rules::check_lockout(&document, kernel::who(ctx.caller(), &account), ctx.scope())?;
    }
    ctx.resource_policy(document, |_| errors::invalid_principals()).await
}

pub async fn get_key_policy(ctx: &Ctx, input: GetKeyPolicyRequest) -> Result<GetKeyPolicyResponse> {
    let found = find_by_id(ctx, &input.key_id).await?;
    rules::check_name(input.policy_name.as_deref())?;
    let policy = ctx.read(|snap| key::policy(snap, &found.scope, &found.key.id)).await?;
    let policy = ctx.shown_policy(policy.ok_or_else(errors::no_such_policy)?).await?;
    Ok(GetKeyPolicyResponse { policy: Some(policy), policy_name: Some(rules::NAME.to_owned()) })
}

pub async fn put_key_policy(ctx: &Ctx, input: PutKeyPolicyRequest) -> Result<()> {
    let found = find_by_id(ctx, &input.key_id).await?;
    rules::check_name(input.policy_name.as_deref())?;
    let policy = read(ctx, input.policy, input.bypass_policy_lockout_safety_check).await?;
    check_customers(&found.key, &found.arn)?;
    ctx.write(|tx| match key::find(tx, &found.scope, &found.key.id)? {
        Some(_) => key::put_policy(tx, &found.scope, &found.key.id, &policy),
        None => Err(errors::no_such_key(&found.arn)),
    })
    .await
}

/// A key has one policy, so a page is all there is and `Limit` always suffices.
pub async fn list_key_policies(ctx: &Ctx, input: ListKeyPoliciesRequest) -> Result<ListKeyPoliciesResponse> {
    find_by_id(ctx, &input.key_id).await?;
    open_marker(ctx, "ListKeyPolicies", input.marker.as_deref())?;
    Ok(ListKeyPoliciesResponse {
        policy_names: Some(vec![rules::NAME.to_owned()]),
        truncated: Some(false),
        next_marker: None,
    })
}
