//! Removes what deleted groups and streams left behind, in bounded steps.

use kernel::{Ctx, Millis, Next, Result, Scope};

use crate::state::leftover;

pub const NAME: &str = "logs-leftovers";
pub const SWEEP_EVERY_MS: Millis = 60_000;
pub const CONCURRENCY: usize = 2;
/// Taken up by one sweep; the next sees the others.
const LISTED_MAX: usize = 10_000;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    leftover::list(ctx, LISTED_MAX).await
}

pub async fn reconcile(ctx: &Ctx, name: String) -> Result<Next> {
    leftover::remove_some(ctx, &name).await
}
