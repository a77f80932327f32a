//! What decides on a bucket's own side, for the gate.

use kernel::authorize::{Asked, Attached};
use kernel::{BoxFuture, Ctx, Result};

use crate::state::bucket;

/// Whose the bucket is: its ARN does not say.
pub fn attached(ctx: Ctx, asked: Asked<'_>) -> BoxFuture<'_, Result<Attached>> {
    Box::pin(async move { find(&ctx, &asked).await })
}

async fn find(ctx: &Ctx, asked: &Asked<'_>) -> Result<Attached> {
    // To ask for a name that somebody has is answered by the operation.
    if asked.action == "s3:CreateBucket" {
        return Ok(Attached::default());
    }
    let name = asked.arn.resource.split('/').next().unwrap_or_default();
    let found = ctx.read(|snap| bucket::find(snap, name)).await?;
    Ok(Attached { owner: found.map(|bucket| bucket.owner), ..Attached::default() })
}
