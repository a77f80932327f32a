//! Invocations under way: each is there until its target has it, or it is given up.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::schedule::{Schedule, Target};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    /// What AWS calls the execution.
    pub id: String,
    pub group: String,
    pub schedule: String,
    /// As it was when it was due.
    pub target: Target,
    pub scheduled_at: Millis,
    pub begun_at: Millis,
    /// Not before this.
    pub due_at: Millis,
    pub tries: i32,
    /// Why it can only go to the dead letters: code, message, and the condition that is exhausted.
    pub dead: Option<(String, String, Option<String>)>,
}

/// By id.
static INVOCATIONS: Table<Invocation> = Table::new("scheduler/invocation");

/// One of a schedule, for a time of it; gives its id.
pub fn begin(tx: &mut Tx<'_, '_>, scope: &Scope, of: &Schedule, scheduled_at: Millis) -> Result<String> {
    let now = tx.ctx().now();
    let one = Invocation {
        id: tx.ctx().ids().uuid(),
        group: of.group.clone(),
        schedule: of.name.clone(),
        target: of.target.clone(),
        scheduled_at,
        begun_at: now,
        due_at: now,
        tries: 0,
        dead: None,
    };
    put(tx, scope, &one)?;
    Ok(one.id)
}

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Invocation>> {
    INVOCATIONS.get(from, scope, id)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Invocation) -> Result<()> {
    INVOCATIONS.put(tx, scope, &*one.id, one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    INVOCATIONS.delete(tx, scope, id)
}

/// Of every account and region.
pub fn ids_of_all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, String)>> {
    INVOCATIONS.all_ids(from)
}
