//! Invocations under way: each is there until its target has it, or it is given up.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use retry::Course;
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
    #[serde(flatten)]
    pub course: Course,
}

/// By id.
static INVOCATIONS: Table<Invocation> = Table::new("scheduler/invocation");

/// One of a schedule, for a time of it; gives its id.
pub fn begin(tx: &mut Tx<'_, '_>, scope: &Scope, of: &Schedule, scheduled_at: Millis) -> Result<String> {
    let one = Invocation {
        id: tx.ctx().ids().uuid(),
        group: of.group.clone(),
        schedule: of.name.clone(),
        target: of.target.clone(),
        scheduled_at,
        course: Course::begin(tx.ctx().now()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_flat_and_those_of_before_read_on() {
        let old = serde_json::json!({
            "id": "i", "group": "g", "schedule": "s", "scheduled_at": 1,
            "target": { "arn": "a", "role_arn": "r", "input": null, "group": null, "event": null, "retry": null,
                "dead_letters": null },
            "begun_at": 2, "due_at": 3, "tries": 4, "dead": ["code", "message", null],
        });
        let read: Invocation = serde_json::from_value(old.clone()).unwrap();
        assert_eq!((read.course.own.begun_at, read.course.due_at(), read.course.own.tries), (2, 3, 4));
        assert_eq!(read.course.dead, Some(("code".to_owned(), "message".to_owned(), None)));
        let mut written = serde_json::to_value(&read).unwrap();
        assert_eq!(
            written.as_object_mut().and_then(|all| all.remove("letter")),
            Some(serde_json::Value::Null)
        );
        assert_eq!(written, old);
    }
}
