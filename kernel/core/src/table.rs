//! Typed tables over the store: a name, a scope, a key, a record.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::key::{Key, KeyReader};
use crate::scope::Scope;
use crate::tx::{Reader, Tx};

/// What a table holds. Stored as JSON, so that an older record lacks fields and nothing else:
/// a new field needs `#[serde(default)]`, any other change a migration (`stored.txt`).
pub trait Record: Serialize + DeserializeOwned {}

impl<R: Serialize + DeserializeOwned> Record for R {}

/// A table of one service. Its keys begin with its name and a scope; there is no way around the scope.
#[derive(Debug)]
pub struct Table<R> {
    name: &'static str,
    record: PhantomData<fn() -> R>,
}

/// A row of a listing: the bytes of the key after the scope, and the record.
pub type Row<R> = (Bytes, R);

/// Rows read at once where all are wanted.
const BATCH: usize = 1_000;

impl<R: Record> Table<R> {
    /// `name` is `<service>/<noun>`, unique in the house.
    pub const fn new(name: &'static str) -> Self {
        Self { name, record: PhantomData }
    }

    pub fn get(&self, from: &mut impl Reader, scope: &Scope, key: impl Key) -> Result<Option<R>> {
        let bytes = from.get(&self.key(scope, key))?;
        bytes.map(|bytes| self.decode(&bytes)).transpose()
    }

    pub fn put(&self, tx: &mut Tx<'_, '_>, scope: &Scope, key: impl Key, record: &R) -> Result<()> {
        let bytes = serde_json::to_vec(record).map_err(Error::internal)?;
        tx.put(self.key(scope, key), bytes)
    }

    pub fn delete(&self, tx: &mut Tx<'_, '_>, scope: &Scope, key: impl Key) -> Result<()> {
        tx.delete(self.key(scope, key))
    }

    /// Rows whose key begins with `prefix`, after the row `after` (bytes of a [`Row`]), in order, at most `limit`.
    pub fn list(
        &self,
        from: &mut impl Reader,
        scope: &Scope,
        prefix: impl Key,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row<R>>> {
        let base = self.key(scope, ());
        self.range(from, &base, &self.key(scope, prefix), after, limit)
    }

    /// Rows of every scope. The key of a row begins with its scope: see [`crate::key::KeyReader::scope`].
    pub fn list_all(
        &self,
        from: &mut impl Reader,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row<R>>> {
        let base = self.name.to_bytes();
        self.range(from, &base, &base, after, limit)
    }

    /// Every row whose key begins with `prefix`, in order. They are in memory at once: for tables that quotas bound.
    pub fn all_rows(&self, from: &mut impl Reader, scope: &Scope, prefix: impl Key) -> Result<Vec<Row<R>>> {
        every(|after| self.list(from, scope, &prefix, after, BATCH), Some)
    }

    /// As [`Table::all_rows`], without the keys.
    pub fn all(&self, from: &mut impl Reader, scope: &Scope, prefix: impl Key) -> Result<Vec<R>> {
        every(|after| self.list(from, scope, &prefix, after, BATCH), |(_, record)| Some(record))
    }

    /// Every record of every scope, each with its own. As [`Table::all_rows`].
    pub fn all_scopes(&self, from: &mut impl Reader) -> Result<Vec<(Scope, R)>> {
        let in_scope = |(key, record): Row<R>| Some((KeyReader(&key).scope()?, record));
        every(|after| self.list_all(from, after, BATCH), in_scope)
    }

    /// The keys of every scope, of a table that is keyed by a text. No record is decoded.
    pub fn all_ids(&self, from: &mut impl Reader) -> Result<Vec<(Scope, String)>> {
        self.every_key(from, |mut key| Some((key.scope()?, key.text()?)))
    }

    /// How many rows there are in all scopes. No record is decoded.
    pub fn count_all(&self, from: &mut impl Reader) -> Result<usize> {
        let mut count = 0;
        self.every_key(from, |_| {
            count += 1;
            None::<()>
        })?;
        Ok(count)
    }

    fn every_key<T>(
        &self,
        from: &mut impl Reader,
        mut keep: impl FnMut(KeyReader<'_>) -> Option<T>,
    ) -> Result<Vec<T>> {
        let base = self.name.to_bytes();
        every(|after| raw(from, &base, &base, after, BATCH), |(key, _)| keep(KeyReader(&key)))
    }

    fn range(
        &self,
        from: &mut impl Reader,
        base: &[u8],
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row<R>>> {
        let rows = raw(from, base, prefix, after, limit)?;
        rows.into_iter().map(|(key, value)| Ok((key, self.decode(&value)?))).collect()
    }

    /// The whole key of a row, for a watch.
    pub fn key(&self, scope: &Scope, key: impl Key) -> Vec<u8> {
        (self.name, scope, key).to_bytes()
    }

    fn decode(&self, bytes: &[u8]) -> Result<R> {
        serde_json::from_slice(bytes).map_err(|e| Error::internal(UnreadableRecord(self.name, e)))
    }
}

/// What is kept of rows, page after page, until one is not full.
fn every<R, T>(
    mut page: impl FnMut(Option<&[u8]>) -> Result<Vec<Row<R>>>,
    mut keep: impl FnMut(Row<R>) -> Option<T>,
) -> Result<Vec<T>> {
    let (mut kept, mut after) = (Vec::new(), None::<Bytes>);
    loop {
        let rows = page(after.as_deref())?;
        let is_last = rows.len() < BATCH;
        after = rows.last().map(|(key, _)| key.clone());
        kept.extend(rows.into_iter().filter_map(&mut keep));
        if is_last {
            return Ok(kept);
        }
    }
}

/// A table whose service brings its own encoding, where JSON costs too much. Each record begins with a version byte
/// of its own, and `stored.txt` names its format.
#[derive(Debug)]
pub struct PackedTable {
    name: &'static str,
}

impl PackedTable {
    /// `name` is `<service>/<noun>`, unique in the house.
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    pub fn get(&self, from: &mut impl Reader, scope: &Scope, key: impl Key) -> Result<Option<Bytes>> {
        from.get(&self.key(scope, key))
    }

    pub fn put(&self, tx: &mut Tx<'_, '_>, scope: &Scope, key: impl Key, record: Bytes) -> Result<()> {
        tx.put(self.key(scope, key), record)
    }

    pub fn delete(&self, tx: &mut Tx<'_, '_>, scope: &Scope, key: impl Key) -> Result<()> {
        tx.delete(self.key(scope, key))
    }

    /// As [`Table::list`].
    pub fn list(
        &self,
        from: &mut impl Reader,
        scope: &Scope,
        prefix: impl Key,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row<Bytes>>> {
        raw(from, &self.key(scope, ()), &self.key(scope, prefix), after, limit)
    }

    pub(crate) fn key(&self, scope: &Scope, key: impl Key) -> Vec<u8> {
        (self.name, scope, key).to_bytes()
    }
}

/// Rows as they are stored, their keys without `base`.
fn raw(
    from: &mut impl Reader,
    base: &[u8],
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Row<Bytes>>> {
    let rows = from.range(&start_of(base, prefix, after), &end_of(prefix), limit)?;
    Ok(rows.into_iter().map(|(key, value)| (key.slice(base.len()..), value)).collect())
}

/// Where a page begins: behind the row `after`, whose bytes follow `base`.
fn start_of(base: &[u8], prefix: &[u8], after: Option<&[u8]>) -> Vec<u8> {
    match after {
        // The least key greater than the row's.
        Some(after) => [base, after, &[0]].concat().max(prefix.to_vec()),
        None => prefix.to_vec(),
    }
}

/// A record that does not read back: a format changed without a migration, or a damaged store.
#[derive(Debug, thiserror::Error)]
#[error("a record of table {0} cannot be read")]
struct UnreadableRecord(&'static str, #[source] serde_json::Error);

/// The least byte string greater than all that begin with `prefix`.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0xff; 64]
}
