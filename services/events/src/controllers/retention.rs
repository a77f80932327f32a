//! Forgets events of archives when their time is over.

use kernel::{Ctx, Millis, Result};

use crate::state::archive;

pub const EVERY_MS: Millis = 3_600_000;
const DAY_MS: Millis = 86_400_000;
const STEP: usize = 500;

pub async fn sweep(ctx: &Ctx) -> Result<()> {
    for (scope, one) in ctx.read(|snap| archive::all_scopes(snap)).await? {
        if one.retention_days > 0 {
            let until = ctx.now() - Millis::from(one.retention_days) * DAY_MS;
            let there = ctx.in_scope(scope);
            while there.write(|tx| archive::forget(tx, &scope, &one.name, until, STEP)).await? == STEP {}
        }
    }
    Ok(())
}
