//! Stored jobs.

use kernel::timers::TimerKey;
use kernel::{Key, Millis, Reader, Result, Scope, Table, Tx};

use crate::rules::job::Job;

/// By vault and job.
static JOBS: Table<Job> = Table::new("glacier/job");

/// Timers that end jobs, and forget them a day later.
pub const KIND: &str = "job";

pub fn find(from: &mut impl Reader, scope: &Scope, vault: &str, id: &str) -> Result<Option<Job>> {
    JOBS.get(from, scope, (vault, id))
}

/// Stores a job, to be looked at again at `at`.
pub fn put(tx: &mut Tx<'_, '_>, vault: &str, job: &Job, at: Millis) -> Result<()> {
    let (ctx, scope) = (tx.ctx(), *tx.ctx().scope());
    JOBS.put(tx, &scope, (vault, job.id.as_str()), job)?;
    tx.schedule(&TimerKey::new(ctx, KIND, format!("{vault}/{}", job.id)), at)
}

pub fn delete(tx: &mut Tx<'_, '_>, vault: &str, id: &str) -> Result<()> {
    let scope = *tx.ctx().scope();
    JOBS.delete(tx, &scope, (vault, id))
}

/// Jobs behind the one with the id `after`, in order of their ids.
pub fn list(
    from: &mut impl Reader,
    scope: &Scope,
    vault: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Job>> {
    let after = after.map(|id| (vault, id).to_bytes());
    let rows = JOBS.list(from, scope, vault, after.as_deref(), limit)?;
    Ok(rows.into_iter().map(|(_, job)| job).collect())
}
