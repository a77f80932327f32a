//! Sharing with everybody, of snapshots and of images: blocked in a region, or not.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::page::check_dry_run;
use crate::errors;
use crate::state::block_public_access::{self as stored, Blocked};

/// Who decides what an account may do in a region: the account itself, no policy of an organization.
pub const MANAGED_BY: &str = "account";
const UNBLOCKED: &str = "unblocked";
const NEW: &str = "block-new-sharing";
const ALL: &str = "block-all-sharing";

async fn block_snapshots(ctx: &Ctx, blocked: Blocked) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| stored::change(tx, &scope, |now| now.snapshots = blocked)).await.map(drop)
}

async fn block_images(ctx: &Ctx, is_blocked: bool) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| stored::change(tx, &scope, |now| now.images = is_blocked)).await.map(drop)
}

pub async fn enable_snapshot_block_public_access(
    ctx: &Ctx,
    input: api::EnableSnapshotBlockPublicAccessRequest,
) -> Result<api::EnableSnapshotBlockPublicAccessResult> {
    let blocked = match input.state.as_str() {
        NEW => Blocked::New,
        ALL => Blocked::All,
        other => return Err(errors::invalid_value(other, "State")),
    };
    check_dry_run(input.dry_run)?;
    block_snapshots(ctx, blocked).await?;
    Ok(api::EnableSnapshotBlockPublicAccessResult { state: Some(input.state) })
}

pub async fn disable_snapshot_block_public_access(
    ctx: &Ctx,
    input: api::DisableSnapshotBlockPublicAccessRequest,
) -> Result<api::DisableSnapshotBlockPublicAccessResult> {
    check_dry_run(input.dry_run)?;
    block_snapshots(ctx, Blocked::Nothing).await?;
    Ok(api::DisableSnapshotBlockPublicAccessResult { state: Some(UNBLOCKED.to_owned()) })
}

pub async fn get_snapshot_block_public_access_state(
    ctx: &Ctx,
    input: api::GetSnapshotBlockPublicAccessStateRequest,
) -> Result<api::GetSnapshotBlockPublicAccessStateResult> {
    check_dry_run(input.dry_run)?;
    let state = match ctx.read(|snap| stored::get(snap, ctx.scope())).await?.snapshots {
        Blocked::Nothing => UNBLOCKED,
        Blocked::New => NEW,
        Blocked::All => ALL,
    };
    Ok(api::GetSnapshotBlockPublicAccessStateResult {
        state: Some(state.to_owned()),
        managed_by: Some(MANAGED_BY.to_owned()),
    })
}

pub async fn enable_image_block_public_access(
    ctx: &Ctx,
    input: api::EnableImageBlockPublicAccessRequest,
) -> Result<api::EnableImageBlockPublicAccessResult> {
    let state = input.image_block_public_access_state;
    if state != NEW {
        return Err(errors::invalid_value(state, "ImageBlockPublicAccessState"));
    }
    check_dry_run(input.dry_run)?;
    block_images(ctx, true).await?;
    Ok(api::EnableImageBlockPublicAccessResult { image_block_public_access_state: Some(state) })
}

pub async fn disable_image_block_public_access(
    ctx: &Ctx,
    input: api::DisableImageBlockPublicAccessRequest,
) -> Result<api::DisableImageBlockPublicAccessResult> {
    check_dry_run(input.dry_run)?;
    block_images(ctx, false).await?;
    let state = Some(UNBLOCKED.to_owned());
    Ok(api::DisableImageBlockPublicAccessResult { image_block_public_access_state: state })
}

pub async fn get_image_block_public_access_state(
    ctx: &Ctx,
    input: api::GetImageBlockPublicAccessStateRequest,
) -> Result<api::GetImageBlockPublicAccessStateResult> {
    check_dry_run(input.dry_run)?;
    let is_blocked = ctx.read(|snap| stored::get(snap, ctx.scope())).await?.images;
    Ok(api::GetImageBlockPublicAccessStateResult {
        image_block_public_access_state: Some(if is_blocked { NEW } else { UNBLOCKED }.to_owned()),
        managed_by: Some(MANAGED_BY.to_owned()),
    })
}
