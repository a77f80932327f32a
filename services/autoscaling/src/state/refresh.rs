//! An instance refresh as it is stored.

use api_autoscaling as api;
use kept::Kept;
use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Pending,
    InProgress,
    Baking,
    Successful,
    Failed,
    Cancelling,
    Cancelled,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl Status {
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    pub fn is_active(self) -> bool {
        use Status::{Baking, Cancelling, InProgress, Pending, RollbackInProgress};
        matches!(self, Pending | InProgress | Baking | Cancelling | RollbackInProgress)
    }

    /// New instances are made from what the refresh asks for.
    pub fn leads(self) -> bool {
        matches!(self, Status::Pending | Status::InProgress | Status::Baking)
    }
}

/// A way back that was begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rollback {
    pub reason: String,
    pub started_at: Millis,
    pub percentage: i32,
    pub left: i32,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Refresh {
    pub asked: Kept<api::StartInstanceRefreshType>,
    pub id: String,
    pub status: Status,
    pub reason: Option<String>,
    pub started_at: Millis,
    pub ended_at: Option<Millis>,
    /// Instances to replace, all in all, and those that are left.
    pub total: i32,
    pub left: i32,
    /// Checkpoints that were passed.
    pub passed: usize,
    /// Nothing new before then: a checkpoint, or the time to bake.
    pub waits_until: Option<Millis>,
    pub rollback: Option<Rollback>,
}

impl Refresh {
    /// Whether it says itself what instances are to be from.
    pub fn has_desired(&self) -> bool {
        self.asked.0.desired_configuration.is_some()
    }

    pub fn group(&self) -> &str {
        &self.asked.0.auto_scaling_group_name
    }

    pub fn preferences(&self) -> api::RefreshPreferences {
        self.asked.0.preferences.clone().unwrap_or_default()
    }

    pub fn percentage(&self) -> i32 {
        if self.total == 0 { 100 } else { (self.total - self.left) * 100 / self.total }
    }
}

static REFRESHES: Table<Refresh> = Table::new("autoscaling/refresh");

/// Of a group, the newest first.
pub fn of_group(from: &mut impl Reader, scope: &Scope, group: &str) -> Result<Vec<Refresh>> {
    REFRESHES.all(from, scope, group)
}

/// The one under way.
pub fn active(from: &mut impl Reader, scope: &Scope, group: &str) -> Result<Option<Refresh>> {
    let newest = REFRESHES.list(from, scope, group, None, 1)?;
    Ok(newest.into_iter().map(|(_, one)| one).find(|one| one.status.is_active()))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Refresh) -> Result<()> {
    REFRESHES.put(tx, scope, (one.group(), -one.started_at, &*one.id), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Refresh) -> Result<()> {
    REFRESHES.delete(tx, scope, (one.group(), -one.started_at, &*one.id))
}
