//! Metrics that events made and CloudWatch has not taken yet; and filters that wait to see whether a minute has none.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kernel::key::KeyReader;
use kernel::{Ctx, Millis, Result, Scope, Table, Tx};

use crate::errors::Damaged;
use crate::rules::metric::{Point, Transformation, single};

/// By instant and a number by chance.
static POINTS: Table<Vec<Point>> = Table::new("logs/point");

/// The key of a row.
pub type Id = (Millis, u64);

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, id: Id, points: &Vec<Point>) -> Result<()> {
    POINTS.put(tx, scope, id, points)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: Id) -> Result<()> {
    POINTS.delete(tx, scope, id)
}

/// The oldest of a scope.
pub async fn oldest(ctx: &Ctx, limit: usize) -> Result<Vec<(Id, Vec<Point>)>> {
    let rows = ctx.read(|snap| POINTS.list(snap, ctx.scope(), (), None, limit)).await?;
    let read = |(key, points): (bytes::Bytes, Vec<Point>)| {
        let mut key = KeyReader(&key);
        let id = key.signed().zip(key.number());
        id.map(|id| (id, points)).ok_or_else(|| Damaged("metric").into())
    };
    rows.into_iter().map(read).collect()
}

/// Scopes that have any.
pub async fn scopes(ctx: &Ctx, limit: usize) -> Result<Vec<Scope>> {
    let rows = ctx.read(|snap| POINTS.list_all(snap, None, limit)).await?;
    let mut scopes = Vec::new();
    for (key, _) in rows {
        let scope = KeyReader(&key).scope().ok_or(Damaged("metric"))?;
        if scopes.last() != Some(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// Filters with a default value, by scope, group and name: what they make of nothing, and whether they saw something.
#[derive(Debug, Default)]
pub struct Quiet(Mutex<HashMap<FilterKey, (Transformation, bool)>>);

type FilterKey = (Scope, u64, String);

/// Waiting filters; more have no default value for that minute.
const QUIET_MAX: usize = 100_000;

impl Quiet {
    /// Events came by, and did or did not match.
    pub fn note(&self, scope: Scope, group: u64, filter: &str, made: &Transformation, matched: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < QUIET_MAX {
            all.entry((scope, group, filter.to_owned())).or_insert_with(|| (made.clone(), false)).1 |=
                matched;
        }
    }

    /// The defaults of those that saw events and none that matched.
    pub fn take(&self, now: Millis) -> HashMap<Scope, Vec<Point>> {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut points: HashMap<Scope, Vec<Point>> = HashMap::new();
        for ((scope, ..), (made, matched)) in all {
            if let (false, Some(default)) = (matched, made.default) {
                points.entry(scope).or_default().push(single(&made, now, default));
            }
        }
        points
    }
}
