//! The access policy of a vault.

use api_glacier::{
    DeleteVaultAccessPolicyInput, GetVaultAccessPolicyInput, GetVaultAccessPolicyOutput,
    SetVaultAccessPolicyInput, VaultAccessPolicy,
};
use kernel::{Ctx, Result};

use super::{change, find, place};
use crate::errors;
use crate::rules::policy::check;
use crate::rules::vault::arn;

pub async fn set_vault_access_policy(ctx: &Ctx, input: SetVaultAccessPolicyInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    let given = input.policy.and_then(|policy| policy.policy);
    let text = check(given, &arn(ctx.scope(), &input.vault_name))?;
    change(ctx, &input.vault_name, |vault| {
        vault.policy = Some(text.clone());
        Ok(())
    })
    .await
}

pub async fn get_vault_access_policy(
    ctx: &Ctx,
    input: GetVaultAccessPolicyInput,
) -> Result<GetVaultAccessPolicyOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let vault = find(ctx, &input.vault_name).await?;
    let arn = vault.arn(ctx.scope());
    let text = vault.policy.ok_or_else(|| errors::not_set("access policy", &arn))?;
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
