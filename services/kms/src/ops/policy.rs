//! Key policies: kept, shown, and handed to the gate.

use std::sync::Arc;

use api_kms::{
    GetKeyPolicyRequest, GetKeyPolicyResponse, ListKeyPoliciesRequest, ListKeyPoliciesResponse,
    PutKeyPolicyRequest,
};
use kernel::{Arn, Ctx, Result};
use policy::Policy;

use super::{find_by_id, open_marker};
use crate::errors;
use crate::rules::key::check_customers;
use crate::rules::policy as rules;
use crate::rules::reference::Reference;
use crate::state::policy::Compiled;
use crate::state::{alias, key};

pub async fn get_key_policy(ctx: &Ctx, input: GetKeyPolicyRequest) -> Result<GetKeyPolicyResponse> {
    let found = find_by_id(ctx, &input.key_id).await?;
    rules::check_name(input.policy_name.as_deref())?;
    let policy = ctx.read(|snap| key::policy(snap, &found.scope, &found.key.id)).await?;
    let policy = policy.ok_or_else(errors::no_such_policy)?;
    Ok(GetKeyPolicyResponse { policy: Some(policy), policy_name: Some(rules::NAME.to_owned()) })
}

pub async fn put_key_policy(ctx: &Ctx, input: PutKeyPolicyRequest) -> Result<()> {
    let found = find_by_id(ctx, &input.key_id).await?;
    rules::check_name(input.policy_name.as_deref())?;
    rules::check(&input.policy)?;
    check_customers(&found.key, &found.arn)?;
    ctx.write(|tx| match key::find(tx, &found.scope, &found.key.id)? {
        Some(_) => key::put_policy(tx, &found.scope, &found.key.id, &input.policy),
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

/// The policy of the key behind an ARN, its own or an alias's; none where there is no such key.
pub async fn policy_of(ctx: &Ctx, arn: Arn) -> Result<Option<Arc<Policy>>> {
    let scope = ctx.scope();
    let Ok(reference) = Reference::parse(scope, &arn.to_string()) else { return Ok(None) };
    let text = ctx
        .read(|snap| match &reference {
            Reference::Key { id, .. } => key::policy(snap, scope, id),
            Reference::Alias { name, .. } => match alias::find(snap, scope, name)? {
                Some(alias) => key::policy(snap, scope, &alias.target),
                None => Ok(None),
            },
        })
        .await?;
    Ok(text.and_then(|text| ctx.own::<Compiled>().get(text)))
}
