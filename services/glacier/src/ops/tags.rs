//! Tags of vaults.

use api_glacier::{
    AddTagsToVaultInput, ListTagsForVaultInput, ListTagsForVaultOutput, RemoveTagsFromVaultInput,
};
use kernel::{Access, Ctx, Result, Scope};

use super::{change, find, place};
use crate::errors;
use crate::rules::account::on_vault;
use crate::rules::tags::{add, check, check_key};

pub fn add_access(scope: &Scope, input: &AddTagsToVaultInput) -> Result<Access> {
    let tags = input.tags.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    Ok(on_vault(scope, &input.account_id, &input.vault_name)?.request_tags(tags))
}

pub fn remove_access(scope: &Scope, input: &RemoveTagsFromVaultInput) -> Result<Access> {
    let keys = input.tag_keys.iter().flatten();
    Ok(on_vault(scope, &input.account_id, &input.vault_name)?.tag_keys(keys))
}

pub async fn add_tags_to_vault(ctx: &Ctx, input: AddTagsToVaultInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    let new = input.tags.ok_or_else(|| errors::missing("Tags"))?;
    check(&new)?;
    change(ctx, &input.vault_name, |vault| add(&mut vault.tags, &new)).await
}

pub async fn remove_tags_from_vault(ctx: &Ctx, input: RemoveTagsFromVaultInput) -> Result<()> {
    let ctx = &place(ctx, &input.account_id)?;
    let keys = input.tag_keys.filter(|keys| !keys.is_empty()).ok_or_else(|| errors::missing("TagKeys"))?;
    keys.iter().try_for_each(|key| check_key(key))?;
    change(ctx, &input.vault_name, |vault| {
        vault.tags.retain(|key, _| !keys.contains(key));
        Ok(())
    })
    .await
}

pub async fn list_tags_for_vault(ctx: &Ctx, input: ListTagsForVaultInput) -> Result<ListTagsForVaultOutput> {
    let ctx = &place(ctx, &input.account_id)?;
    let vault = find(ctx, &input.vault_name).await?;
    Ok(ListTagsForVaultOutput { tags: Some(vault.tags) })
}
