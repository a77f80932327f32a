//! Reports on which services somebody called: made when asked for, kept for a week.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;

/// By the job's id.
static REPORTS: Table<Report> = Table::new("iam/access-report");

pub const KEPT_MS: Millis = 7 * 86_400_000;
/// The oldest goes when there are more.
const KEPT_MAX: usize = 200;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub made_at: Millis,
    /// Whose, or of which policy: an ARN.
    pub about: String,
    pub with_actions: bool,
    pub services: Vec<Service>,
}

/// A service that the policies allow something of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    pub namespace: String,
    pub name: String,
    /// Those who called it, latest first.
    pub callers: Vec<Caller>,
    /// Of each action called: its name, and who called it last.
    pub actions: Vec<(String, Caller)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    pub arn: String,
    pub at: Millis,
    pub region: String,
}

/// # Errors
/// When there is none, or it is too old.
pub fn get(from: &mut impl Reader, home: &Scope, id: &str, now: Millis) -> Result<Report> {
    let found = REPORTS.get(from, home, id)?.filter(|report| now - report.made_at < KEPT_MS);
    found.ok_or_else(|| errors::no_such_job(id))
}

/// Keeps a report, and lets go of those nobody needs.
pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, id: &str, report: &Report) -> Result<()> {
    let mut known: Vec<_> =
        REPORTS.all_rows(tx, home, ())?.into_iter().map(|(key, known)| (known.made_at, key)).collect();
    known.sort_unstable();
    let old = known.iter().filter(|(made_at, _)| report.made_at - made_at >= KEPT_MS).count();
    let gone = old.max((known.len() + 1).saturating_sub(KEPT_MAX));
    for (_, key) in known.iter().take(gone) {
        if let Some(id) = kernel::key::KeyReader(key).text() {
            REPORTS.delete(tx, home, id.as_str())?;
        }
    }
    REPORTS.put(tx, home, id, report)
}
