//! Alarms that are to be made as their policies want them, or deleted where no policy has them any more.

use kernel::{Reader, Result, Scope, Table, Tx};

/// By the alarm's name: an id, by which one is told from another of the same alarm that came meanwhile.
#[derive(Debug)]
pub struct Chores(Table<String>);

impl Chores {
    /// `table` is `<service>/<noun>`, unique in the house.
    pub const fn new(table: &'static str) -> Self {
        Self(Table::new(table))
    }

    /// # Errors
    /// When the store fails, as everywhere here.
    pub fn put(&self, tx: &mut Tx<'_, '_>, scope: &Scope, alarm: &str) -> Result<()> {
        let id = tx.ctx().ids().uuid();
        self.0.put(tx, scope, alarm, &id)
    }

    /// Its id.
    pub fn find(&self, from: &mut impl Reader, scope: &Scope, alarm: &str) -> Result<Option<String>> {
        self.0.get(from, scope, alarm)
    }

    /// It was done, by what was so when the chore had this id. Where that has changed since, somebody else has seen to the
    /// alarm, and which of the two came last nobody knows: then it is to be seen to again, and this is true.
    pub fn done(&self, tx: &mut Tx<'_, '_>, scope: &Scope, alarm: &str, id: Option<&str>) -> Result<bool> {
        let found = self.find(tx, scope, alarm)?;
        if found.is_some() && found.as_deref() == id {
            self.0.delete(tx, scope, alarm)?;
            return Ok(false);
        }
        self.put(tx, scope, alarm)?;
        Ok(true)
    }

    /// Of every account and region.
    pub fn of_all_scopes(&self, from: &mut impl Reader) -> Result<Vec<(Scope, String)>> {
        self.0.all_ids(from)
    }
}
