//! What becomes of registered instances when they stop, start and end.

use std::sync::Arc;

use kernel::{Ctx, Event, Result};

use super::load_balancer::CONTROLLER;
use crate::state::{instance, load_balancer};

pub const SOURCE: &str = "aws.ec2";
pub const DETAIL_TYPE: &str = "EC2 Instance State-change Notification";

/// An instance that is terminated is registered no more; one that is stopped serves when it runs again.
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
        let mut touched = Vec::new();
        for of in load_balancer::all(tx, &scope)? {
            let Some(mut one) = instance::find(tx, &scope, &of.id, &id)? else { continue };
            if state == "terminated" {
                instance::delete(tx, &scope, &of.id, &id)?;
            } else {
                one.out_of_service.clone_from(&out);
                instance::put(tx, &scope, &of.id, &one)?;
            }
            touched.push(of.name);
        }
        Ok(touched)
    });
    write.await?.iter().for_each(|name| ctx.nudge(CONTROLLER, name));
    Ok(())
}
