//! The access policy of a vault.

use api_glacier::{
    DeleteVaultAccessPolicyInput, GetVaultAccessPolicyInput, GetVaultAccessPolicyOutput,
    SetVaultAccessPolicyInput, VaultAccessPolicy,
};
use kernel::{Ctx, ResourcePolicy, Result};

use super::{change, find, place};
use crate::errors;
use crate::rules::policy::check;
use crate::rules::vault::arn;

pub async fn set_vault_access_policy(ctx: &Ctx, input: SetVaultAccessPolicyInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    let given = input.policy.and_then(|policy| policy.policy);
    let policy = read(ctx, given, &input.vault_name).await?;
    change(ctx, &input.vault_name, |vault| {
        vault.policy = Some(policy.clone());
        Ok(())
    })
    .await
}

/// A policy of a vault to be stored, with the ids of whom it names.
///
/// # Errors
/// *MissingParameterValueException*, *InvalidParameterValueException*.
pub(super) async fn read(ctx: &Ctx, given: Option<String>, vault: &str) -> Result<ResourcePolicy> {
    let text = check(given, &arn(ctx.scope(), vault))?;
    ctx.resource_policy(text, |name| errors::invalid(format!("Invalid vault policy: no principal {name}")))
        .await
}

pub async fn get_vault_access_policy(
    ctx: &Ctx,
    input: GetVaultAccessPolicyInput,
) -> Result<GetVaultAccessPolicyOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let vault = find(ctx, &input.vault_name).await?;
    let arn = vault.arn(ctx.scope());
    let policy = vault.policy.ok_or_else(|| errors::not_set("access policy", &arn))?;
    let text = ctx.shown_policy(policy).await?;
    Ok(GetVaultAccessPolicyOutput { policy: Some(VaultAccessPolicy { policy: Some(text) }) })
}

/// To delete none succeeds.
pub async fn delete_vault_access_policy(ctx: &Ctx, input: DeleteVaultAccessPolicyInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    change(ctx, &input.vault_name, |vault| {
        vault.policy = None;
        Ok(())
    })
    .await
}
