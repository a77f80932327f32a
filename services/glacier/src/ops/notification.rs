//! Notifications of vaults. Topics are not served, so none can be set; what there is to read of them is true.

use api_glacier::{DeleteVaultNotificationsInput, GetVaultNotificationsInput, GetVaultNotificationsOutput};
use kernel::{Ctx, Result};

use super::{find, place};
use crate::errors;

pub async fn get_vault_notifications(
    ctx: &Ctx,
    input: GetVaultNotificationsInput,
) -> Result<GetVaultNotificationsOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let vault = find(ctx, &input.vault_name).await?;
    Err(errors::not_set("notification configuration", &vault.arn(ctx.scope())))
}

/// To delete none succeeds.
pub async fn delete_vault_notifications(ctx: &Ctx, input: DeleteVaultNotificationsInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    find(ctx, &input.vault_name).await.map(drop)
}
