//! A consistent, read-only look at the store.

use std::sync::Arc;

use bytes::Bytes;

use crate::disk::{ERA_BYTES, Era, View};
use crate::scan::{Row, Scan};
use crate::store::Shared;
use crate::{Result, SCAN_ROWS_MAX, StoreError};

/// The store as it was at one moment, handed to the closure of [`crate::Store::read`]. Keep it for a short time: what it
/// may still read cannot be thrown away.
pub struct Snapshot {
    era: Arc<Era>,
    view: View,
}

impl Snapshot {
    pub(crate) fn new(shared: &Shared) -> Self {
        // The era first: a clear in between leaves the view with the old era's keys still there.
        let era = shared.disk.era();
        Self { era, view: shared.disk.view() }
    }

    /// The value of `key`, if it has one.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Bytes>> {
        self.view.get(&self.era.key(key.as_ref()))
    }

    /// The rows of `scan` in its direction; more than [`SCAN_ROWS_MAX`] are refused.
    pub fn scan(&self, scan: &Scan) -> Result<Vec<Row>> {
        let rows = self.iter(scan).take(scan.rows_wanted()).collect::<Result<Vec<Row>>>()?;
        if rows.len() > SCAN_ROWS_MAX {
            return Err(StoreError::ScanTooLong);
        }
        Ok(rows)
    }

    /// The rows of `scan` one after the other, however many they are.
    pub fn iter(&self, scan: &Scan) -> impl Iterator<Item = Result<Row>> + Send + use<> {
        let (start, end) = scan.bounds();
        self.view
            .rows(self.era.key(&start), self.era.key(&end), scan.reverse)
            .take(scan.limit.unwrap_or(usize::MAX))
            .map(|row| row.map(|(key, value)| (key.slice(ERA_BYTES..), value)))
    }
}
