//! What EC2 tells about instances: their groups look at once.

use std::sync::Arc;

use kernel::{Ctx, Event, Result};

use super::group::CONTROLLER as GROUP;
use super::instance::CONTROLLER as INSTANCE;
use crate::rules::cause;
use crate::state::{group, instance};

pub const SOURCE: &str = "aws.ec2";
pub const STATE_CHANGE: &str = "EC2 Instance State-change Notification";
pub const REBALANCE: &str = "EC2 Instance Rebalance Recommendation";

fn id_of(event: &Event) -> &str {
    event.detail.get("instance-id").and_then(|id| id.as_str()).unwrap_or_default()
}

/// An instance is in another state.
pub async fn state_changed(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let (ctx, id) = (ctx.in_scope(event.scope), id_of(&event));
    let found = ctx.read(|snap| instance::find_by_id(snap, &event.scope, id)).await?;
    if let Some(one) = found {
        ctx.nudge(INSTANCE, &one.key());
        ctx.nudge(GROUP, &one.group);
    }
    Ok(())
}

/// A spot instance may be taken: a group that rebalances its capacity replaces it first.
pub async fn rebalance(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let (ctx, id) = (ctx.in_scope(event.scope), id_of(&event));
    let scope = event.scope;
    let touched = ctx
        .write(|tx| {
            let Some(mut one) = instance::find_by_id(tx, &scope, id)? else { return Ok(None) };
            let group = group::find(tx, &scope, &one.group)?;
            if group.is_none_or(|group| group.asked.0.capacity_rebalance != Some(true)) {
                return Ok(None);
            }
            one.why = Some(cause::REBALANCE.to_owned());
            instance::put(tx, &scope, &one)?;
            Ok(Some(one.group))
        })
        .await?;
    if let Some(name) = touched {
        ctx.nudge(GROUP, &name);
    }
    Ok(())
}
