//! Does scheduled actions when their time has come: other bounds, which the capacity then keeps within.

use kernel::{Ctx, Result};

use super::target::CONTROLLER;
use crate::rules::scheduled_action as rules;
use crate::state::activity::{self, Activity};
use crate::state::scheduled_action::{self, ScheduledAction, of_timer};
use crate::state::target::{self, By, Demand, Target};

/// The timer of an action has gone off.
pub async fn due(ctx: &Ctx, timer: String) -> Result<()> {
    let Some((key, name)) = of_timer(&timer) else { return Ok(()) };
    let (scope, now) = (*ctx.scope(), ctx.now());
    ctx.write(|tx| {
        let Some(action) = scheduled_action::find(tx, &scope, &key, name)? else { return Ok(()) };
        // It was moved meanwhile.
        if action.next_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        // What was missed while the house was closed comes once.
        let next_at = rules::next(&action.asked.0, action.since, now);
        scheduled_action::put(tx, &scope, &ScheduledAction { next_at, ..action.clone() })?;
        let Some(mut target) = target::find(tx, &scope, &key)? else { return Ok(()) };
        if target.suspended.scheduled {
            return Ok(());
        }
        let words = set_bounds(&mut target, &action);
        let id = tx.ctx().ids().uuid();
        target.demand(Demand { id: tx.ctx().ids().uuid(), by: By::Bounds });
        target::put(tx, &scope, &target)?;
        let at = activity::begins_at(tx, &scope, &key)?;
        let activity = Activity {
            id,
            key: key.clone(),
            description: format!("Setting {words}"),
            cause: format!("scheduled action name {name} was triggered"),
            started_at: at,
            ended_at: Some(at),
            status: "Successful".to_owned(),
            message: Some(format!("Successfully set {words}")),
            not_scaled: None,
        };
        activity::put(tx, &scope, &activity)
    })
    .await?;
    ctx.nudge(CONTROLLER, &key.text());
    Ok(())
}

/// Sets what the action says; what it leaves out gives way. In words, what was set.
fn set_bounds(target: &mut Target, action: &ScheduledAction) -> String {
    let asked = action.asked.0.scalable_target_action.clone().unwrap_or_default();
    match (asked.min_capacity, asked.max_capacity) {
        (Some(min), Some(max)) => {
            (target.min, target.max) = (min, max);
            format!("min capacity to {min} and max capacity to {max}")
        }
        (Some(min), None) => {
            (target.min, target.max) = (min, target.max.max(min));
            format!("min capacity to {min}")
        }
        (None, max) => {
            let max = max.unwrap_or(target.max);
            (target.min, target.max) = (target.min.min(max), max);
            format!("max capacity to {max}")
        }
    }
}
