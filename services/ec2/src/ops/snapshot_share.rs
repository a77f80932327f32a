//! Whom snapshots are shared with.

use api_ec2 as api;
use kernel::{Ctx, Reader, Result, Scope};

use super::page::check_dry_run;
use super::snapshot::{check_id, get_own};
use crate::errors;
use crate::state::block_public_access::{self, Blocked};
use crate::state::snapshot::{self, Shared, Snapshot};

pub async fn modify_snapshot_attribute(ctx: &Ctx, input: api::ModifySnapshotAttributeRequest) -> Result<()> {
    let id = check_id(&input.snapshot_id)?;
    let permissions = input.create_volume_permission.unwrap_or_default();
    let one = |given: api::CreateVolumePermission| (given.user_id, given.group);
    let mut add: Vec<_> = permissions.add.unwrap_or_default().into_iter().map(one).collect();
    let mut remove: Vec<_> = permissions.remove.unwrap_or_default().into_iter().map(one).collect();
    let removes = input.operation_type.as_deref() == Some("remove");
    if removes { &mut remove } else { &mut add }.extend(named(input.user_ids, input.group_names));
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let mut found = get_own(tx, &scope, &id)?;
        check_sharing(tx, &scope, &add)?;
        share(&mut found.shared, &add, &remove)?;
        match &found.seal {
            Some(_) if found.shared.everybody => return Err(errors::cannot_share_with_all()),
            Some(seal) if seal.managed && !add.is_empty() => return Err(errors::cannot_share_managed()),
            _ => {}
        }
        check_dry_run(input.dry_run)?;
        snapshot::put(tx, &scope, &found)
    })
    .await
}

/// # Errors
/// Where the account shares nothing with everybody.
fn check_sharing(from: &mut impl Reader, scope: &Scope, add: &[Whom]) -> Result<()> {
    if is_with_everybody(add) && block_public_access::get(from, scope)?.snapshots != Blocked::Nothing {
        return Err(errors::public_snapshots_blocked());
    }
    Ok(())
}

/// A user or a group, as a permission names one of them.
pub type Whom = (Option<String>, Option<String>);

/// Whether one of them is all there are.
pub fn is_with_everybody(add: &[Whom]) -> bool {
    add.iter().any(|(_, group)| group.as_deref() == Some("all"))
}

/// Users and groups as the older way of asking names them, beside an operation.
pub fn named(users: Option<Vec<String>>, groups: Option<Vec<String>>) -> impl Iterator<Item = Whom> {
    let users = users.unwrap_or_default().into_iter().map(|user| (Some(user), None));
    users.chain(groups.unwrap_or_default().into_iter().map(|group| (None, Some(group))))
}

/// The accounts that a listing is asked for, where the account itself is `own`, and `words` may stand for others.
///
/// # Errors
/// `InvalidUserID.Malformed`.
pub fn accounts(named: Option<Vec<String>>, words: &[&str], own: &str) -> Result<Vec<String>> {
    let one = |name: String| match name.as_str() {
        "self" => Ok(own.to_owned()),
        word if words.contains(&word) => Ok(name),
        other => check_account(other).map(|()| name),
    };
    named.unwrap_or_default().into_iter().map(one).collect()
}

/// # Errors
/// `InvalidUserID.Malformed`.
fn check_account(text: &str) -> Result<()> {
    let is_one = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if is_one { Ok(()) } else { Err(errors::account_invalid(text)) }
}

/// Lets accounts, or everybody, use something; or no more.
///
/// # Errors
/// For a group other than `all`, or a user that is no account.
pub fn share(shared: &mut Shared, add: &[Whom], remove: &[Whom]) -> Result<()> {
    for (whom, give) in add.iter().map(|whom| (whom, true)).chain(remove.iter().map(|whom| (whom, false))) {
        match whom {
            (_, Some(group)) if group == "all" => shared.everybody = give,
            (_, Some(group)) => return Err(errors::share_item_invalid(group)),
            (Some(user), None) => {
                check_account(user).map_err(|_| errors::share_item_invalid(user))?;
                shared.accounts.retain(|account| account != user);
                if give {
                    shared.accounts.push(user.clone());
                }
            }
            (None, None) => return Err(errors::missing("UserId")),
        }
    }
    Ok(())
}

pub async fn describe_snapshot_attribute(
    ctx: &Ctx,
    input: api::DescribeSnapshotAttributeRequest,
) -> Result<api::DescribeSnapshotAttributeResult> {
    let id = check_id(&input.snapshot_id)?;
    let found = ctx.read(|snap| get_own(snap, ctx.scope(), &id)).await?;
    check_dry_run(input.dry_run)?;
    let mut shown =
        api::DescribeSnapshotAttributeResult { snapshot_id: Some(id.to_string()), ..Default::default() };
    match input.attribute.as_str() {
        "createVolumePermission" => {
            let all = found.shared.everybody.then(|| (None, Some("all".to_owned())));
            let users = found.shared.accounts.into_iter().map(|user| (Some(user), None));
            let show = |(user_id, group)| api::CreateVolumePermission { user_id, group };
            shown.create_volume_permissions = Some(all.into_iter().chain(users).map(show).collect());
        }
        "productCodes" => shown.product_codes = Some(Vec::new()),
        other => return Err(errors::attribute_unknown(other)),
    }
    Ok(shown)
}

pub async fn reset_snapshot_attribute(ctx: &Ctx, input: api::ResetSnapshotAttributeRequest) -> Result<()> {
    let id = check_id(&input.snapshot_id)?;
    if input.attribute != "createVolumePermission" {
        return Err(errors::attribute_unknown(&input.attribute));
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let found = get_own(tx, &scope, &id)?;
        check_dry_run(input.dry_run)?;
        snapshot::put(tx, &scope, &Snapshot { shared: Shared::default(), ..found })
    })
    .await
}
