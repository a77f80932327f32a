//! Alarms that are to be made as their policies want them, or deleted where no policy has them any more.

use kernel::{Reader, Result, Scope, Table, Tx};

/// By the alarm's name: an id, by which one is told from another of the same alarm that came meanwhile.
static CHORES: Table<String> = Table::new("application-autoscaling/chore");

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, alarm: &str) -> Result<()> {
    let id = tx.ctx().ids().uuid();
    CHORES.put(tx, scope, alarm, &id)
}

/// Its id.
pub fn find(from: &mut impl Reader, scope: &Scope, alarm: &str) -> Result<Option<String>> {
    CHORES.get(from, scope, alarm)
}

/// It was done, unless there is another by now.
pub fn done(tx: &mut Tx<'_, '_>, scope: &Scope, alarm: &str, id: &str) -> Result<()> {
    match find(tx, scope, alarm)? {
        Some(found) if found == id => CHORES.delete(tx, scope, alarm),
        _ => Ok(()),
    }
}

/// Of every account and region.
pub fn of_all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, String)>> {
    CHORES.all_ids(from)
}
