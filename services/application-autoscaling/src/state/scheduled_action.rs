//! Scheduled actions as they are stored; a durable timer goes off for each.

use api_application_autoscaling as api;
use kept::Kept;
use kernel::timers::TimerKey;
use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::key::TargetKey;

#[derive(Clone, Serialize, Deserialize)]
pub struct ScheduledAction {
    pub key: TargetKey,
    pub asked: Kept<api::PutScheduledActionRequest>,
    pub uuid: String,
    pub created_at: Millis,
    /// When it was last put: what a rate without a start is counted from.
    pub since: Millis,
    /// `None` when it is over.
    pub next_at: Option<Millis>,
}

/// The kind of its timer; the timer's name is a target's key and the action's name.
pub const TIMER: &str = "scheduled-action";

impl ScheduledAction {
    pub fn name(&self) -> &str {
        &self.asked.0.scheduled_action_name
    }

    pub fn arn(&self, scope: &Scope) -> String {
        let (uuid, path, name) = (&self.uuid, self.key.path(), self.name());
        scope.arn("autoscaling", format_args!("scheduledAction:{uuid}:{path}:scheduledActionName/{name}"))
    }

    fn timer(&self, ctx: &Ctx) -> TimerKey {
        TimerKey::new(ctx, TIMER, format!("{}|{}", self.key.text(), self.name()))
    }
}

/// What a timer's name says. Names have no bar in them.
pub fn of_timer(name: &str) -> Option<(TargetKey, &str)> {
    let (key, name) = name.rsplit_once('|')?;
    Some((TargetKey::parse(key)?, name))
}

/// By the text of the target's key, and name.
static ACTIONS: Table<ScheduledAction> = Table::new("application-autoscaling/scheduled-action");

pub fn find(
    from: &mut impl Reader,
    scope: &Scope,
    key: &TargetKey,
    name: &str,
) -> Result<Option<ScheduledAction>> {
    ACTIONS.get(from, scope, (key.text(), name))
}

pub fn of_target(from: &mut impl Reader, scope: &Scope, key: &TargetKey) -> Result<Vec<ScheduledAction>> {
    ACTIONS.all(from, scope, key.text())
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<ScheduledAction>> {
    ACTIONS.all(from, scope, ())
}

/// Stores it, and sets its timer.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &ScheduledAction) -> Result<()> {
    let timer = one.timer(tx.ctx());
    match one.next_at {
        Some(at) => tx.schedule(&timer, at)?,
        None => drop(tx.unschedule(&timer)?),
    }
    ACTIONS.put(tx, scope, (one.key.text(), one.name()), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, one: &ScheduledAction) -> Result<()> {
    let timer = one.timer(tx.ctx());
    tx.unschedule(&timer)?;
    ACTIONS.delete(tx, scope, (one.key.text(), one.name()))
}
