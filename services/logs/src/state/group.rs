//! Groups, with their filters.

use std::collections::BTreeMap;

use kernel::{Ctx, Key, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::group::DAY_MS;
use crate::rules::metric::Transformation;

/// By name.
static GROUPS: Table<Group> = Table::new("logs/group");

const PAGE: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its events are kept under this id; a group made again under the same name has another.
    pub id: u64,
    pub name: String,
    pub created_at: Millis,
    pub retention_days: Option<u32>,
    /// ARN of the key its events are sealed under.
    pub kms_key: Option<String>,
    pub is_protected: bool,
    pub tags: BTreeMap<String, String>,
    /// By name.
    pub metric_filters: BTreeMap<String, MetricFilter>,
    /// By name.
    pub subscriptions: BTreeMap<String, Subscription>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    pub pattern: String,
    pub transformation: Transformation,
    pub created_at: Millis,
    pub on_transformed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    pub pattern: String,
    pub destination: String,
    pub role: Option<String>,
    pub distribution: Option<String>,
    pub created_at: Millis,
}

impl Group {
    /// How long it keeps events; `None` for ever.
    pub fn keeps_ms(&self) -> Option<Millis> {
        self.retention_days.map(|days| Millis::from(days) * DAY_MS)
    }

    /// Older events are not shown any more.
    pub fn begins_at(&self, now: Millis) -> Millis {
        self.keeps_ms().map_or(0, |keeps| now - keeps)
    }
}

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Group>> {
    GROUPS.get(from, scope, name)
}

/// # Errors
/// When there is no such group.
pub fn get(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Group> {
    find(from, scope, name)?.ok_or_else(|| errors::not_found("log group"))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, group: &Group) -> Result<()> {
    GROUPS.put(tx, scope, group.name.as_str(), group)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    GROUPS.delete(tx, scope, name)
}

/// Changes a group that exists.
///
/// # Errors
/// When it does not, and those of `f`.
pub async fn change<T: Send>(
    ctx: &Ctx,
    name: &str,
    f: impl Fn(&mut Group) -> Result<T> + Send + Sync,
) -> Result<T> {
    ctx.write(|tx| {
        let mut group = get(tx, ctx.scope(), name)?;
        let before = group.clone();
        let value = f(&mut group)?;
        if group != before {
            put(tx, ctx.scope(), &group)?;
        }
        Ok(value)
    })
    .await
}

/// In the order of their names, behind the name `after`.
pub fn list(from: &mut impl Reader, scope: &Scope, after: Option<&str>, limit: usize) -> Result<Vec<Group>> {
    let after = after.map(Key::to_bytes);
    let rows = GROUPS.list(from, scope, (), after.as_deref(), limit)?;
    Ok(rows.into_iter().map(|(_, group)| group).collect())
}

/// Groups that `wanted` takes, in the order of their names, behind the name `after`; at most `limit`.
pub async fn list_where(
    ctx: &Ctx,
    after: Option<String>,
    limit: usize,
    wanted: impl Fn(&Group) -> bool,
) -> Result<Vec<Group>> {
    let (mut after, mut found) = (after, Vec::new());
    loop {
        let rows = ctx.read(|snap| list(snap, ctx.scope(), after.as_deref(), PAGE)).await?;
        let is_last = rows.len() < PAGE;
        after = rows.last().map(|group| group.name.clone());
        found.extend(rows.into_iter().filter(&wanted).take(limit - found.len()));
        if is_last || found.len() >= limit {
            return Ok(found);
        }
    }
}

/// Of every scope.
pub async fn list_all(ctx: &Ctx) -> Result<Vec<(Scope, Group)>> {
    let (mut all, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let rows = ctx.read(|snap| GROUPS.list_all(snap, after.as_deref(), PAGE)).await?;
        let is_last = rows.len() < PAGE;
        after = rows.last().map(|(key, _)| key.to_vec());
        for (key, group) in rows {
            let scope = kernel::key::KeyReader(&key).scope().ok_or(errors::Damaged("group"))?;
            all.push((scope, group));
        }
        if is_last {
            return Ok(all);
        }
    }
}
