//! Writes the usage lines of plans, hour by hour.

use kernel::{Ctx, Millis, Result, Tx};

use crate::meter;
use crate::rules::plan::SavingsPlan;
use crate::state::plan;

pub const EVERY_MS: Millis = 300_000;

/// # Errors
/// The first of those that came up; every plan was tried.
pub async fn keep(ctx: &Ctx) -> Result<()> {
    let all = ctx.read(|snap| plan::all_scopes(snap)).await?;
    let mut outcome = Ok(());
    for (scope, one) in all {
        outcome = outcome.and(keep_one(&ctx.in_scope(scope), &one).await);
    }
    outcome
}

async fn keep_one(ctx: &Ctx, one: &SavingsPlan) -> Result<()> {
    let now = ctx.now();
    // After a long sleep there may be more hours than one transaction should write.
    while !meter::due(one, now).0.is_empty() && ctx.write(|tx| write(tx, &one.id, now)).await? {}
    Ok(())
}

/// Whether there was something to write.
fn write(tx: &mut Tx<'_, '_>, id: &str, now: Millis) -> Result<bool> {
    let scope = *tx.ctx().scope();
    let Some(mut one) = plan::find(tx, &scope, id)? else { return Ok(false) };
    let (lines, until) = meter::due(&one, now);
    for line in &lines {
        tx.meter(line)?;
    }
    one.hours_metered = until;
    plan::put(tx, &scope, &one)?;
    Ok(!lines.is_empty())
}
