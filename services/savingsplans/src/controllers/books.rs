//! Writes the usage lines of plans, hour by hour.

use kernel::{Ctx, Millis, Result, Tx};

use crate::meter;
use crate::state::plan;

pub const EVERY_MS: Millis = 300_000;

pub async fn keep(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    for (scope, one) in ctx.read(|snap| plan::all_scopes(snap)).await? {
        let ctx = ctx.in_scope(scope);
        // After a long sleep there may be more hours than one transaction should write.
        while !meter::due(&one, now).0.is_empty() && ctx.write(|tx| write(tx, &one.id, now)).await? {}
    }
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
