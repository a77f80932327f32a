//! The stored lifecycle rules of buckets.

use kernel::house::HOUSE_SCOPE;
use kernel::{Reader, Result, Table, Tx};

use super::bucket::{self, Bucket};
use crate::rules::lifecycle::Lifecycle;

/// By the bucket's name; of none that is gone.
static RULES: Table<Lifecycle> = Table::new("s3/lifecycle");

pub fn find(from: &mut impl Reader, bucket: &Bucket) -> Result<Option<Lifecycle>> {
    RULES.get(from, &HOUSE_SCOPE, bucket.name.as_str())
}

pub fn put(tx: &mut Tx<'_, '_>, bucket: &Bucket, rules: &Lifecycle) -> Result<()> {
    RULES.put(tx, &HOUSE_SCOPE, bucket.name.as_str(), rules)
}

pub fn delete(tx: &mut Tx<'_, '_>, bucket: &Bucket) -> Result<()> {
    RULES.delete(tx, &HOUSE_SCOPE, bucket.name.as_str())
}

/// Buckets that have rules, behind the one named `after`.
pub fn list(from: &mut impl Reader, after: Option<&str>, limit: usize) -> Result<Vec<(Bucket, Lifecycle)>> {
    let after = after.map(kernel::Key::to_bytes);
    let rows = RULES.list(from, &HOUSE_SCOPE, (), after.as_deref(), limit)?;
    let mut found = Vec::with_capacity(rows.len());
    for (key, rules) in rows {
        let Some(name) = kernel::key::KeyReader(&key).text() else { continue };
        found.extend(bucket::find(from, &name)?.map(|bucket| (bucket, rules)));
    }
    Ok(found)
}
