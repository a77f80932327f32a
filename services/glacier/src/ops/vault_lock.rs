//! The lock of a vault: a policy on trial for a day, and then for good (developer guide, "Vault Lock").

use api_glacier::{
    AbortVaultLockInput, CompleteVaultLockInput, GetVaultLockInput, GetVaultLockOutput,
    InitiateVaultLockInput, InitiateVaultLockOutput,
};
use kernel::{Ctx, Result};

use super::vault_policy::read;
use super::{change, find, place};
use crate::errors;
use crate::rules::time::{DAY_MS, iso};
use crate::rules::vault::arn;
use crate::state::vault::Lock;

pub async fn initiate_vault_lock(
    ctx: &Ctx,
    input: InitiateVaultLockInput,
) -> Result<InitiateVaultLockOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let given = input.policy.and_then(|policy| policy.policy);
    let now = ctx.now();
    let lock = Lock {
        id: ctx.ids().uuid(),
        policy: read(ctx, given, &input.vault_name).await?,
        created_at: now,
        expires_at: Some(now + DAY_MS),
    };
    change(ctx, &input.vault_name, |vault| match vault.lock(now) {
        Some(Lock { expires_at: None, .. }) => Err(errors::locked("The vault is locked.")),
        Some(_) => Err(errors::locked("A vault lock is in progress; abort it first.")),
        None => {
            vault.lock = Some(lock.clone());
            Ok(())
        }
    })
    .await?;
    Ok(InitiateVaultLockOutput { lock_id: Some(lock.id) })
}

pub async fn complete_vault_lock(ctx: &Ctx, input: CompleteVaultLockInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    let now = ctx.now();
    change(ctx, &input.vault_name, |vault| {
        let missing = || errors::not_set("lock policy", &arn(ctx.scope(), &input.vault_name));
        let lock = vault.lock(now).ok_or_else(missing)?;
        match (lock.id == input.lock_id, lock.expires_at) {
            (true, _) => {
                vault.lock = Some(Lock { expires_at: None, ..lock.clone() });
                Ok(())
            }
            (false, Some(_)) => Err(errors::invalid(format!("Invalid lock ID: {}", input.lock_id))),
            (false, None) => Err(errors::locked("The vault is locked, and not by this lock ID.")),
        }
    })
    .await
}

/// To abort none succeeds.
pub async fn abort_vault_lock(ctx: &Ctx, input: AbortVaultLockInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    let now = ctx.now();
    change(ctx, &input.vault_name, |vault| match vault.lock(now) {
        Some(Lock { expires_at: None, .. }) => Err(errors::locked("The vault is locked.")),
        _ => {
            vault.lock = None;
            Ok(())
        }
    })
    .await
}

pub async fn get_vault_lock(ctx: &Ctx, input: GetVaultLockInput) -> Result<GetVaultLockOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let vault = find(ctx, &input.vault_name).await?;
    let arn = vault.arn(ctx.scope());
    let lock = vault.lock(ctx.now()).ok_or_else(|| errors::not_set("lock policy", &arn))?;
    let state = if lock.expires_at.is_some() { "InProgress" } else { "Locked" };
    Ok(GetVaultLockOutput {
        policy: Some(ctx.shown_policy(lock.policy.clone()).await?),
        state: Some(state.to_owned()),
        expiration_date: lock.expires_at.map(iso),
        creation_date: Some(iso(lock.created_at)),
    })
}
