//! Where audit records go: the latest to memory, all to the store, many to a row, in batches that no call waits for.
//!
//! A denial is answered when its record is durable. What is left, calls that were allowed, is written every
//! [`FLUSH_EVERY_MS`]: a kill loses at most that.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use foldhash::{HashMap, HashMapExt};
use serde_json::Value;
use store::{Scan, Store};

use crate::arn::AccountId;
use crate::audit::{AuditLimits, AuditRecord, Judged};
use crate::clock::Millis;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::house::{HOUSE_SCOPE, House};
use crate::key::{Key, KeyReader};
use crate::table::PackedTable;

/// By the number of the first record, which rises. See [`Batch`].
static RECORDS: PackedTable = PackedTable::new("kernel/audit");

pub(crate) const FLUSH_EVERY_MS: Millis = 250;
/// Bytes of records that wait for the store, at most; those that find no room are counted.
const PENDING_BYTES_MAX: usize = 16 << 20;
/// What a record takes in memory beside its text: when, the request's id, and where its text is.
const CALL_BYTES: usize = 96;
/// Texts kept to be found again by calls that are alike.
const TEXTS_MAX: usize = 1_024;
/// Longest of them. Those of calls on many resources are longer, and seldom alike.
const TEXT_BYTES_MAX: usize = 4_096;
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
    gathered: Mutex<Gathered>,
    /// The number of the next record.
    next: AtomicU64,
    /// The number of the oldest record in the store; held while records are written.
    oldest: tokio::sync::Mutex<u64>,
    lost: AtomicU64,
}

/// What calls have left behind. Most are like one before, but for when and their request's id: the text of such is made
/// once, and their records hold no more than these two.
#[derive(Debug, Default)]
struct Gathered {
    /// By what they are made of.
    texts: HashMap<Box<[u8]>, Arc<str>>,
    recent: VecDeque<Called>,
    pending: Pending,
}

/// A call, and its record's JSON.
#[derive(Clone, Debug)]
struct Called {
    at: Millis,
    request_id: Arc<str>,
    text: Arc<str>,
}

/// Records that wait for the store.
#[derive(Debug, Default)]
struct Pending {
    calls: Vec<Called>,
    bytes: usize,
}

/// What came out about the call a context belongs to: what was decided, until it is written, and who pays.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    judged: Mutex<Option<Judged>>,
    /// A denial is on record: the answer waits for it.
    has_denial: AtomicBool,
    /// Where that is not the account of the scope.
    payer: OnceLock<AccountId>,
}

impl Slot {
    pub(crate) fn judged(&self) -> MutexGuard<'_, Option<Judged>> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_denial(&self) {
        self.has_denial.store(true, Ordering::Relaxed);
    }

    pub(crate) fn payer(&self) -> &OnceLock<AccountId> {
        &self.payer
    }

    pub(crate) fn has_denial(&self) -> bool {
        self.has_denial.load(Ordering::Relaxed)
    }
}

impl Called {
    fn value(&self) -> Value {
        let mut record = value(&self.text);
        complete(&mut record, self.at, &self.request_id);
        record
    }
}

/// A row: how many records it holds and when the last of them was made, then the records. A line is the JSON of all that
/// are alike: what they have in common, and under `calls` the number, time and request of each.
struct Batch {
    records: u64,
    last_at: Millis,
    is_packed: bool,
    lines: Bytes,
}

const FORMAT: u8 = 4;
/// Its lines are packed with LZ4: rows from before. What is mostly ids of chance does not get shorter by much.
const FORMAT_PACKED: u8 = 3;
const HEAD_BYTES: usize = 1 + 4 + 8;

impl Batch {
    fn encode(pending: &Pending, records: u32, first: u64) -> Bytes {
        let lines = pending.lines(first);
        let mut row = BytesMut::with_capacity(HEAD_BYTES + lines.len());
        row.put_u8(FORMAT);
        row.put_u32(records);
        row.put_i64(pending.calls.last().map_or(0, |call| call.at));
        row.extend_from_slice(lines.as_bytes());
        row.freeze()
    }

    /// `None` for what is no row of ours.
    fn read(row: &Bytes) -> Option<Self> {
        let (head, _) = row.split_first_chunk::<HEAD_BYTES>()?;
        let [format @ (FORMAT | FORMAT_PACKED), a, b, c, d, at @ ..] = *head else { return None };
        let records = u64::from(u32::from_be_bytes([a, b, c, d]));
        let (last_at, is_packed) = (Millis::from_be_bytes(at), format == FORMAT_PACKED);
        Some(Self { records, last_at, is_packed, lines: row.slice(HEAD_BYTES..) })
    }

    /// The records, those that are alike in one line.
    fn text(&self) -> String {
        let size = self.lines.first_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size));
        let lines = match self.is_packed {
            false => self.lines.to_vec(),
            true if usize::try_from(size).is_ok_and(|size| size <= UNPACKED_BYTES_MAX) => {
                lz4_flex::decompress_size_prepended(&self.lines).unwrap_or_default()
            }
            true => Vec::new(),
        };
        String::from_utf8(lines).unwrap_or_default()
    }
}

impl Pending {
    /// A line for all that share a text; `first` is the number of the first call.
    fn lines(&self, first: u64) -> String {
        let mut places = HashMap::new();
        let mut lines: Vec<(String, &str)> = Vec::new();
        for (number, call) in (first..).zip(&self.calls) {
            let place = *places.entry(call.text.as_ptr()).or_insert(lines.len());
            if place == lines.len() {
                lines.push((String::new(), &call.text));
            }
            if let Some((calls, _)) = lines.get_mut(place) {
                calls.push_str(if calls.is_empty() { "[" } else { ",[" });
                // Writing to a string cannot fail.
                let _ = write!(calls, "{number},{},\"", call.at);
                calls.push_str(&call.request_id);
                calls.push_str("\"]");
            }
        }
        lines.iter().fold(String::with_capacity(self.bytes), |mut all, (calls, text)| {
            let rest = text.strip_prefix('{').unwrap_or_default();
            let _ = writeln!(all, r#"{{"calls":[{calls}],{rest}"#);
            all
        })
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
            gathered: Mutex::default(),
            next: AtomicU64::new(next),
            oldest: tokio::sync::Mutex::new(first.map_or(next, |(first, _)| first)),
            lost: AtomicU64::new(0),
        })
    }

    /// Adds what was decided about a call of `ctx`. It goes to the store with the next batch, but for what services did
    /// in their own name.
    pub(crate) fn push(&self, ctx: &Ctx, judged: &Judged, error: Option<&'static str>) {
        let record = AuditRecord::new(ctx, judged, error);
        self.add(ctx, &record, !record.internal);
    }

    /// Adds what was decided about a service that acts by itself, `None` where the caller of `ctx` does. It goes to the
    /// store whoever acted.
    pub(crate) fn keep(&self, ctx: &Ctx, judged: &Judged, service: Option<&str>) {
        let record = AuditRecord::new(ctx, judged, None);
        self.add(ctx, &record.of_service(service), true);
    }

    fn add(&self, ctx: &Ctx, record: &AuditRecord<'_>, is_kept: bool) {
        let matter = record.matter();
        let mut gathered = self.gathered();
        let known = gathered.texts.get(&*matter).cloned();
        let is_new = known.is_none();
        let text = match known {
            Some(text) => text,
            None => {
                drop(gathered);
                let text = Arc::from(record.json());
                gathered = self.gathered();
                text
            }
        };
        let bytes = CALL_BYTES + if is_new { text.len() } else { 0 };
        let called = Called { at: ctx.now(), request_id: ctx.shared_request_id().clone(), text };
        let Gathered { texts, recent, pending } = &mut *gathered;
        if is_new && called.text.len() <= TEXT_BYTES_MAX {
            if texts.len() >= TEXTS_MAX {
                texts.clear();
            }
            texts.insert(matter.into(), called.text.clone());
        }
        if is_kept && self.limits.records_max > 0 {
            if pending.bytes < PENDING_BYTES_MAX {
                pending.bytes += bytes;
                pending.calls.push(called.clone());
            } else {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
        if recent.len() >= Self::RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(called);
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest `limit` records, newest first.
    pub fn latest(&self, limit: usize) -> Vec<Value> {
        let latest: Vec<Called> = self.gathered().recent.iter().rev().take(limit).cloned().collect();
        latest.iter().map(Called::value).collect()
    }

    /// Records that found no place since the start, because the store did not keep up.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) async fn forget_all(&self) {
        *self.gathered() = Gathered::default();
        *self.oldest.lock().await = self.next.load(Ordering::Relaxed);
    }

    fn take_pending(&self) -> Pending {
        let mut gathered = self.gathered();
        let calls = Vec::with_capacity(gathered.pending.calls.len());
        std::mem::replace(&mut gathered.pending, Pending { calls, bytes: 0 })
    }

    /// The call has ended, with this error or without.
    pub(crate) fn end(&self, ctx: &Ctx, error: Option<&'static str>) {
        let Some(judged) = ctx.slot().judged().take() else { return };
        self.push(ctx, &judged, error);
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
            if pending.calls.is_empty() {
                return Ok(());
            }
            // Bounded by their bytes.
            let records = u32::try_from(pending.calls.len()).unwrap_or(u32::MAX);
            let count = u64::from(records);
            let first = trail.next.fetch_add(count, Ordering::Relaxed);
            let row = Batch::encode(&pending, records, first);
            let floor = (first + count).saturating_sub(trail.limits.records_max);
            // Rows go when all they hold is too much: up to a batch more than the limit is kept.
            let excess = match *oldest < floor {
                true => self.oldest_rows(&ctx, *oldest, EXCESS_PAGE, |_, end| end <= floor).await?,
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

    /// The oldest rows that are meant, by the number of their first record and the one after their last. `oldest` is the
    /// number of the first record there is: what was removed before it must not be read again and again.
    async fn oldest_rows(
        self: &Arc<Self>,
        ctx: &Ctx,
        oldest: u64,
        limit: usize,
        is_meant: impl Fn(&Batch, u64) -> bool,
    ) -> Result<Vec<(u64, u64)>> {
        let before = oldest.checked_sub(1).map(|number| number.to_bytes());
        let rows = ctx.read(|snap| RECORDS.list(snap, &HOUSE_SCOPE, (), before.as_deref(), limit)).await?;
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
            let old = self.oldest_rows(&ctx, *oldest, PAGE, |batch, _| batch.last_at < since).await?;
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
                let alike = lines.lines().filter(|line| line.contains(text)).map(value);
                let mut meant: Vec<_> =
                    alike.flat_map(each_of).filter(|(_, record)| is_meant(record)).collect();
                meant.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
                found.extend(meant.into_iter().map(|(_, record)| record).take(limit - found.len()));
            }
            match rows.last() {
                Some((key, _)) if rows.len() == PAGE && found.len() < limit => after = Some(key.clone()),
                _ => return Ok(found),
            }
        }
    }
}

/// The records of a line, each with its number.
fn each_of(mut alike: Value) -> impl Iterator<Item = (u64, Value)> {
    let calls = alike.as_object_mut().and_then(|record| record.remove("calls"));
    let calls: Vec<(u64, Millis, String)> =
        calls.and_then(|calls| serde_json::from_value(calls).ok()).unwrap_or_default();
    calls.into_iter().map(move |(number, at, request_id)| {
        let mut record = alike.clone();
        complete(&mut record, at, &request_id);
        (number, record)
    })
}

/// Puts back what the record of one call has for itself.
fn complete(record: &mut Value, at: Millis, request_id: &str) {
    if let Some(record) = record.as_object_mut() {
        record.insert("at".to_owned(), at.into());
        record.insert("request_id".to_owned(), request_id.into());
    }
}

fn value(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_what_they_hold_those_of_before_too() {
        let call = |at| Called { at, request_id: "r".into(), text: r#"{"action":"a:B"}"#.into() };
        let text = call(0).text;
        let calls = [7, 8].map(|at| Called { text: text.clone(), ..call(at) }).to_vec();
        let row = Batch::encode(&Pending { calls, bytes: 0 }, 2, 5);
        let batch = Batch::read(&row).unwrap();
        let lines = batch.text();
        assert_eq!(lines, "{\"calls\":[[5,7,\"r\"],[6,8,\"r\"]],\"action\":\"a:B\"}\n");

        let packed = lz4_flex::compress_prepend_size(lines.as_bytes());
        let old = [&[FORMAT_PACKED], &row[1..HEAD_BYTES], &packed].concat();
        let old = Batch::read(&old.into()).unwrap();
        assert_eq!((old.records, old.last_at, old.text()), (2, 8, lines));
        assert!(Batch::read(&Bytes::from_static(&[2; HEAD_BYTES])).is_none());
    }
}
