//! Does what a scheduled event says, when its time has come.

use kernel::{Ctx, Result};

use super::instance::CONTROLLER;
use crate::ops::instance_state::{self, Wish};
use crate::rules::instance::State;
use crate::state::id::{Id, InstanceId};
use crate::state::instance;
use crate::state::scheduled_event::{self, Code, End};

/// The timer of an event: `<instance>/<event>`. One that was put off or ended meanwhile is not due.
pub async fn due(ctx: &Ctx, name: String) -> Result<()> {
    let Some((instance, id)) = name.split_once('/') else { return Ok(()) };
    let Some(instance) = InstanceId::parse(instance) else { return Ok(()) };
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let now = tx.ctx().now();
        let found = scheduled_event::find(tx, &scope, &instance, id)?;
        let is_due =
            |event: &scheduled_event::ScheduledEvent| event.ended.is_none() && event.not_before <= now;
        let Some(mut event) = found.filter(is_due) else { return Ok(()) };
        event.ended = Some(End::Completed);
        scheduled_event::put(tx, &scope, &event)?;
        let is_on = instance::find(tx, &scope, &instance)?.is_some_and(|it| it.state() == State::Running);
        let wish = match event.code {
            Code::InstanceReboot | Code::SystemReboot => Wish::Reboot,
            // A root that is a volume outlives its hardware: the instance is stopped.
            Code::InstanceRetirement | Code::InstanceStop => Wish::Stop { force: false },
            Code::SystemMaintenance => return Ok(()),
        };
        if is_on { instance_state::write(tx, &scope, &instance, wish).map(drop) } else { Ok(()) }
    })
    .await?;
    ctx.nudge(CONTROLLER, instance.as_str());
    Ok(())
}
