//! A scheduled action as it is stored; a durable timer goes off for it.

use api_autoscaling as api;
use kept::Kept;
use kernel::timers::TimerKey;
use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
pub struct ScheduledAction {
    pub asked: Kept<api::PutScheduledUpdateGroupActionType>,
    pub uuid: String,
    pub next_at: Millis,
}

/// The kind of its timer; the timer's name is `group:action`.
pub const TIMER: &str = "scheduled-action";

impl ScheduledAction {
    pub fn name(&self) -> &str {
        &self.asked.0.scheduled_action_name
    }

    pub fn group(&self) -> &str {
        &self.asked.0.auto_scaling_group_name
    }

    pub fn arn(&self, scope: &Scope) -> String {
        let (uuid, group, name) = (&self.uuid, self.group(), self.name());
        scope.arn(
            "autoscaling",
            format_args!(
                "scheduledUpdateGroupAction:{uuid}:autoScalingGroupName/{group}:scheduledActionName/{name}"
            ),
        )
    }

    fn timer(&self, ctx: &Ctx) -> TimerKey {
        TimerKey::new(ctx, TIMER, format!("{}:{}", self.group(), self.name()))
    }
}

static ACTIONS: Table<ScheduledAction> = Table::new("autoscaling/scheduled-action");

pub fn find(
    from: &mut impl Reader,
    scope: &Scope,
    group: &str,
    name: &str,
) -> Result<Option<ScheduledAction>> {
    ACTIONS.get(from, scope, (group, name))
}

pub fn of_group(from: &mut impl Reader, scope: &Scope, group: &str) -> Result<Vec<ScheduledAction>> {
    ACTIONS.all(from, scope, group)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<ScheduledAction>> {
    ACTIONS.all(from, scope, ())
}

/// Stores it, and sets its timer.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &ScheduledAction) -> Result<()> {
    let timer = one.timer(tx.ctx());
    tx.schedule(&timer, one.next_at)?;
    ACTIONS.put(tx, scope, (one.group(), one.name()), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, one: &ScheduledAction) -> Result<()> {
    let timer = one.timer(tx.ctx());
    tx.unschedule(&timer)?;
    ACTIONS.delete(tx, scope, (one.group(), one.name()))
}
