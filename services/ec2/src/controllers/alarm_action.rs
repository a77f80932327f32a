//! Does what alarms may do to an instance: `arn:aws:automate:<region>:ec2:<what>`.

use std::sync::Arc;

use kernel::{Ctx, Event, Result};

use crate::controllers::instance::CONTROLLER;
use crate::ops::instance_state::{self, Wish};
use crate::state::id::{Id, InstanceId};
use crate::state::instance;

pub const NAME: &str = "ec2-alarm-action";
pub const SOURCE: &str = "aws.cloudwatch";
pub const DETAIL_TYPE: &str = "CloudWatch Alarm Action";

/// Does what the alarm wants of the instance its metric is of. One that is not there needs nothing.
pub async fn take(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let action = event.detail.get("action").and_then(|action| action.as_str()).unwrap_or_default();
    let Some((_, what)) = action.strip_prefix("arn:aws").and_then(|rest| rest.rsplit_once(":ec2:")) else {
        return Ok(());
    };
    let wish = match what {
        "stop" => Wish::Stop { force: false },
        "terminate" => Wish::Terminate,
        // To recover is to begin anew on whole hardware: here that is a restart.
        "reboot" | "recover" => Wish::Reboot,
        _ => return Ok(()),
    };
    let Some(id) = instance_of(&event) else { return Ok(()) };
    let is_there = ctx
        .write(|tx| {
            if !tx.first_time(NAME, &event)? || instance::find(tx, ctx.scope(), &id)?.is_none() {
                return Ok(false);
            }
            instance_state::write(tx, ctx.scope(), &id, wish).map(|_| true)
        })
        .await?;
    if is_there {
        ctx.nudge(CONTROLLER, id.as_str());
    }
    Ok(())
}

fn instance_of(event: &Event) -> Option<InstanceId> {
    let dimensions = event.detail.get("Trigger")?.get("Dimensions")?.as_array()?;
    let is_instance = |name: &serde_json::Value| name.get("name").is_some_and(|name| name == "InstanceId");
    let value = dimensions.iter().find(|one| is_instance(one))?.get("value")?.as_str()?;
    InstanceId::parse(value)
}
