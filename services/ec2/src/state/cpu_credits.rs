//! Accounts of CPU credits, one for each burstable instance that has run, and what families do by default.

use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::cpu_credits::{STANDARD, UNLIMITED};
use crate::state::id::InstanceId;

/// Credits in millionths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub balance: u64,
    /// Spent beyond that, and not yet paid by earning.
    pub surplus: u64,
    /// Billed, in all.
    pub charged: u64,
    /// Spent since the metrics were last put.
    pub used: u64,
    /// When the account was opened.
    pub since: Millis,
    /// When it was last looked at, and what the machine had used then.
    pub at: Millis,
    pub cpu_ns: u64,
    /// The start of the machine that this is counted from.
    pub started_at: Millis,
    /// When metrics were last put.
    pub told_at: Millis,
}

static ACCOUNTS: Table<Account> = Table::new("ec2/cpu-credits");
/// By family: whether it is unlimited, where that was changed.
static DEFAULTS: Table<bool> = Table::new("ec2/default-cpu-credits");
/// By family: when that was changed, as far back as it counts.
static DEFAULT_CHANGES: Table<Vec<Millis>> = Table::new("ec2/default-cpu-credits-changes");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &InstanceId) -> Result<Option<Account>> {
    ACCOUNTS.get(from, scope, id)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId, account: &Account) -> Result<()> {
    ACCOUNTS.put(tx, scope, id, account)
}

pub fn forget(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId) -> Result<()> {
    ACCOUNTS.delete(tx, scope, id)
}

/// What instances of a burstable family do where a launch says nothing of it.
pub fn default_of(from: &mut impl Reader, scope: &Scope, family: &str) -> Result<&'static str> {
    let unlimited = DEFAULTS.get(from, scope, family)?.unwrap_or(family != "t2");
    Ok(if unlimited { UNLIMITED } else { STANDARD })
}

pub fn default_changes(from: &mut impl Reader, scope: &Scope, family: &str) -> Result<Vec<Millis>> {
    Ok(DEFAULT_CHANGES.get(from, scope, family)?.unwrap_or_default())
}

/// Changes a family's default, and notes when its changes were.
pub fn put_default(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    family: &str,
    unlimited: bool,
    changes: &Vec<Millis>,
) -> Result<()> {
    DEFAULT_CHANGES.put(tx, scope, family, changes)?;
    DEFAULTS.put(tx, scope, family, &unlimited)
}
