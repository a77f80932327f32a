//! Ends jobs when their time has passed, and forgets them a day later.

use kernel::{Ctx, Event, Result, Tx};
use serde_json::json;

use super::inventory;
use crate::rules::job::{Ended, Job, Kind};
use crate::state::bytes::{self, GRACE_MS};
use crate::state::vault::{self, Vault};
use crate::state::{archive, job as stored};

pub async fn due(ctx: &Ctx, name: String) -> Result<()> {
    let Some((vault_id, id)) = name.split_once('/') else { return Ok(()) };
    let found = ctx
        .read(|snap| {
            let Some(job) = stored::find(snap, ctx.scope(), vault_id, id)? else { return Ok(None) };
            let vault = vault::find(snap, ctx.scope(), &job.vault)?.filter(|vault| vault.id == vault_id);
            Ok(Some((job, vault)))
        })
        .await?;
    match found {
        None => Ok(()),
        Some((job, Some(vault))) if job.ended.is_none() => match &job.kind {
            Kind::Archive(_) => ctx.write(|tx| retrieved(tx, &vault, job.clone())).await,
            Kind::Inventory(_) => inventory::take(ctx, &vault, job).await,
        },
        Some((job, _)) => ctx.write(|tx| forget(tx, vault_id, &job)).await,
    }
}

/// The archive is there. Its bytes stay as long as the job, though it be deleted.
fn retrieved(tx: &mut Tx<'_, '_>, vault: &Vault, job: Job) -> Result<()> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    let Kind::Archive(of) = &job.kind else { return Ok(()) };
    let mut ended = Ended { at: now, failure: None };
    let until = Job { ended: Some(ended.clone()), ..job.clone() }.ends_at() + GRACE_MS;
    if let Some(found) = archive::find(tx, &scope, vault, &of.archive_id)? {
        let needed_until = found.needed_until.max(until);
        archive::update(tx, vault, &archive::Archive { needed_until, ..found })?;
    }
    for segment in bytes::segments(tx, &scope, &job.id)? {
        if !bytes::keep_until(tx, &segment, until)? {
            ended.failure = Some("The archive has been deleted.".to_owned());
        }
    }
    end(tx, vault, &Job { ended: Some(ended), ..job })
}

/// Stores a job that has ended, and tells of it.
pub(super) fn end(tx: &mut Tx<'_, '_>, vault: &Vault, job: &Job) -> Result<()> {
    let ctx = tx.ctx();
    let arn = vault.arn(ctx.scope());
    let shown = job.shown(arn.clone());
    let detail = json!({
        "Action": shown.action,
        "ArchiveId": shown.archive_id,
        "ArchiveSizeInBytes": shown.archive_size_in_bytes,
        "Completed": shown.completed,
        "CompletionDate": shown.completion_date,
        "CreationDate": shown.creation_date,
        "InventorySizeInBytes": shown.inventory_size_in_bytes,
        "JobDescription": shown.job_description,
        "JobId": shown.job_id,
        "RetrievalByteRange": shown.retrieval_byte_range,
        "SHA256TreeHash": shown.sha256_tree_hash,
        "StatusCode": shown.status_code,
        "StatusMessage": shown.status_message,
        "Tier": shown.tier,
        "VaultARN": shown.vault_arn,
    });
    tx.publish(&Event::new(ctx, "aws.glacier", "Glacier Job Completed", vec![arn], detail))?;
    stored::put(tx, &vault.id, job, job.ends_at())
}

/// An archive's bytes are its own; an inventory's go with the job.
fn forget(tx: &mut Tx<'_, '_>, vault_id: &str, job: &Job) -> Result<()> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    if matches!(job.kind, Kind::Inventory(_)) {
        for segment in bytes::segments(tx, &scope, &job.id)? {
            bytes::let_go(tx, &segment, now + GRACE_MS)?;
        }
    }
    bytes::forget_segments(tx, &job.id)?;
    stored::delete(tx, vault_id, &job.id)
}
