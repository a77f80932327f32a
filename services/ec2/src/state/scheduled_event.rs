//! Scheduled events: what will be done to an instance, and when.

use kernel::timers::TimerKey;
use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::state::id::InstanceId;

/// The timer of an event: named by its instance and itself.
pub const DUE: &str = "scheduled-event";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledEvent {
    /// `instance-event-…`
    pub id: String,
    pub instance: InstanceId,
    pub code: Code,
    pub description: String,
    pub not_before: Millis,
    pub not_after: Option<Millis>,
    /// Until when it can be put off; without, it cannot.
    pub deadline: Option<Millis>,
    pub ended: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Code {
    InstanceReboot,
    SystemReboot,
    SystemMaintenance,
    InstanceRetirement,
    InstanceStop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    Completed,
    Canceled,
}

/// By instance and event.
static EVENTS: Table<ScheduledEvent> = Table::new("ec2/scheduled-event");

/// Those of an instance, ended ones too, in the order of their ids.
pub fn of_instance(
    from: &mut impl Reader,
    scope: &Scope,
    instance: &InstanceId,
) -> Result<Vec<ScheduledEvent>> {
    EVENTS.all(from, scope, instance)
}

pub fn find(
    from: &mut impl Reader,
    scope: &Scope,
    instance: &InstanceId,
    id: &str,
) -> Result<Option<ScheduledEvent>> {
    EVENTS.get(from, scope, (instance, id))
}

/// Writes an event; while it has not ended, its timer runs to its time.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, event: &ScheduledEvent) -> Result<()> {
    EVENTS.put(tx, scope, (&event.instance, event.id.as_str()), event)?;
    match event.ended {
        Some(_) => Ok(()),
        None => {
            let name = format!("{}/{}", event.instance, event.id);
            let timer = TimerKey { scope: *scope, ..TimerKey::new(tx.ctx(), DUE, name) };
            tx.schedule(&timer, event.not_before)
        }
    }
}

/// Forgets those of an instance that is forgotten.
pub fn forget_of(tx: &mut Tx<'_, '_>, scope: &Scope, instance: &InstanceId) -> Result<()> {
    for event in of_instance(tx, scope, instance)? {
        EVENTS.delete(tx, scope, (instance, event.id.as_str()))?;
    }
    Ok(())
}
