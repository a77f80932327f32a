//! Groups of schedules.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::arn::DEFAULT;
use crate::rules::tag::Tags;

/// Groups of one account in one region (user guide, "Quotas").
pub const GROUPS_MAX: usize = 500;
/// When every account got its default group: as old as the service.
const DEFAULT_SINCE: Millis = 1_668_038_400_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    pub created_at: Millis,
    pub modified_at: Millis,
    pub tags: Tags,
    /// Its schedules are deleted, then it is gone.
    pub is_deleting: bool,
}

/// By name.
static GROUPS: Table<Group> = Table::new("scheduler/group");

fn default() -> Group {
    let (created_at, modified_at) = (DEFAULT_SINCE, DEFAULT_SINCE);
    Group { name: DEFAULT.to_owned(), created_at, modified_at, tags: Tags::new(), is_deleting: false }
}

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Group>> {
    let stored = GROUPS.get(from, scope, name)?;
    Ok(stored.or_else(|| (name == DEFAULT).then(default)))
}

/// # Errors
/// When there is none.
pub fn get(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Group> {
    find(from, scope, name)?.ok_or_else(|| errors::no_group(name))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, group: &Group) -> Result<()> {
    GROUPS.put(tx, scope, &*group.name, group)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    GROUPS.delete(tx, scope, name)
}

/// In the order of their names, the default one among them.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Group>> {
    let mut all = GROUPS.all(from, scope, ())?;
    if !all.iter().any(|group| group.name == DEFAULT) {
        all.push(default());
        all.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(all)
}

/// Those on their way out, of every scope.
pub fn deleting(from: &mut impl Reader) -> Result<Vec<(Scope, String)>> {
    let all = GROUPS.all_scopes(from)?;
    Ok(all
        .into_iter()
        .filter(|(_, group)| group.is_deleting)
        .map(|(scope, group)| (scope, group.name))
        .collect())
}
