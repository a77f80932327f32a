//! Does scheduled actions when their time has come.

use kernel::{Ctx, Result};

use super::group::CONTROLLER;
use crate::rules::cause::{self, Wanting};
use crate::rules::scheduled_action as rules;
use crate::state::group;
use crate::state::scheduled_action::{self, ScheduledAction};

/// The timer of an action, `group:action`, has gone off.
pub async fn due(ctx: &Ctx, key: String) -> Result<()> {
    let Some((group_name, name)) = key.split_once(':') else { return Ok(()) };
    let (scope, now) = (*ctx.scope(), ctx.now());
    ctx.write(|tx| {
        let Some(action) = scheduled_action::find(tx, &scope, group_name, name)? else { return Ok(()) };
        // It was moved meanwhile.
        if action.next_at > now {
            return Ok(());
        }
        match rules::next(&action.asked.0, now) {
            Some(next_at) => {
                scheduled_action::put(tx, &scope, &ScheduledAction { next_at, ..action.clone() })?;
            }
            None => scheduled_action::delete(tx, &scope, &action)?,
        }
        let Some(mut found) = group::find(tx, &scope, group_name)? else { return Ok(()) };
        if found.is_deleting || found.is_suspended("ScheduledActions") {
            return Ok(());
        }
        let given = |size: Option<i32>| size.filter(|size| *size != -1);
        let asked = &action.asked.0;
        let (min, max) = (given(asked.min_size), given(asked.max_size));
        let sizes = &mut found.asked.0;
        sizes.min_size = min.unwrap_or(sizes.min_size);
        sizes.max_size = max.unwrap_or(sizes.max_size).max(sizes.min_size);
        let wanted = given(asked.desired_capacity).unwrap_or(found.desired);
        let wanted = wanted.clamp(found.asked.0.min_size, found.asked.0.max_size);
        if wanted != found.desired {
            let wanting = Wanting::Scheduled { action: name, min, max };
            found.cause = Some(cause::desired(now, &wanting, found.desired, wanted));
            found.desired = wanted;
        }
        group::put(tx, &scope, &found)
    })
    .await?;
    ctx.nudge(CONTROLLER, group_name);
    Ok(())
}
