//! Where audit records go: the latest to memory, all to the store, in batches that no call waits for.
//!
//! A call that writes takes its record into its own transaction. A denial is answered when its record is durable. What
//! is left, calls that were allowed and wrote nothing, is written every [`FLUSH_EVERY_MS`]: a kill loses at most that.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use store::{Scan, Store};

use crate::audit::{AuditLimits, AuditRecord};
use crate::clock::Millis;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::house::{HOUSE_SCOPE, House};
use crate::key::KeyReader;
use crate::table::PackedTable;
use crate::tx::Tx;

/// By number, which rises. JSON.
static RECORDS: PackedTable = PackedTable::new("kernel/audit");

pub(crate) const FLUSH_EVERY_MS: Millis = 250;
/// Records that wait for the store, at most; the oldest go first, and are counted.
const PENDING_MAX: usize = 65_536;
/// Records written, or removed, in one transaction.
const BATCH: usize = 2_048;
/// Records read at one time.
const PAGE: usize = 1_000;

/// The latest calls, at most [`AuditTrail::RECENT_MAX`], and the way to the store.
#[derive(Debug)]
pub struct AuditTrail {
    limits: AuditLimits,
    recent: Mutex<VecDeque<Arc<AuditRecord>>>,
    pending: Mutex<VecDeque<Arc<AuditRecord>>>,
    /// The number of the next record.
    next: AtomicU64,
    /// The number of the oldest record in the store; held while records are written.
    oldest: tokio::sync::Mutex<u64>,
    lost: AtomicU64,
}

/// The record of the call a context belongs to, until it is written.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    record: Mutex<Option<AuditRecord>>,
    is_written: AtomicBool,
    /// A denial is on record: the answer waits for it.
    has_denial: AtomicBool,
}

impl Slot {
    pub(crate) fn record(&self) -> MutexGuard<'_, Option<AuditRecord>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_denial(&self) {
        self.has_denial.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_denial(&self) -> bool {
        self.has_denial.load(Ordering::Relaxed)
    }
}

/// A record on its way in the transaction of its own call.
pub(crate) struct OnItsWay(u64, Bytes);

impl OnItsWay {
    pub(crate) fn put(&self, tx: &mut Tx<'_, '_>) -> Result<()> {
        RECORDS.put(tx, &HOUSE_SCOPE, self.0, self.1.clone())
    }
}

impl AuditTrail {
    pub const RECENT_MAX: usize = 4_096;

    /// Goes on after the records there are.
    pub(crate) async fn open(store: &Store, limits: AuditLimits) -> Result<Self> {
        let prefix = RECORDS.key(&HOUSE_SCOPE, ());
        let number =
            |row: Option<&store::Row>| row.and_then(|(key, _)| KeyReader(key.get(prefix.len()..)?).number());
        let (first, last) = store
            .read(|snap| -> Result<_> {
                let first = snap.scan(&Scan::prefix(&prefix).limit(1))?;
                let last = snap.scan(&Scan::prefix(&prefix).reverse().limit(1))?;
                Ok((number(first.first()), number(last.first())))
            })
            .await?;
        let next = last.map_or(0, |last| last + 1);
        Ok(Self {
            limits,
            recent: Mutex::default(),
            pending: Mutex::default(),
            next: AtomicU64::new(next),
            oldest: tokio::sync::Mutex::new(first.unwrap_or(next)),
            lost: AtomicU64::new(0),
        })
    }

    /// Adds a record. One that is not in the store yet goes there with the next batch, but for those of services
    /// that acted in their own name.
    pub(crate) fn push(&self, record: AuditRecord, is_written: bool) {
        let record = Arc::new(record);
        if !is_written && !record.internal && self.limits.records_max > 0 {
            push_bounded(&self.pending, record.clone(), PENDING_MAX, &self.lost);
        }
        push_bounded(&self.recent, record, Self::RECENT_MAX, &AtomicU64::new(0));
    }

    /// The latest `limit` records, newest first.
    pub fn latest(&self, limit: usize) -> Vec<Arc<AuditRecord>> {
        let records = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().rev().take(limit).cloned().collect()
    }

    /// Records that found no place since the start, because the store did not keep up.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) async fn forget_all(&self) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.oldest.lock().await = self.next.load(Ordering::Relaxed);
    }

    fn take_pending(&self) -> Vec<Arc<AuditRecord>> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let count = pending.len().min(BATCH);
        pending.drain(..count).collect()
    }

    /// The record of a call that is about to write, where it is to go along.
    pub(crate) fn going_along(&self, slot: &Slot) -> Option<OnItsWay> {
        if self.limits.records_max == 0 || slot.is_written.load(Ordering::Relaxed) {
            return None;
        }
        let bytes = slot.record().as_ref().filter(|record| !record.internal).map(encoded)?;
        Some(OnItsWay(self.next.fetch_add(1, Ordering::Relaxed), bytes))
    }

    /// It went along.
    pub(crate) fn has_gone(slot: &Slot) {
        slot.is_written.store(true, Ordering::Relaxed);
    }

    /// The call has ended, with this error or without.
    pub(crate) fn end(&self, slot: &Slot, error: Option<&'static str>) {
        let Some(record) = slot.record().take() else { return };
        self.push(AuditRecord { error, ..record }, slot.is_written.load(Ordering::Relaxed));
    }
}

fn push_bounded(
    records: &Mutex<VecDeque<Arc<AuditRecord>>>,
    record: Arc<AuditRecord>,
    max: usize,
    lost: &AtomicU64,
) {
    let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
    if records.len() >= max {
        records.pop_front();
        lost.fetch_add(1, Ordering::Relaxed);
    }
    records.push_back(record);
}

fn encoded(record: &AuditRecord) -> Bytes {
    // A record has no maps and no floats, so this cannot fail.
    serde_json::to_vec(record).map(Bytes::from).unwrap_or_default()
}

impl House {
    /// Writes what waits, and removes what is too much. When it returns, everything pushed before is durable.
    pub(crate) async fn flush_audit(self: &Arc<Self>) -> Result<()> {
        let trail = self.audit();
        let mut oldest = trail.oldest.lock().await;
        let ctx = self.ctx("kernel", HOUSE_SCOPE);
        loop {
            let records = trail.take_pending();
            let count = u64::try_from(records.len()).unwrap_or_default();
            let first = trail.next.fetch_add(count, Ordering::Relaxed);
            let floor = (first + count).saturating_sub(trail.limits.records_max);
            let end = floor.min(*oldest + u64::try_from(BATCH).unwrap_or_default());
            if records.is_empty() && *oldest >= end {
                return Ok(());
            }
            let start = *oldest;
            let rows: Vec<Bytes> = records.iter().map(|record| encoded(record)).collect();
            ctx.write(|tx| {
                for (number, row) in (first..).zip(&rows) {
                    RECORDS.put(tx, &HOUSE_SCOPE, number, row.clone())?;
                }
                (start..end).try_for_each(|number| RECORDS.delete(tx, &HOUSE_SCOPE, number))
            })
            .await?;
            *oldest = start.max(end);
        }
    }

    /// Removes records that are too old.
    pub(crate) async fn trim_audit(self: &Arc<Self>) -> Result<()> {
        let mut oldest = self.audit().oldest.lock().await;
        let since = self.clock().now() - self.audit().limits.age_ms_max;
        let ctx = self.ctx("kernel", HOUSE_SCOPE);
        loop {
            let rows = ctx.read(|snap| RECORDS.list(snap, &HOUSE_SCOPE, (), None, PAGE)).await?;
            let at = |bytes: &Bytes| value(bytes).get("at").and_then(Value::as_i64);
            let is_old = |bytes: &Bytes| at(bytes).is_none_or(|at| at < since);
            let numbers = rows.iter().take_while(|(_, bytes)| is_old(bytes));
            let numbers: Vec<u64> = numbers.filter_map(|(key, _)| KeyReader(key).number()).collect();
            let Some(last) = numbers.last().copied() else { return Ok(()) };
            ctx.write(|tx| numbers.iter().try_for_each(|n| RECORDS.delete(tx, &HOUSE_SCOPE, *n))).await?;
            *oldest = (*oldest).max(last + 1);
            if numbers.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Records in the store whose JSON is meant, newest first, at most `limit`. `text` stands in all of them, so that
    /// the others need not be read.
    ///
    /// # Errors
    /// When the store cannot be written or read.
    pub async fn audit_records(
        self: &Arc<Self>,
        text: &str,
        is_meant: impl Fn(&Value) -> bool,
        limit: usize,
    ) -> Result<Vec<Value>> {
        self.flush_audit().await?;
        let prefix = RECORDS.key(&HOUSE_SCOPE, ());
        let mut found = Vec::new();
        let mut after: Option<Bytes> = None;
        loop {
            let mut scan = Scan::prefix(&prefix).reverse().limit(PAGE);
            if let Some(after) = &after {
                scan = scan.after(after);
            }
            let rows = self.store().read(|snap| -> Result<_> { Ok(snap.scan(&scan)?) }).await?;
            let texts = rows.iter().filter_map(|(_, bytes)| std::str::from_utf8(bytes).ok());
            let values = texts.filter(|row| row.contains(text)).map(|row| value(row.as_bytes()));
            found.extend(values.filter(&is_meant).take(limit - found.len()));
            match rows.last() {
                Some((key, _)) if rows.len() == PAGE && found.len() < limit => after = Some(key.clone()),
                _ => return Ok(found),
            }
        }
    }
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

impl Ctx {
    /// Puts the record of this call into a transaction that writes something anyway.
    pub(crate) fn audit_within(&self) -> Option<OnItsWay> {
        self.house().audit().going_along(self.slot())
    }
}
