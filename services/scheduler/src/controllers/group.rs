//! Groups on their way out: their schedules go first, some at a time.

use kernel::{Ctx, Millis, Next, Result, Scope};

use crate::state::group;
use crate::state::schedule::{self, Count};

pub const NAME: &str = "scheduler/group";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 60_000;
const BATCH: usize = 500;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    ctx.read(|snap| group::deleting(snap)).await
}

pub async fn reconcile(ctx: &Ctx, name: String) -> Result<Next> {
    let scope = *ctx.scope();
    let gone = ctx
        .write(|tx| {
            let Some(_) = group::find(tx, &scope, &name)?.filter(|group| group.is_deleting) else {
                return Ok(None);
            };
            let some = schedule::list(tx, &scope, Some(&name), None, BATCH)?;
            some.iter().try_for_each(|one| schedule::delete(tx, &scope, &name, &one.name))?;
            if some.is_empty() {
                group::delete(tx, &scope, &name)?;
                return Ok(None);
            }
            Ok(Some(some.len()))
        })
        .await?;
    let Some(gone) = gone else { return Ok(Next::Done) };
    ctx.own::<Count>().gone(gone);
    Ok(Next::Now)
}
