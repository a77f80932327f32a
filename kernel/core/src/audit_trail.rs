//! Where audit records go: the latest to memory, all to the store, many to a row, in batches that no call waits for.
//!
//! A denial is answered when its record is durable. What is left, calls that were allowed, is written every
//! [`FLUSH_EVERY_MS`]: a kill loses at most that.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;
use store::{Scan, Store};

use crate::audit::{AuditLimits, AuditRecord};
use crate::clock::Millis;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::house::{HOUSE_SCOPE, House};
use crate::key::KeyReader;
use crate::table::PackedTable;

/// By the number of the first record, which rises. See [`Batch`].
static RECORDS: PackedTable = PackedTable::new("kernel/audit");

pub(crate) const FLUSH_EVERY_MS: Millis = 250;
/// Bytes of records that wait for the store, at most; those that find no room are counted.
const PENDING_BYTES_MAX: usize = 16 << 20;
/// Rows read, or removed, at one time.
const PAGE: usize = 16;
/// Rows looked at to make room for one: rows are long, and the first is mostly the only one to go.
const EXCESS_PAGE: usize = 2;
/// Longest row that is unpacked: what waited, and one long record more.
const UNPACKED_BYTES_MAX: usize = 2 * PENDING_BYTES_MAX;

/// The latest calls, at most [`AuditTrail::RECENT_MAX`], and the way to the store.
#[derive(Debug)]
pub struct AuditTrail {
    limits: AuditLimits,
    recent: Mutex<VecDeque<String>>,
    pending: Mutex<Pending>,
    /// The number of the next record.
    next: AtomicU64,
    /// The number of the oldest record in the store; held while records are written.
    oldest: tokio::sync::Mutex<u64>,
    lost: AtomicU64,
}

/// Records that wait for the store. They wait as text: kept in their parts, they would push everything else out of the
/// processor's caches.
#[derive(Debug, Default)]
struct Pending {
    /// A line of JSON each.
    lines: Vec<u8>,
    records: u32,
    last_at: Millis,
}

/// The record of the call a context belongs to, until it is written.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    record: Mutex<Option<AuditRecord>>,
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

/// A row: how many records it holds and when the last of them was made, then the records, a line of JSON each, packed
/// with LZ4.
struct Batch {
    records: u64,
    last_at: Millis,
    packed: Bytes,
}

const FORMAT: u8 = 2;
const HEAD_BYTES: usize = 1 + 4 + 8;

impl Batch {
    fn encode(pending: &Pending) -> Bytes {
        let packed = lz4_flex::compress_prepend_size(&pending.lines);
        let mut row = BytesMut::with_capacity(HEAD_BYTES + packed.len());
        row.put_u8(FORMAT);
        row.put_u32(pending.records);
        row.put_i64(pending.last_at);
        row.extend_from_slice(&packed);
        row.freeze()
    }

    /// `None` for what is no row of ours.
    fn read(row: &Bytes) -> Option<Self> {
        let (head, _) = row.split_first_chunk::<HEAD_BYTES>()?;
        let [FORMAT, a, b, c, d, at @ ..] = *head else { return None };
        let records = u64::from(u32::from_be_bytes([a, b, c, d]));
        Some(Self { records, last_at: Millis::from_be_bytes(at), packed: row.slice(HEAD_BYTES..) })
    }

    /// The records, one a line.
    fn text(&self) -> String {
        let size = self.packed.first_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size));
        if usize::try_from(size).is_ok_and(|size| size <= UNPACKED_BYTES_MAX) {
            let lines = lz4_flex::decompress_size_prepended(&self.packed).unwrap_or_default();
            return String::from_utf8(lines).unwrap_or_default();
        }
        String::new()
    }
}

impl AuditTrail {
    pub const RECENT_MAX: usize = 256;

    /// Goes on after the records there are.
    pub(crate) async fn open(store: &Store, limits: AuditLimits) -> Result<Self> {
        let prefix = RECORDS.key(&HOUSE_SCOPE, ());
        let place = |row: Option<&store::Row>| {
            let (key, row) = row?;
            let first = KeyReader(key.get(prefix.len()..)?).number()?;
            Some((first, first + Batch::read(row).map_or(1, |batch| batch.records)))
        };
        let (first, last) = store
            .read(|snap| -> Result<_> {
                let first = snap.scan(&Scan::prefix(&prefix).limit(1))?;
                let last = snap.scan(&Scan::prefix(&prefix).reverse().limit(1))?;
                Ok((place(first.first()), place(last.first())))
            })
            .await?;
        let next = last.map_or(0, |(_, end)| end);
        Ok(Self {
            limits,
            recent: Mutex::default(),
            pending: Mutex::default(),
            next: AtomicU64::new(next),
            oldest: tokio::sync::Mutex::new(first.map_or(next, |(first, _)| first)),
            lost: AtomicU64::new(0),
        })
    }

    /// Adds a record. It goes to the store with the next batch, but for those of services that acted in their own name.
    pub(crate) fn push(&self, record: &AuditRecord) {
        // A record has no maps and no floats, so this cannot fail.
        let line = serde_json::to_string(record).unwrap_or_default();
        if !record.internal && self.limits.records_max > 0 {
            let mut pending = self.pending();
            if pending.lines.len() < PENDING_BYTES_MAX {
                pending.lines.extend_from_slice(line.as_bytes());
                pending.lines.push(b'\n');
                pending.records += 1;
                pending.last_at = record.at;
            } else {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
        let mut recent = self.recent();
        if recent.len() >= Self::RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(line);
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest `limit` records, newest first.
    pub fn latest(&self, limit: usize) -> Vec<Value> {
        self.recent().iter().rev().take(limit).map(|line| value(line)).collect()
    }

    /// Records that found no place since the start, because the store did not keep up.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) async fn forget_all(&self) {
        self.recent().clear();
        *self.pending() = Pending::default();
        *self.oldest.lock().await = self.next.load(Ordering::Relaxed);
    }

    fn take_pending(&self) -> Pending {
        let mut pending = self.pending();
        let lines = Vec::with_capacity(pending.lines.len());
        std::mem::replace(&mut *pending, Pending { lines, ..Pending::default() })
    }

    /// The call has ended, with this error or without.
    pub(crate) fn end(&self, slot: &Slot, error: Option<&'static str>) {
        let Some(record) = slot.record().take() else { return };
        self.push(&AuditRecord { error, ..record });
    }
}

impl House {
    /// Writes what waits, and removes what is too much. When it returns, everything pushed before is durable.
    pub(crate) async fn flush_audit(self: &Arc<Self>) -> Result<()> {
        let trail = self.audit();
        let mut oldest = trail.oldest.lock().await;
        let ctx = self.ctx("kernel", HOUSE_SCOPE);
        loop {
            let pending = trail.take_pending();
            if pending.records == 0 {
                return Ok(());
            }
            let count = u64::from(pending.records);
            let first = trail.next.fetch_add(count, Ordering::Relaxed);
            let row = Batch::encode(&pending);
            let floor = (first + count).saturating_sub(trail.limits.records_max);
            // Rows go when all they hold is too much: up to a batch more than the limit is kept.
            let excess = match *oldest < floor {
                true => self.oldest_rows(&ctx, EXCESS_PAGE, |_, end| end <= floor).await?,
                false => Vec::new(),
            };
            ctx.write(|tx| {
                RECORDS.put(tx, &HOUSE_SCOPE, first, row.clone())?;
                excess.iter().try_for_each(|(number, _)| RECORDS.delete(tx, &HOUSE_SCOPE, *number))
            })
            .await?;
            *oldest = excess.last().map_or(*oldest, |(_, end)| *end);
        }
    }

    /// The oldest rows that are meant, by the number of their first record and the one after their last.
    async fn oldest_rows(
        self: &Arc<Self>,
        ctx: &Ctx,
        limit: usize,
        is_meant: impl Fn(&Batch, u64) -> bool,
    ) -> Result<Vec<(u64, u64)>> {
        let rows = ctx.read(|snap| RECORDS.list(snap, &HOUSE_SCOPE, (), None, limit)).await?;
        let mut meant = Vec::new();
        for (key, row) in &rows {
            let Some(first) = KeyReader(key).number() else { continue };
            let end = first + Batch::read(row).map_or(1, |batch| batch.records);
            if Batch::read(row).is_some_and(|batch| !is_meant(&batch, end)) {
                break;
            }
            meant.push((first, end));
        }
        Ok(meant)
    }

    /// Removes records that are too old.
    pub(crate) async fn trim_audit(self: &Arc<Self>) -> Result<()> {
        let mut oldest = self.audit().oldest.lock().await;
        let since = self.clock().now() - self.audit().limits.age_ms_max;
        let ctx = self.ctx("kernel", HOUSE_SCOPE);
        loop {
            let old = self.oldest_rows(&ctx, PAGE, |batch, _| batch.last_at < since).await?;
            let Some((_, end)) = old.last() else { return Ok(()) };
            ctx.write(|tx| old.iter().try_for_each(|(n, _)| RECORDS.delete(tx, &HOUSE_SCOPE, *n))).await?;
            *oldest = (*oldest).max(*end);
            if old.len() < PAGE {
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
            for (_, row) in &rows {
                let lines = Batch::read(row).map(|batch| batch.text()).unwrap_or_default();
                let meant = lines.lines().rev().filter(|line| line.contains(text)).map(value);
                found.extend(meant.filter(&is_meant).take(limit - found.len()));
            }
            match rows.last() {
                Some((key, _)) if rows.len() == PAGE && found.len() < limit => after = Some(key.clone()),
                _ => return Ok(found),
            }
        }
    }
}

fn value(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_default()
}
