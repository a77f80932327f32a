//! What Certificate Manager listens to.

use std::sync::Arc;

use kernel::{Ctx, Event, Result};
use serde_json::Value;

use crate::state::in_use;

pub const SOURCE: &str = "aws.elasticloadbalancing";
pub const CERTIFICATES: &str = "Load Balancer Certificates";

/// A resource uses these certificates from now on, and no others.
pub async fn used(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let Some(user) = event.detail.get("resource").and_then(Value::as_str) else { return Ok(()) };
    let certificates = event.detail.get("certificates").and_then(Value::as_array);
    let used = certificates.into_iter().flatten().filter_map(|arn| arn.as_str().map(str::to_owned)).collect();
    ctx.write(|tx| in_use::put(tx, &event.scope, user, &used)).await
}
