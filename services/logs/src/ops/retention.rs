//! How long events are kept: those past their time are not shown, and a durable timer removes them.

use api_logs::{DeleteRetentionPolicyRequest, PutRetentionPolicyRequest};
use kernel::{Ctx, Millis, Result, Tx};

use crate::rules::group::{DAY_MS, check_retention};
use crate::state::chunk;
use crate::state::group::{self, Group};
use crate::state::sizes::Sizes;

pub const TIMER: &str = "retention";
/// From one look to the next, where nothing is about to end sooner.
const LOOK_MS: Millis = DAY_MS;
const SOON_MS: Millis = 60_000;
/// Chunks removed by one transaction.
const SOME: usize = 256;

fn key(ctx: &Ctx, group: &Group) -> kernel::timers::TimerKey {
    kernel::timers::TimerKey::new(ctx, TIMER, group.name.as_str())
}

pub fn unschedule(tx: &mut Tx<'_, '_>, group: &Group) -> Result<()> {
    let key = key(tx.ctx(), group);
    tx.unschedule(&key)
}

pub async fn put_retention_policy(ctx: &Ctx, input: PutRetentionPolicyRequest) -> Result<()> {
    let days = check_retention(input.retention_in_days)?;
    ctx.write(|tx| {
        let mut group = group::get(tx, ctx.scope(), &input.log_group_name)?;
        group.retention_days = Some(days);
        group::put(tx, ctx.scope(), &group)?;
        tx.schedule(&key(ctx, &group), ctx.now() + SOON_MS)
    })
    .await
}

pub async fn delete_retention_policy(ctx: &Ctx, input: DeleteRetentionPolicyRequest) -> Result<()> {
    ctx.write(|tx| {
        let mut group = group::get(tx, ctx.scope(), &input.log_group_name)?;
        group.retention_days = None;
        group::put(tx, ctx.scope(), &group)?;
        unschedule(tx, &group)
    })
    .await
}

/// Removes chunks of a group that are wholly past their time, and says when to look again.
pub async fn look(ctx: &Ctx, name: String) -> Result<()> {
    let Some(group) = ctx.read(|snap| group::find(snap, ctx.scope(), &name)).await? else { return Ok(()) };
    let Some(keeps) = group.keeps_ms() else { return Ok(()) };
    let chunks = chunk::list_of(ctx, group.id, None).await?;
    let begins_at = group.begins_at(ctx.now());
    let (old, kept): (Vec<_>, Vec<_>) = chunks.into_iter().partition(|chunk| chunk.last_at < begins_at);
    for some in old.chunks(SOME) {
        ctx.write(|tx| {
            some.iter().try_for_each(|old| chunk::delete(tx, ctx.scope(), group.id, old.stream, old.number))
        })
        .await?;
        ctx.own::<Sizes>().take(group.id, some.iter().map(|chunk| chunk.stored_bytes).sum());
    }
    let first = kept.iter().map(|chunk| chunk.last_at + keeps + 1).min();
    let next = first.unwrap_or(Millis::MAX).clamp(ctx.now() + SOON_MS, ctx.now() + LOOK_MS);
    ctx.write(|tx| match group::find(tx, ctx.scope(), &name)? {
        Some(now) if now.retention_days.is_some() => tx.schedule(&key(ctx, &now), next),
        _ => Ok(()),
    })
    .await
}
