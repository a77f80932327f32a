//! Activities: what was done to a capacity and why, or why nothing was, the newest first, for six weeks.

use kernel::key::KeyReader;
use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::target::Change;
use crate::rules::key::TargetKey;

/// How long activities are shown (API reference, DescribeScalingActivities).
const KEPT_MS: Millis = 42 * 24 * 3_600_000;
/// Of one target; beyond it the oldest go at the next sweep.
const OF_TARGET_MAX: usize = 10_000;
/// Looked at in one step of a sweep.
const PAGE: usize = 1_000;

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

/// Writes down how a change fares.
pub fn tell(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    key: &TargetKey,
    change: &Change,
    (status, message): (&str, &str),
    is_over: bool,
) -> Result<()> {
    let (started_at, id) = &change.activity;
    let found = ACTIVITIES.get(tx, scope, (key.text(), -started_at, &**id))?;
    let Some(found) = found else { return Ok(()) };
    let ended_at = is_over.then(|| tx.ctx().now().max(found.started_at));
    let (status, message) = (status.to_owned(), Some(message.to_owned()));
    put(tx, scope, &Activity { ended_at, status, message, ..found })
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

/// Forgets what is too old, or too much: all of it, a page at a time, so that none piles up.
pub async fn sweep(ctx: &Ctx) -> Result<()> {
    let old = ctx.now() - KEPT_MS;
    let (mut after, mut of, mut count) = (None::<Vec<u8>>, None, 0);
    loop {
        let rows = ctx.read(|snap| ACTIVITIES.list_all(snap, after.as_deref(), PAGE)).await?;
        let last = rows.get(PAGE - 1).map(|(key, _)| key.to_vec());
        let mut over = Vec::new();
        for (key, one) in rows {
            let Some(scope) = KeyReader(&key).scope() else { continue };
            let target = Some((scope, one.key.clone()));
            count = if of == target { count + 1 } else { 1 };
            of = target;
            if one.started_at < old || count > OF_TARGET_MAX {
                over.push((scope, one));
            }
        }
        if !over.is_empty() {
            ctx.write(|tx| {
                over.iter().try_for_each(|(scope, one)| {
                    ACTIVITIES.delete(tx, scope, (one.key.text(), -one.started_at, &*one.id))
                })
            })
            .await?;
        }
        match last {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}
