//! Names for keys.

use api_kms::{
    AliasListEntry, CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest, ListAliasesResponse,
    UpdateAliasRequest,
};
use kernel::{Access, Ctx, Key, Result, Scope};
use shape::Timestamp;

use super::{Found, cut, find, find_by_id, open_marker, page_size};
use crate::errors;
use crate::rules::alias as rules;
use crate::rules::key::check_kept;
use crate::rules::reference::{alias_arn, key_arn};
use crate::state::alias::{self, Alias};

const PAGE: usize = 50;
const PAGE_MAX: usize = 100;

pub async fn create_alias(ctx: &Ctx, input: CreateAliasRequest) -> Result<()> {
    let name = input.alias_name;
    rules::check(&name)?;
    let found = find_target(ctx, &input.target_key_id).await?;
    let scope = *ctx.scope();
    let now = ctx.now();
    let made = Alias { name, target: found.key.id, created_at: now, updated_at: now };
    ctx.write(|tx| {
        if alias::find(tx, &scope, &made.name)?.is_some() {
            return Err(errors::alias_exists(&alias_arn(&scope, &made.name)));
        }
        check_room(tx, &scope, &made.target)?;
        alias::put(tx, &scope, None, &made)
    })
    .await
}

/// The key an alias is to stand for, of the alias's own account.
async fn find_target(ctx: &Ctx, key_id: &str) -> Result<Found> {
    let found = find_by_id(ctx, key_id).await?;
    if found.scope != *ctx.scope() {
        return Err(errors::no_such_key(&found.arn));
    }
    check_kept(&found.key, &found.arn)?;
    Ok(found)
}

fn check_room(tx: &mut kernel::Tx<'_, '_>, scope: &Scope, key_id: &str) -> Result<()> {
    let there = alias::list_of_key(tx, scope, key_id, None, rules::ALIASES_MAX)?;
    if there.len() < rules::ALIASES_MAX {
        Ok(())
    } else {
        Err(errors::limit("Too many aliases for this key"))
    }
}

pub async fn update_alias(ctx: &Ctx, input: UpdateAliasRequest) -> Result<()> {
    rules::check(&input.alias_name)?;
    let found = find_target(ctx, &input.target_key_id).await?;
    authorize_target(ctx, "kms:UpdateAlias", &input.alias_name).await?;
    let scope = *ctx.scope();
    let now = ctx.now();
    ctx.write(|tx| {
        let before = alias::find(tx, &scope, &input.alias_name)?;
        let before = before.ok_or_else(|| errors::no_such_alias(&alias_arn(&scope, &input.alias_name)))?;
        let target = crate::state::key::find(tx, &scope, &before.target)?;
        if target.is_some_and(|old| {
            (old.spec.is_asymmetric(), old.usage) != (found.key.spec.is_asymmetric(), found.key.usage)
        }) {
            return Err(errors::invalid("Aliases must point to keys of the same type and usage"));
        }
        if before.target != found.key.id {
            check_room(tx, &scope, &found.key.id)?;
        }
        let after = Alias { target: found.key.id.clone(), updated_at: now, ..before.clone() };
        alias::put(tx, &scope, Some(&before), &after)
    })
    .await
}

/// The key an alias stands for must let it go.
async fn authorize_target(ctx: &Ctx, action: &str, name: &str) -> Result<()> {
    let scope = *ctx.scope();
    match ctx.read(|snap| alias::find(snap, &scope, name)).await? {
        Some(alias) => ctx.authorize(action, &Access::on(key_arn(&scope, &alias.target))).await,
        None => Ok(()),
    }
}

pub async fn delete_alias(ctx: &Ctx, input: DeleteAliasRequest) -> Result<()> {
    rules::check(&input.alias_name)?;
    authorize_target(ctx, "kms:DeleteAlias", &input.alias_name).await?;
    let scope = *ctx.scope();
    ctx.write(|tx| match alias::find(tx, &scope, &input.alias_name)? {
        Some(alias) => alias::delete(tx, &scope, &alias),
        None => Err(errors::no_such_alias(&alias_arn(&scope, &input.alias_name))),
    })
    .await
}

pub async fn list_aliases(ctx: &Ctx, input: ListAliasesRequest) -> Result<ListAliasesResponse> {
    let size = page_size(input.limit, PAGE, PAGE_MAX);
    let after = open_marker(ctx, "ListAliases", input.marker.as_deref())?;
    let scope = *ctx.scope();
    let mut aliases = match &input.key_id {
        None => {
            let rows = ctx.read(|snap| alias::list(snap, &scope, after.as_deref(), size + 1)).await?;
            rows.into_iter().map(|(_, alias)| alias).collect()
        }
        Some(key_id) => {
            let found = find(ctx, key_id).await?;
            let after = after.as_deref().and_then(|key| kernel::key::KeyReader(key).text());
            ctx.read(|snap| of_key(snap, &scope, &found.key.id, after.as_deref(), size + 1)).await?
        }
    };
    let next = cut(ctx, "ListAliases", &mut aliases, size, |alias: &Alias| alias.name.to_bytes());
    let entry = |alias: Alias| AliasListEntry {
        alias_arn: Some(alias_arn(&scope, &alias.name)),
        alias_name: Some(alias.name),
        target_key_id: Some(alias.target),
        creation_date: Some(Timestamp::from_millis(alias.created_at)),
        last_updated_date: Some(Timestamp::from_millis(alias.updated_at)),
    };
    Ok(ListAliasesResponse {
        aliases: Some(aliases.into_iter().map(entry).collect()),
        truncated: Some(next.is_some()),
        next_marker: next,
    })
}

fn of_key(
    snap: &mut kernel::Snapshot<'_>,
    scope: &Scope,
    key_id: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Alias>> {
    let names = alias::list_of_key(snap, scope, key_id, after, limit)?;
    let mut aliases = Vec::with_capacity(names.len());
    for name in names {
        aliases.extend(alias::find(snap, scope, &name)?);
    }
    Ok(aliases)
}
