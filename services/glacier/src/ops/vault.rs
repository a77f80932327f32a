//! Vaults: make, look at, list, delete.

use api_glacier::{
    CreateVaultInput, CreateVaultOutput, DeleteVaultInput, DescribeVaultInput, DescribeVaultOutput,
    ListVaultsInput, ListVaultsOutput,
};
use blob::chunk::Secret;
use kernel::{Ctx, Result};

use super::{find, location, place};
use crate::errors;
use crate::meter::Metered;
use crate::rules::page;
use crate::rules::time::iso;
use crate::rules::vault::{VAULTS_MAX, check_name, of_resource};
use crate::state::bytes::Strongroom;
use crate::state::vault::{self as stored, Vault};

/// Vaults in an answer (API reference, "List Vaults").
const PAGE_MAX: usize = 10;

pub async fn create_vault(ctx: &Ctx, input: CreateVaultInput) -> Result<CreateVaultOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    check_name(&input.vault_name)?;
    let id = ctx.ids().hex(16);
    let mut secret = Secret::default();
    ctx.ids().0.fill(&mut secret);
    let new = Vault {
        secret: ctx.own::<Strongroom>().seal(&id, &secret)?,
        id,
        created_at: ctx.now(),
        changed_at: None,
        archives: 0,
        size: 0,
        tags: Default::default(),
        policy: None,
        lock: None,
        metered: Metered { until: ctx.now(), ..Metered::default() },
        name: input.vault_name,
    };
    ctx.write(|tx| {
        // Making one's vault again succeeds, and changes nothing.
        if stored::find(tx, ctx.scope(), &new.name)?.is_some() {
            return Ok(());
        }
        if stored::list(tx, ctx.scope(), None, VAULTS_MAX)?.len() >= VAULTS_MAX {
            return Err(errors::over_limit(format!("An account can have at most {VAULTS_MAX} vaults.")));
        }
        stored::put(tx, &new)
    })
    .await?;
    Ok(CreateVaultOutput { location: location(ctx, &new.name, "") })
}

pub async fn describe_vault(ctx: &Ctx, input: DescribeVaultInput) -> Result<DescribeVaultOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    Ok(shown(ctx, &find(ctx, &input.vault_name).await?))
}

/// The inventory is always up to date: it is of the last change.
fn shown(ctx: &Ctx, vault: &Vault) -> DescribeVaultOutput {
    DescribeVaultOutput {
        vault_arn: Some(vault.arn(ctx.scope())),
        vault_name: Some(vault.name.clone()),
        creation_date: Some(iso(vault.created_at)),
        last_inventory_date: vault.changed_at.map(iso),
        number_of_archives: i64::try_from(vault.archives).ok(),
        size_in_bytes: i64::try_from(vault.size).ok(),
    }
}

pub async fn list_vaults(ctx: &Ctx, input: ListVaultsInput) -> Result<ListVaultsOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let limit = page::limit(input.limit.as_deref(), PAGE_MAX)?;
    let after = input.marker.map(|marker| {
        let arn = marker.parse::<kernel::Arn>().ok();
        let name = arn.and_then(|arn| Some(of_resource(&arn.resource)?.0.to_owned()));
        name.ok_or_else(|| errors::invalid(format!("Invalid marker: {marker}")))
    });
    let after = after.transpose()?;
    let mut vaults = ctx.read(|snap| stored::list(snap, ctx.scope(), after.as_deref(), limit + 1)).await?;
    let more = vaults.len() > limit;
    vaults.truncate(limit);
    let marker = vaults.last().filter(|_| more).map(|last| last.arn(ctx.scope()));
    let list = vaults.iter().map(|vault| shown(ctx, vault)).collect();
    Ok(ListVaultsOutput { vault_list: Some(list), marker })
}

/// What is under way in it lets go of its bytes when its own time is over.
pub async fn delete_vault(ctx: &Ctx, input: DeleteVaultInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    ctx.write(|tx| {
        let Some(mut vault) = stored::find(tx, ctx.scope(), &input.vault_name)? else { return Ok(()) };
        if vault.archives > 0 {
            return Err(errors::vault_not_empty(&vault.arn(ctx.scope())));
        }
        stored::meter(tx, &mut vault)?;
        stored::delete(tx, &vault)
    })
    .await
}
