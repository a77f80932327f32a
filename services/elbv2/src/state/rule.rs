//! Rules of listeners, besides their default action.

use kernel::{Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::Pairs;
use super::action::Action;
use super::condition::Condition;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub id: String,
    /// The listener's id.
    pub of: String,
    pub priority: i32,
    pub conditions: Vec<Condition>,
    pub action: Action,
    pub tags: Pairs,
}

/// By listener and id.
static RULES: Table<Rule> = Table::new("elbv2/rule");

pub fn find(from: &mut impl Reader, scope: &Scope, of: &str, id: &str) -> Result<Option<Rule>> {
    RULES.get(from, scope, (of, id))
}

/// Those of a listener, by priority.
pub fn all(from: &mut impl Reader, scope: &Scope, of: &str) -> Result<Vec<Rule>> {
    let mut found = RULES.all(from, scope, of)?;
    found.sort_by_key(|rule| rule.priority);
    Ok(found)
}

/// Those of every listener of the account.
pub fn every(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Rule>> {
    RULES.all(from, scope, ())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Rule) -> Result<()> {
    RULES.put(tx, scope, (&*one.of, &*one.id), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Rule) -> Result<()> {
    RULES.delete(tx, scope, (&*one.of, &*one.id))
}
