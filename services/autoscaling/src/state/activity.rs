//! Activities: what a group did and why, the newest first, for six weeks.

use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// How long activities are kept (user guide, "Verify a scaling activity").
const KEPT_MS: Millis = 42 * 24 * 3_600_000;
/// Looked at in one sweep.
const BATCH: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    pub id: String,
    pub group: String,
    pub group_arn: String,
    pub description: String,
    pub cause: String,
    pub started_at: Millis,
    pub ended_at: Option<Millis>,
    pub status: String,
    pub message: Option<String>,
    pub progress: i32,
    /// JSON: subnet and zone.
    pub details: String,
}

static ACTIVITIES: Table<Activity> = Table::new("autoscaling/activity");

impl Activity {
    /// Where an instance keeps which activity is its own.
    pub fn key(&self) -> (Millis, String) {
        (self.started_at, self.id.clone())
    }
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Activity) -> Result<()> {
    ACTIVITIES.put(tx, scope, (&*one.group, -one.started_at, &*one.id), one)
}

pub fn find(
    from: &mut impl Reader,
    scope: &Scope,
    group: &str,
    key: &(Millis, String),
) -> Result<Option<Activity>> {
    ACTIVITIES.get(from, scope, (group, -key.0, &*key.1))
}

/// Of a group, the newest first.
pub fn of_group(from: &mut impl Reader, scope: &Scope, group: &str) -> Result<Vec<Activity>> {
    ACTIVITIES.all(from, scope, group)
}

/// Of all groups, the newest first.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Activity>> {
    let mut found = ACTIVITIES.all(from, scope, ())?;
    found.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
    Ok(found)
}

/// Forgets what is too old.
pub async fn sweep(ctx: &Ctx) -> Result<()> {
    let old = ctx.now() - KEPT_MS;
    let read = ctx.read(|snap| ACTIVITIES.all_scopes(snap));
    let over: Vec<_> = read.await?.into_iter().filter(|(_, one)| one.started_at < old).take(BATCH).collect();
    if over.is_empty() {
        return Ok(());
    }
    ctx.write(|tx| {
        over.iter().try_for_each(|(scope, one)| {
            ACTIVITIES.delete(tx, scope, (&*one.group, -one.started_at, &*one.id))
        })
    })
    .await
}
