//! Queries and what they found. What was asked is stored; what was found is kept in memory, and found again if need be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::key::KeyReader;
use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors::Damaged;

/// By id.
static QUERIES: Table<Query> = Table::new("logs/query");

/// How long a query is remembered.
pub const KEPT_MS: Millis = 7 * 86_400_000;
/// Of an account in a region; the oldest make room.
pub const QUERIES_MAX: usize = 1_000;
/// Bytes of findings that are kept of all queries.
const FOUND_BYTES_MAX: usize = 64 << 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    pub id: String,
    pub text: String,
    pub groups: Vec<String>,
    pub from: Millis,
    /// Inclusive.
    pub to: Millis,
    pub limit: Option<usize>,
    pub status: Status,
    pub created_at: Millis,
    pub ended_at: Option<Millis>,
    pub by: String,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Running,
    Complete,
    Failed,
    Cancelled,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// Names and values of a row.
pub type Row = Vec<(String, String)>;

/// What a query found.
#[derive(Debug, Default)]
pub struct Found {
    pub rows: Vec<Row>,
    pub matched: u64,
    pub scanned: u64,
    pub bytes: u64,
}

impl Found {
    fn size(&self) -> usize {
        self.rows.iter().flatten().map(|(name, value)| name.len() + value.len() + 48).sum()
    }
}

/// By scope and query, with the instant it was found.
#[derive(Debug, Default)]
pub struct Findings(Mutex<ByQuery>);

type ByQuery = HashMap<(Scope, String), (Millis, Arc<Found>)>;

impl Findings {
    fn all(&self) -> MutexGuard<'_, ByQuery> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn find(&self, scope: &Scope, id: &str) -> Option<Arc<Found>> {
        self.all().get(&(*scope, id.to_owned())).map(|(_, found)| found.clone())
    }

    /// The oldest make room.
    pub fn keep(&self, scope: &Scope, id: &str, found: Found, now: Millis) {
        let mut all = self.all();
        let mut room = FOUND_BYTES_MAX.saturating_sub(found.size());
        let mut latest: Vec<_> =
            all.iter().map(|(key, (at, found))| (*at, key.clone(), found.size())).collect();
        latest.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| b.1.cmp(&a.1)));
        for (_, key, size) in latest {
            match room.checked_sub(size) {
                Some(left) => room = left,
                None => drop(all.remove(&key)),
            }
        }
        all.insert((*scope, id.to_owned()), (now, Arc::new(found)));
    }

    pub fn forget_all(&self) {
        self.all().clear();
    }
}

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Query>> {
    QUERIES.get(from, scope, id)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, query: &Query) -> Result<()> {
    QUERIES.put(tx, scope, query.id.as_str(), query)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    QUERIES.delete(tx, scope, id)
}

/// The latest first.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Query>> {
    let rows = QUERIES.list(from, scope, (), None, QUERIES_MAX + 1)?;
    let mut all: Vec<Query> = rows.into_iter().map(|(_, query)| query).collect();
    all.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    Ok(all)
}

/// Those that go on, of every scope.
pub async fn list_running(ctx: &Ctx, limit: usize) -> Result<Vec<(Scope, String)>> {
    let rows = ctx.read(|snap| QUERIES.list_all(snap, None, limit)).await?;
    let mut running = Vec::new();
    for (key, query) in rows.into_iter().filter(|(_, query)| query.status == Status::Running) {
        running.push((KeyReader(&key).scope().ok_or(Damaged("query"))?, query.id));
    }
    Ok(running)
}
