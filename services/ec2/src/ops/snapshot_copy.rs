//! Copies of snapshots, also from other regions, and under other keys.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope, Tx};

use super::encryption;
use super::page::check_dry_run;
use super::snapshot::{check_here, check_id};
use super::snapshot_blocks::placeholder;
use crate::controllers::snapshot::CONTROLLER;
use crate::errors;
use crate::rules::encryption::{Wanted, decide};
use crate::rules::tag::{self as tags_of, shown};
use crate::state::encryption::{Seal, defaults};
use crate::state::id::{Id, SnapshotId};
use crate::state::snapshot::{self, Snapshot};
use crate::state::tag;

/// A copy that is to be made: its id and its key are chosen before it is written down.
#[derive(Clone, Debug)]
pub struct Copy {
    pub id: SnapshotId,
    from: SnapshotId,
    source: Scope,
    seal: Option<Seal>,
}

/// The place `region` names, in the caller's account.
///
/// # Errors
/// For what is no region.
pub fn source_of(ctx: &Ctx, region: &str) -> Result<Scope> {
    let region = region.parse().map_err(|_| errors::source_region_invalid(region))?;
    Ok(Scope { region, ..*ctx.scope() })
}

/// Finds what is copied, and how the copy is kept.
///
/// # Errors
/// When there is no such snapshot for `source`, its key may not be used, or KMS refuses the new one.
pub async fn plan(ctx: &Ctx, source: Scope, from: &SnapshotId, wanted: &Wanted) -> Result<Copy> {
    let scope = *ctx.scope();
    let id = SnapshotId::fresh(ctx.ids());
    let (defaults, found) =
        ctx.read(|snap| Ok((defaults(snap, &scope)?, snapshot::find_placed(snap, &source, from)?))).await?;
    let (place, found) = found.ok_or_else(|| errors::snapshot_not_found(from))?;
    encryption::check_usable(ctx, found.seal.as_ref()).await?;
    let outcome = decide(wanted, &defaults, found.seal.as_ref(), place == scope)?;
    let seal = encryption::seal(ctx, outcome, id.as_str()).await?;
    Ok(Copy { id, from: from.clone(), source, seal })
}

/// Writes down a copy.
///
/// # Errors
/// When what is copied has gone, or is not in the store yet.
pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, copy: &Copy, description: &str) -> Result<Snapshot> {
    let found = snapshot::find_usable(tx, &copy.source, &copy.from)?;
    let found = found.ok_or_else(|| errors::snapshot_not_found(&copy.from))?;
    if found.observed.stored_at.is_none() {
        return Err(errors::snapshot_pending(&copy.from));
    }
    check_here(&found)?;
    let made = Snapshot {
        base: found.base,
        description: description.to_owned(),
        copied: Some(copy.from.clone()),
        seal: copy.seal.clone(),
        copied_seal: found.seal,
        ..Snapshot::new(copy.id.clone(), placeholder()?, found.size_gib, tx.ctx().now())
    };
    snapshot::put(tx, scope, &made)?;
    Ok(made)
}

pub async fn copy_snapshot(ctx: &Ctx, input: api::CopySnapshotRequest) -> Result<api::CopySnapshotResult> {
    let from = check_id(&input.source_snapshot_id)?;
    let source = source_of(ctx, &input.source_region)?;
    let mut tags = tags_of::of_specifications(input.tag_specifications, &["snapshot"])?;
    let tags = tags.remove("snapshot").unwrap_or_default();
    let copy = plan(ctx, source, &from, &Wanted::new(input.encrypted, input.kms_key_id)).await?;
    let description = input.description.unwrap_or_default();
    let scope = *ctx.scope();
    let made = ctx
        .write(|tx| {
            let made = insert(tx, &scope, &copy, &description)?;
            check_dry_run(input.dry_run)?;
            tag::put(tx, &scope, &made.id, tags.clone())?;
            Ok(made)
        })
        .await?;
    ctx.nudge(CONTROLLER, made.id.as_str());
    Ok(api::CopySnapshotResult { tags: shown(&tags), snapshot_id: Some(made.id.to_string()) })
}
