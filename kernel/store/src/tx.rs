//! A transaction: reads at one snapshot, sees its own writes, remembers what it read.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::{ERA_BYTES, Era, View};
use crate::resolver::Reading;
use crate::scan::{Merged, Row, Scan, successor};
use crate::store::Shared;
use crate::{
    KEY_BYTES_MAX, RESERVED, Result, SCAN_ROWS_MAX, StoreError, TX_BYTES_MAX, TX_READS_MAX, VALUE_BYTES_MAX,
};

/// What a transaction does to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    Put(Bytes),
    Delete,
    Add(i64),
}

impl Op {
    /// The value that a key has after this operation on top of `below`.
    pub(crate) fn over(&self, below: Option<&Bytes>) -> Result<Option<Bytes>> {
        Ok(match self {
            Op::Put(value) => Some(value.clone()),
            Op::Delete => None,
            Op::Add(delta) => {
                let sum = counter(below)?.wrapping_add(*delta);
                Some(Bytes::copy_from_slice(&sum.to_be_bytes()))
            }
        })
    }
}

/// The number a counter's value stands for; a missing one is zero.
fn counter(value: Option<&Bytes>) -> Result<i64> {
    value.map_or(Ok(0), |value| {
        value.as_ref().try_into().map(i64::from_be_bytes).map_err(|_| StoreError::NotACounter)
    })
}

pub(crate) type Writes = BTreeMap<Bytes, Op>;

/// What a transaction read, for the resolver; keys as the engine knows them.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    pub(crate) keys: Vec<Bytes>,
    /// From the first key to the one behind the last.
    pub(crate) ranges: Vec<(Bytes, Bytes)>,
}

/// A transaction that wrote something, ready for the committer.
pub(crate) struct Finished {
    pub(crate) era: u32,
    pub(crate) writes: Writes,
    pub(crate) bytes: usize,
    /// None if it read nothing: then nothing can conflict with it.
    pub(crate) reads: Option<(Reading, Reads)>,
}

/// A running transaction, handed to the closure of [`crate::Store::write`].
pub struct Tx {
    shared: Arc<Shared>,
    era: Arc<Era>,
    /// Opened by the first read, so that write-only transactions don't pay for it.
    view: Option<(Reading, View)>,
    reads: Reads,
    writes: Writes,
    bytes: usize,
}

impl Tx {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let era = shared.disk.era();
        Self { shared, era, view: None, reads: Reads::default(), writes: Writes::new(), bytes: 0 }
    }

    /// The value of `key`, if it has one.
    pub fn get(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Bytes>> {
        let key = self.own_key(key.as_ref())?;
        self.get_full(key)
    }

    /// Gives `key` a value.
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl Into<Bytes>) -> Result<()> {
        let key = self.own_key(key.as_ref())?;
        self.put_full(key, value.into())
    }

    /// Removes `key`, if it is there.
    pub fn delete(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        let key = self.own_key(key.as_ref())?;
        self.write_full(key, Op::Delete)
    }

    /// Adds to the counter in `key`, without reading it: transactions that only add never conflict. A missing counter
    /// is zero; the value is eight bytes, big-endian, and wraps.
    pub fn add(&mut self, key: impl AsRef<[u8]>, delta: i64) -> Result<()> {
        let key = self.own_key(key.as_ref())?;
        let op = match self.writes.get(&key) {
            None => Op::Add(delta),
            Some(Op::Add(before)) => Op::Add(before.wrapping_add(delta)),
            Some(before) => {
                let below = before.over(None)?;
                Op::Add(delta).over(below.as_ref())?.map_or(Op::Delete, Op::Put)
            }
        };
        self.write_full(key, op)
    }

    /// The number in a counter that [`Tx::add`] keeps.
    pub fn count(&mut self, key: impl AsRef<[u8]>) -> Result<i64> {
        counter(self.get(key)?.as_ref())
    }

    /// The rows of `scan` in its direction, with this transaction's own writes.
    pub fn scan(&mut self, scan: &Scan) -> Result<Vec<Row>> {
        let (start, end) = scan.bounds();
        let (start, end) = (self.era.key(&start), self.era.key(&end));
        if start >= end || scan.limit == Some(0) {
            return Ok(Vec::new());
        }
        let limit = scan.rows_wanted();
        let stored = self.view().rows(start.clone(), end.clone(), scan.reverse);
        let written = self.writes.range::<Bytes, _>((Bound::Included(&start), Bound::Excluded(&end)));
        let written: Box<dyn Iterator<Item = _>> =
            if scan.reverse { Box::new(written.rev()) } else { Box::new(written) };
        let merged = Merged { stored: stored.peekable(), written: written.peekable(), reverse: scan.reverse };
        let rows = merged.take(limit).collect::<Result<Vec<Row>>>()?;
        if rows.len() > SCAN_ROWS_MAX {
            return Err(StoreError::ScanTooLong);
        }

        // What lies behind the last row of a full page was not read.
        let seen = match rows.last() {
            Some((last, _)) if rows.len() == limit && scan.reverse => (last.clone(), end),
            Some((last, _)) if rows.len() == limit => (start, successor(last).into()),
            _ => (start, end),
        };
        self.reads.ranges.push(seen);
        self.check_reads()?;
        Ok(rows.into_iter().map(|(key, value)| (key.slice(ERA_BYTES..), value)).collect())
    }

    /// A key of the store's own, as the engine knows it.
    pub(crate) fn reserved_key(&self, key: &[u8]) -> Result<Bytes> {
        if key.len() > KEY_BYTES_MAX {
            return Err(StoreError::KeyTooLong { bytes: key.len() });
        }
        Ok(self.era.key(key))
    }

    fn own_key(&self, key: &[u8]) -> Result<Bytes> {
        if key.first() == Some(&RESERVED) {
            return Err(StoreError::KeyReserved);
        }
        self.reserved_key(key)
    }

    pub(crate) fn get_full(&mut self, key: Bytes) -> Result<Option<Bytes>> {
        let op = self.writes.get(&key).cloned();
        if let Some(op @ (Op::Put(_) | Op::Delete)) = op {
            return op.over(None);
        }
        let stored = self.view().get(&key)?;
        self.reads.keys.push(key);
        self.check_reads()?;
        op.map_or(Ok(stored.clone()), |op| op.over(stored.as_ref()))
    }

    pub(crate) fn put_full(&mut self, key: Bytes, value: Bytes) -> Result<()> {
        if value.len() > VALUE_BYTES_MAX {
            return Err(StoreError::ValueTooLong { bytes: value.len() });
        }
        self.write_full(key, Op::Put(value))
    }

    pub(crate) fn write_full(&mut self, key: Bytes, op: Op) -> Result<()> {
        // Overwritten values count too: the bound is on what the closure did, and needs no second lookup.
        self.bytes += key.len() + if let Op::Put(value) = &op { value.len() } else { 0 };
        if self.bytes > TX_BYTES_MAX {
            return Err(StoreError::TxTooBig { bytes: self.bytes });
        }
        self.writes.insert(key, op);
        Ok(())
    }

    fn view(&mut self) -> &View {
        let shared = &self.shared;
        let (_, view) = self.view.get_or_insert_with(|| {
            // In this order: the view then holds at least what the reading's version says.
            let reading = Reading::begin(&shared.readers);
            (reading, shared.disk.view())
        });
        view
    }

    fn check_reads(&self) -> Result<()> {
        if self.reads.keys.len() + self.reads.ranges.len() > TX_READS_MAX {
            return Err(StoreError::TxReadsTooMuch);
        }
        Ok(())
    }

    /// None when nothing was written.
    pub(crate) fn finish(self) -> Option<Finished> {
        if self.writes.is_empty() {
            return None;
        }
        let reads = self.view.map(|(reading, _)| (reading, self.reads));
        Some(Finished { era: self.era.number, writes: self.writes, bytes: self.bytes, reads })
    }
}
