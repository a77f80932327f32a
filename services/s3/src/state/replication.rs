//! Versions on their way to other buckets: written with what makes them go, gone when they are there.

use kernel::key::KeyReader;
use kernel::timers::TimerKey;
use kernel::{Reader, Result, Scope, Table, Tx};

use super::bucket::Bucket;
use super::object::Object;

/// By their names, in the scope of the bucket they leave.
static LEAVING: Table<()> = Table::new("s3/leaving");

/// The timers that wake the controller when the transaction holds.
pub const KIND: &str = "replicate";

/// A version by bucket, number and key, as one word.
pub fn name_of(bucket: &Bucket, key: &str, number: u64) -> String {
    format!("{}/{number}/{key}", bucket.name)
}

/// Bucket, number and key of such a word.
pub fn parts_of(name: &str) -> Option<(&str, u64, &str)> {
    let mut parts = name.splitn(3, '/');
    let (bucket, number, key) = (parts.next()?, parts.next()?, parts.next()?);
    Some((bucket, number.parse().ok()?, key))
}

pub fn put(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, object: &Object) -> Result<()> {
    let name = name_of(bucket, key, object.number);
    LEAVING.put(tx, &bucket.scope(), name.as_str(), &())?;
    let timer = TimerKey { scope: bucket.scope(), service: "s3".to_owned(), kind: KIND.to_owned(), name };
    let now = tx.ctx().now();
    tx.schedule(&timer, now)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    LEAVING.delete(tx, scope, name)
}

/// Those of all scopes, at most `limit`.
pub fn list(from: &mut impl Reader, limit: usize) -> Result<Vec<(Scope, String)>> {
    let rows = LEAVING.list_all(from, None, limit)?;
    let place = |key: &[u8]| {
        let mut key = KeyReader(key);
        Some((key.scope()?, key.text()?))
    };
    Ok(rows.iter().filter_map(|(key, ())| place(key)).collect())
}
