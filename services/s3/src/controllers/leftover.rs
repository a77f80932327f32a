//! Takes away the bytes of deleted objects a little later, and blobs that never got a record.

use std::sync::Arc;
use std::time::Duration;

use blob::{BlobId, BoxError};
use kernel::{BoxFuture, Ctx, Millis, Next, Result, Scope};

use crate::state::bytes::{self, Vault};

pub const NAME: &str = "s3-leftovers";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 15_000;
/// Taken up by one sweep; the next sees the others.
const LISTED_MAX: usize = 1_000;

pub const ORPHANS_EVERY_MS: Millis = 3_600_000;
/// Longer than any upload takes from its first byte to its record.
const ORPHAN_AGE: Duration = Duration::from_secs(24 * 3_600);

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    ctx.read(|snap| bytes::leftovers(snap, LISTED_MAX)).await
}

pub async fn reconcile(ctx: &Ctx, segment: String) -> Result<Next> {
    let scope = *ctx.scope();
    let Some(due_at) = ctx.read(|snap| bytes::leftover_due(snap, &scope, &segment)).await? else {
        return Ok(Next::Done);
    };
    if due_at > ctx.now() {
        return Ok(Next::After(due_at - ctx.now()));
    }
    let blob = bytes::blob_id(&scope, &segment)?;
    ctx.own::<Vault>().blobs.delete(&blob).await.map_err(kernel::Error::internal)?;
    ctx.write(|tx| bytes::forget_leftover(tx, &scope, &segment)).await?;
    Ok(Next::Done)
}

/// Removes blobs that no record names.
pub async fn sweep(ctx: &Ctx) -> Result<()> {
    sweep_older(ctx, ORPHAN_AGE).await
}

/// Removes those that no record names, of at least this age.
pub async fn sweep_older(ctx: &Ctx, age: Duration) -> Result<()> {
    let house = Arc::new(ctx.clone());
    let keep = move |id: BlobId| -> BoxFuture<'static, Result<bool, BoxError>> {
        let ctx = house.clone();
        Box::pin(async move {
            let Some((scope, segment)) = bytes::of_blob(&id) else { return Ok(true) };
            let held = ctx.read(|snap| bytes::is_held(snap, &scope, &segment)).await;
            held.map_err(|error| Box::new(error) as BoxError)
        })
    };
    let swept = ctx.own::<Vault>().blobs.sweep(&keep, age).await.map_err(kernel::Error::internal)?;
    if swept.blobs > 0 || swept.temporaries > 0 {
        tracing::info!(
            blobs = swept.blobs,
            temporaries = swept.temporaries,
            bytes = swept.size_bytes,
            "swept bytes nobody keeps"
        );
    }
    Ok(())
}
