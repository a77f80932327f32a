//! Enabling, disabling, and the end of a key.

use api_kms::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, DisableKeyRequest, EnableKeyRequest,
    ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse,
};
use kernel::{Ctx, Result};
use shape::Timestamp;

use super::{change, find_by_id};
use crate::controllers::key::{Timed, timer};
use crate::errors;
use crate::rules::key::{check_customers, check_kept, check_whole, visible_state, window};
use crate::rules::rotation::DAY_MS;
use crate::state::key::Deletion;

pub async fn enable_key(ctx: &Ctx, input: EnableKeyRequest) -> Result<()> {
    switch(ctx, &input.key_id, true).await
}

pub async fn disable_key(ctx: &Ctx, input: DisableKeyRequest) -> Result<()> {
    switch(ctx, &input.key_id, false).await
}

async fn switch(ctx: &Ctx, key_id: &str, enabled: bool) -> Result<()> {
    let found = find_by_id(ctx, key_id).await?;
    change(ctx, &found, |_, key| {
        check_customers(key, &found.arn)?;
        check_whole(key, &found.arn)?;
        key.enabled = enabled;
        Ok(())
    })
    .await
}

pub async fn schedule_key_deletion(
    ctx: &Ctx,
    input: ScheduleKeyDeletionRequest,
) -> Result<ScheduleKeyDeletionResponse> {
    let days = window(input.pending_window_in_days)?;
    let found = find_by_id(ctx, &input.key_id).await?;
    let at = ctx.now() + i64::from(days) * DAY_MS;
    let state = change(ctx, &found, |tx, key| {
        check_customers(key, &found.arn)?;
        check_kept(key, &found.arn)?;
        if key.primary == Some(found.scope.region) && !key.replicas.is_empty() {
            return Err(errors::has_replicas(&found.arn));
        }
        key.deletion = Some(Deletion { at });
        tx.schedule(&timer(&found.scope, Timed::Deletion, &key.id), at)?;
        Ok(visible_state(key))
    })
    .await?;
    Ok(ScheduleKeyDeletionResponse {
        key_id: Some(found.arn),
        deletion_date: Some(Timestamp::from_millis(at)),
        key_state: Some(state.to_owned()),
        pending_window_in_days: Some(days),
    })
}

pub async fn cancel_key_deletion(
    ctx: &Ctx,
    input: CancelKeyDeletionRequest,
) -> Result<CancelKeyDeletionResponse> {
    let found = find_by_id(ctx, &input.key_id).await?;
    change(ctx, &found, |tx, key| {
        if key.deletion.take().is_none() {
            return Err(errors::not_pending_deletion(&found.arn));
        }
        key.enabled = false;
        tx.unschedule(&timer(&found.scope, Timed::Deletion, &key.id))
    })
    .await?;
    Ok(CancelKeyDeletionResponse { key_id: Some(found.arn) })
}
