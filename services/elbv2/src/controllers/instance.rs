//! What becomes of targets when their instances stop, start and end.

use std::sync::Arc;

use kernel::{Ctx, Event, Result};

use super::load_balancer::CONTROLLER;
use crate::state::usage::Usage;
use crate::state::{target, target_group};

pub const SOURCE: &str = "aws.ec2";
pub const DETAIL_TYPE: &str = "EC2 Instance State-change Notification";

/// An instance that is terminated is no target any more; one that is stopped serves when it runs again.
pub async fn state_changed(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let text =
        |key: &str| event.detail.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let (id, state) = (text("instance-id"), text("state"));
    let scope = event.scope;
    let out = match &*state {
        "terminated" | "stopping" | "stopped" | "shutting-down" => Some(state.clone()),
        "running" => None,
        _ => return Ok(()),
    };
    let ctx = ctx.in_scope(scope);
    let write = ctx.write(|tx| {
        let usage = Usage::read(tx, &scope)?;
        let mut touched = Vec::new();
        for group in target_group::all(tx, &scope)? {
            for mut one in target::all(tx, &scope, &group.id)?.into_iter().filter(|one| one.id == id) {
                if state == "terminated" {
                    target::delete(tx, &scope, &group.id, &one)?;
                } else {
                    one.out_of_service.clone_from(&out);
                    target::put(tx, &scope, &group.id, &one)?;
                }
                touched.extend(usage.of(&group.id).map(str::to_owned));
            }
        }
        Ok(touched)
    });
    write.await?.iter().for_each(|user| ctx.nudge(CONTROLLER, user));
    Ok(())
}
