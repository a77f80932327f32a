//! Buses. The default one is there without a record.

use kernel::{Millis, Reader, ResourcePolicy, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::arn::DEFAULT;
use crate::rules::tag::Tags;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bus {
    pub name: String,
    pub description: Option<String>,
    /// Who may put events.
    pub policy: Option<ResourcePolicy>,
    pub tags: Tags,
    pub created_at: Millis,
    pub changed_at: Millis,
}

static BUSES: Table<Bus> = Table::new("events/bus");

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Bus>> {
    let found = BUSES.get(from, scope, name)?;
    Ok(found.or_else(|| (name == DEFAULT).then(|| Bus { name: DEFAULT.to_owned(), ..Bus::default() })))
}

/// By name.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Bus>> {
    let mut found = BUSES.all(from, scope, ())?;
    if !found.iter().any(|bus| bus.name == DEFAULT) {
        found.push(Bus { name: DEFAULT.to_owned(), ..Bus::default() });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, bus: &Bus) -> Result<()> {
    BUSES.put(tx, scope, &*bus.name, bus)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    BUSES.delete(tx, scope, name)
}
