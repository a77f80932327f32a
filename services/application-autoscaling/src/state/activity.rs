//! Activities: what was done to a capacity and why, or why nothing was, the newest first, for six weeks.

use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::key::TargetKey;

/// How long activities are shown (API reference, DescribeScalingActivities).
const KEPT_MS: Millis = 42 * 24 * 3_600_000;
/// Of one target; beyond it the oldest go at the next sweep.
const OF_TARGET_MAX: usize = 10_000;
/// Deleted in one sweep.
const BATCH: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    pub id: String,
    pub key: TargetKey,
    pub description: String,
    pub cause: String,
    pub started_at: Millis,
    pub ended_at: Option<Millis>,
    /// AWS's word.
    pub status: String,
    pub message: Option<String>,
    pub not_scaled: Option<NotScaled>,
}

/// Why a capacity stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotScaled {
    /// AWS's word.
    pub code: String,
    pub min: i32,
    pub max: i32,
    pub current: i32,
}

/// By the text of the target's key, time, and id.
static ACTIVITIES: Table<Activity> = Table::new("application-autoscaling/activity");

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Activity) -> Result<()> {
    ACTIVITIES.put(tx, scope, (one.key.text(), -one.started_at, &*one.id), one)
}

pub fn find(
    from: &mut impl Reader,
    scope: &Scope,
    key: &TargetKey,
    (started_at, id): &(Millis, String),
) -> Result<Option<Activity>> {
    ACTIVITIES.get(from, scope, (key.text(), -started_at, &**id))
}

/// When an activity of a target that begins now is said to begin: no two begin together, so that they have an order.
pub fn begins_at(tx: &mut Tx<'_, '_>, scope: &Scope, key: &TargetKey) -> Result<Millis> {
    let now = tx.ctx().now();
    Ok(newest(tx, scope, key)?.map_or(now, |newest| now.max(newest.started_at + 1)))
}

/// The newest of a target.
pub fn newest(from: &mut impl Reader, scope: &Scope, key: &TargetKey) -> Result<Option<Activity>> {
    let rows = ACTIVITIES.list(from, scope, key.text(), None, 1)?;
    Ok(rows.into_iter().next().map(|(_, one)| one))
}

/// The newest first.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Activity>> {
    let mut found = ACTIVITIES.all(from, scope, ())?;
    found.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
    Ok(found)
}

/// Forgets what is too old, or too much.
pub async fn sweep(ctx: &Ctx) -> Result<()> {
    let old = ctx.now() - KEPT_MS;
    let all = ctx.read(|snap| ACTIVITIES.all_scopes(snap)).await?;
    let (mut over, mut of, mut count) = (Vec::new(), None, 0);
    for (scope, one) in all {
        let target = Some((scope, one.key.clone()));
        count = if of == target { count + 1 } else { 1 };
        of = target;
        if (one.started_at < old || count > OF_TARGET_MAX) && over.len() < BATCH {
            over.push((scope, one));
        }
    }
    if over.is_empty() {
        return Ok(());
    }
    ctx.write(|tx| {
        over.iter().try_for_each(|(scope, one)| {
            ACTIVITIES.delete(tx, scope, (one.key.text(), -one.started_at, &*one.id))
        })
    })
    .await
}
