//! The stored move task: from which queue to which, how fast, and how far it is.

use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// By source queue and start, newest last.
static TASKS: Table<MoveTask> = Table::new("sqs/move-task");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MoveTask {
    pub id: String,
    /// The queue's name; a queue made again under it has other tasks.
    pub source: String,
    pub source_id: u64,
    /// ARN; `None` sends each message back to where it came from.
    pub destination: Option<String>,
    /// Messages per second.
    pub rate: Option<u32>,
    pub started_at: Millis,
    pub to_move: u64,
    pub moved: u64,
    pub status: Status,
    pub failure: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Running,
    Completed,
    Cancelling,
    Cancelled,
    Failed,
}

impl Status {
    /// As clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Completed => "COMPLETED",
            Status::Cancelling => "CANCELLING",
            Status::Cancelled => "CANCELLED",
            Status::Failed => "FAILED",
        }
    }

    pub fn is_active(self) -> bool {
        matches!(self, Status::Running | Status::Cancelling)
    }
}

/// Tasks kept per source queue; the oldest go first.
pub const KEPT_MAX: usize = 10;

impl MoveTask {
    /// How the controller names it.
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.source, self.started_at, self.id)
    }
}

/// The task a controller's name means.
pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<MoveTask>> {
    let mut parts = name.splitn(3, '/');
    let (Some(source), Some(started_at), Some(id)) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(None);
    };
    let Ok(started_at) = started_at.parse::<Millis>() else { return Ok(None) };
    TASKS.get(from, scope, (source, started_at, id))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, task: &MoveTask) -> Result<()> {
    TASKS.put(tx, scope, (task.source.as_str(), task.started_at, task.id.as_str()), task)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, task: &MoveTask) -> Result<()> {
    TASKS.delete(tx, scope, (task.source.as_str(), task.started_at, task.id.as_str()))
}

/// The tasks of a source queue, oldest first.
pub fn of_source(from: &mut impl Reader, scope: &Scope, source: &str) -> Result<Vec<MoveTask>> {
    let rows = TASKS.list(from, scope, source, None, KEPT_MAX + 1)?;
    Ok(rows.into_iter().map(|(_, task)| task).collect())
}

/// Those not at their end, of every scope, as the controller names them.
pub async fn list_active(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    const PAGE: usize = 1_000;
    let (mut active, mut after) = (Vec::new(), None);
    loop {
        let rows = ctx.read(|snap| TASKS.list_all(snap, after.as_deref(), PAGE)).await?;
        after = rows.last().filter(|_| rows.len() == PAGE).map(|(key, _)| key.clone());
        for (key, task) in rows {
            if let (true, Some(scope)) = (task.status.is_active(), kernel::key::KeyReader(&key).scope()) {
                active.push((scope, task.name()));
            }
        }
        if after.is_none() {
            return Ok(active);
        }
    }
}
