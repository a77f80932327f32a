//! Usage: what a bill will be computed from. Written down from the first day, priced later.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use foldhash::HashMap;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::error::Result;
use crate::house::House;
use crate::key::KeyReader;
use crate::scope::Scope;
use crate::table::Table;
use crate::tx::{Snapshot, Tx};

/// One metering line: how much of what, of which resource, from when to when.
///
/// A line is known by service, usage type, resource and start: writing it again with a later end and a greater
/// quantity replaces it, so a line of something that still runs can be brought up to date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    pub service: String,
    /// AWS's usage type without its region prefix: `BoxUsage:t3.micro`, `Requests-Tier1`.
    pub usage_type: String,
    /// Id or ARN; empty where usage is of the account as a whole.
    pub resource: String,
    pub start_at: Millis,
    pub end_at: Millis,
    pub quantity: u64,
    /// `Seconds`, `Requests`, `Bytes`, `ByteSeconds`.
    pub unit: String,
}

static USAGE: Table<Usage> = Table::new("kernel/usage");

const HOUR_MS: Millis = 3_600_000;
/// Lines read at a time.
const PAGE: usize = 1_000;

/// What an account used in a region: all lines of one usage type together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Total {
    pub account: String,
    pub region: String,
    pub service: String,
    pub usage_type: String,
    pub quantity: u64,
    pub unit: String,
    /// How many lines it is the sum of.
    pub lines: u64,
}

impl House {
    /// What everybody used, by account, region, service and usage type.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn usage(&self) -> Result<Vec<Total>> {
        let mut totals: BTreeMap<(Scope, String, String, String), (u64, u64)> = BTreeMap::new();
        let mut after: Option<Bytes> = None;
        loop {
            let page = |snap: &_| USAGE.list_all(&mut Snapshot(snap), after.as_deref(), PAGE);
            let rows = self.store().read(page).await?;
            for (key, line) in &rows {
                let Some(scope) = KeyReader(key).scope() else { continue };
                let of = (scope, line.service.clone(), line.usage_type.clone(), line.unit.clone());
                let (quantity, lines) = totals.entry(of).or_default();
                *quantity = quantity.saturating_add(line.quantity);
                *lines += 1;
            }
            match rows.last() {
                Some((key, _)) if rows.len() == PAGE => after = Some(key.clone()),
                _ => break,
            }
        }
        let shown = |((scope, service, usage_type, unit), (quantity, lines)): ((Scope, _, _, _), _)| Total {
            account: scope.account.to_string(),
            region: scope.region.to_string(),
            service,
            usage_type,
            quantity,
            unit,
            lines,
        };
        Ok(totals.into_iter().map(shown).collect())
    }
}

pub(crate) fn record(tx: &mut Tx<'_, '_>, usage: &Usage) -> Result<()> {
    let scope = *tx.ctx().scope();
    USAGE.put(tx, &scope, key(usage), usage)
}

/// Writes a line whose quantity comes on top of what it says already.
pub(crate) fn add(tx: &mut Tx<'_, '_>, scope: &Scope, mut usage: Usage) -> Result<()> {
    if let Some(before) = USAGE.get(tx, scope, key(&usage))? {
        usage.quantity += before.quantity;
    }
    USAGE.put(tx, scope, key(&usage), &usage)
}

fn key(usage: &Usage) -> (&str, (&str, &str), Millis) {
    (&usage.service, (&usage.usage_type, &usage.resource), usage.start_at)
}

/// Lines of a scope, in the order of service, usage type, resource and start.
pub async fn list(
    ctx: &crate::Ctx,
    service: &str,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<crate::table::Row<Usage>>> {
    ctx.read(|snap| USAGE.list(snap, ctx.scope(), service, after, limit)).await
}

/// Counts that come too often for a line each: requests, bytes. Gathered here, written down every second as one line
/// per hour. A kill loses at most the last second of counts, never a service's own lines.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<HashMap<CountKey, u64>>);

type CountKey = (Scope, &'static str, &'static str);

impl Counts {
    pub(crate) fn add(&self, scope: Scope, service: &'static str, usage_type: &'static str, quantity: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((scope, service, usage_type)).or_default() += quantity;
    }

    pub(crate) fn take(&self) -> HashMap<CountKey, u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Adds counts to their hour's lines.
pub(crate) fn write_down(tx: &mut Tx<'_, '_>, counts: &HashMap<CountKey, u64>, now: Millis) -> Result<()> {
    let start_at = now - now.rem_euclid(HOUR_MS);
    for ((scope, service, usage_type), quantity) in counts {
        let usage = Usage {
            service: (*service).to_owned(),
            usage_type: (*usage_type).to_owned(),
            resource: String::new(),
            start_at,
            end_at: start_at + HOUR_MS,
            quantity: *quantity,
            // As AWS names them.
            unit: if usage_type.ends_with("-Bytes") { "Bytes" } else { "Requests" }.to_owned(),
        };
        add(tx, scope, usage)?;
    }
    Ok(())
}
