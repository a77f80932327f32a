//! Dashboards as they are stored: of an account, whatever the region.

use kernel::{Ctx, Key, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// By name.
static DASHBOARDS: Table<Dashboard> = Table::new("cloudwatch/dashboard");
/// Where dashboards of all regions are kept.
const HOME: &str = "us-east-1";

/// A dashboard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dashboard {
    pub name: String,
    /// As it was put.
    pub body: String,
    pub modified_at: Millis,
}

fn home(ctx: &Ctx) -> Scope {
    Scope { account: ctx.account(), region: HOME.parse().unwrap_or(ctx.region()) }
}

pub fn arn(scope: &Scope, name: &str) -> String {
    format!("arn:{}:cloudwatch::{}:dashboard/{name}", scope.partition(), scope.account)
}

pub fn find(ctx: &Ctx, from: &mut impl Reader, name: &str) -> Result<Option<Dashboard>> {
    DASHBOARDS.get(from, &home(ctx), name)
}

pub fn put(ctx: &Ctx, tx: &mut Tx<'_, '_>, dashboard: &Dashboard) -> Result<()> {
    DASHBOARDS.put(tx, &home(ctx), dashboard.name.as_str(), dashboard)
}

pub fn delete(ctx: &Ctx, tx: &mut Tx<'_, '_>, name: &str) -> Result<()> {
    DASHBOARDS.delete(tx, &home(ctx), name)
}

/// In the order of their names, behind the name `after`.
pub fn list(ctx: &Ctx, from: &mut impl Reader, after: Option<&str>, limit: usize) -> Result<Vec<Dashboard>> {
    let after = after.map(Key::to_bytes);
    let rows = DASHBOARDS.list(from, &home(ctx), (), after.as_deref(), limit)?;
    Ok(rows.into_iter().map(|(_, dashboard)| dashboard).collect())
}
