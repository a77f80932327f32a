//! Exports, and how far they are.

use kernel::key::KeyReader;
use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors::Damaged;

/// By id.
static TASKS: Table<Task> = Table::new("logs/export");

/// Of an account in a region; the oldest make room.
pub const TASKS_MAX: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub id: String,
    pub name: Option<String>,
    pub group: String,
    pub stream_prefix: Option<String>,
    pub from: Millis,
    pub to: Millis,
    pub bucket: String,
    pub prefix: Option<String>,
    pub status: Status,
    pub message: Option<String>,
    pub created_at: Millis,
    pub ended_at: Option<Millis>,
    /// The last stream that is in the bucket.
    pub done: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Pending,
    Running,
    Cancelled,
    Completed,
    Failed,
}

impl Status {
    pub fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Cancelled => "CANCELLED",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Task>> {
    TASKS.get(from, scope, id)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, task: &Task) -> Result<()> {
    TASKS.put(tx, scope, task.id.as_str(), task)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    TASKS.delete(tx, scope, id)
}

/// The latest first.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Task>> {
    let rows = TASKS.list(from, scope, (), None, TASKS_MAX + 1)?;
    let mut all: Vec<Task> = rows.into_iter().map(|(_, task)| task).collect();
    all.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    Ok(all)
}

/// Those that go on, of every scope.
pub async fn list_active(ctx: &Ctx, limit: usize) -> Result<Vec<(Scope, String)>> {
    let rows = ctx.read(|snap| TASKS.list_all(snap, None, limit)).await?;
    let mut active = Vec::new();
    for (key, task) in rows.into_iter().filter(|(_, task)| task.status.is_active()) {
        active.push((KeyReader(&key).scope().ok_or(Damaged("export"))?, task.id));
    }
    Ok(active)
}
