//! Which keys a scan visits, in what direction, and how its rows merge with a transaction's own writes.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::ops::Range;

use bytes::Bytes;

use crate::tx::Op;
use crate::{RESERVED, Result, SCAN_ROWS_MAX};

/// A key and its value.
pub type Row = (Bytes, Bytes);

/// A range of keys with a direction and a limit.
#[derive(Debug, Clone)]
pub struct Scan {
    start: Vec<u8>,
    end: Vec<u8>,
    after: Option<Vec<u8>>,
    pub(crate) reverse: bool,
    pub(crate) limit: Option<usize>,
}

impl Scan {
    /// Every key that starts with `prefix`; all keys when it is empty.
    pub fn prefix(prefix: impl AsRef<[u8]>) -> Self {
        let prefix = prefix.as_ref();
        Self::over(prefix.to_vec(), end_of_prefix(prefix))
    }

    /// The keys from `range.start` up to, but not including, `range.end`.
    pub fn range<K: AsRef<[u8]>>(range: Range<K>) -> Self {
        Self::over(range.start.as_ref().to_vec(), range.end.as_ref().to_vec())
    }

    fn over(start: Vec<u8>, end: Vec<u8>) -> Self {
        Self { start, end, after: None, reverse: false, limit: None }
    }

    /// Starts behind `key`, in the scan's direction: where the last page ended.
    #[must_use]
    pub fn after(mut self, key: impl AsRef<[u8]>) -> Self {
        self.after = Some(key.as_ref().to_vec());
        self
    }

    /// From the last key to the first.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// At most `rows` rows. More than [`SCAN_ROWS_MAX`] are refused, except by a snapshot's iterator.
    #[must_use]
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Rows to collect: one more than allowed tells that there are too many.
    pub(crate) fn rows_wanted(&self) -> usize {
        self.limit.unwrap_or(usize::MAX).min(SCAN_ROWS_MAX + 1)
    }

    /// First key included and first key not included; callers never see the store's own keys.
    pub(crate) fn bounds(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut start, mut end) = (self.start.clone(), self.end.clone());
        if let Some(after) = &self.after {
            if self.reverse {
                end = end.min(after.clone());
            } else {
                start = start.max(successor(after));
            }
        }
        end = end.min(vec![RESERVED]);
        (start, end)
    }
}

/// The smallest key behind `key`.
pub(crate) fn successor(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}

fn end_of_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![RESERVED]
}

/// Rows of the snapshot overlaid with what the transaction itself has written; both in the same direction.
pub(crate) struct Merged<S: Iterator, W: Iterator> {
    pub(crate) stored: Peekable<S>,
    pub(crate) written: Peekable<W>,
    pub(crate) reverse: bool,
}

impl<'w, S, W> Merged<S, W>
where
    S: Iterator<Item = Result<Row>>,
    W: Iterator<Item = (&'w Bytes, &'w Op)>,
{
    /// Which side holds the next key: `Equal` when both hold the same.
    fn side(&mut self) -> Option<Ordering> {
        match (self.stored.peek(), self.written.peek()) {
            (None, None) => None,
            (Some(_), None) | (Some(Err(_)), Some(_)) => Some(Ordering::Less),
            (None, Some(_)) => Some(Ordering::Greater),
            (Some(Ok((stored, _))), Some((written, _))) => {
                let order = stored.cmp(written);
                Some(if self.reverse { order.reverse() } else { order })
            }
        }
    }
}

impl<'w, S, W> Iterator for Merged<S, W>
where
    S: Iterator<Item = Result<Row>>,
    W: Iterator<Item = (&'w Bytes, &'w Op)>,
{
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let side = self.side()?;
            let stored = if side.is_le() { self.stored.next() } else { None };
            if side.is_lt() {
                return stored;
            }
            let (key, op) = self.written.next()?;
            let stored = match stored.transpose() {
                Ok(row) => row.map(|(_, value)| value),
                Err(error) => return Some(Err(error)),
            };
            match op.over(stored.as_ref()) {
                Ok(Some(value)) => return Some(Ok((key.clone(), value))),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
