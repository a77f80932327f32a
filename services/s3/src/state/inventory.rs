//! The stored inventories of buckets.

use kernel::key::KeyReader;
use kernel::{Reader, Result, Scope, Table, Tx};

use super::bucket::Bucket;
use crate::rules::inventory::{CONFIGURATIONS_MAX, Inventory};

/// By bucket and id, in the bucket's scope; of none that is gone.
static INVENTORIES: Table<Inventory> = Table::new("s3/inventory");

pub fn find(from: &mut impl Reader, scope: &Scope, bucket: &str, id: &str) -> Result<Option<Inventory>> {
    INVENTORIES.get(from, scope, (bucket, id))
}

pub fn put(tx: &mut Tx<'_, '_>, bucket: &Bucket, inventory: &Inventory) -> Result<()> {
    INVENTORIES.put(tx, &bucket.scope(), (bucket.name.as_str(), inventory.id.as_str()), inventory)
}

pub fn delete(tx: &mut Tx<'_, '_>, bucket: &Bucket, id: &str) -> Result<()> {
    INVENTORIES.delete(tx, &bucket.scope(), (bucket.name.as_str(), id))
}

/// Takes away all of a bucket that goes.
pub fn delete_all(tx: &mut Tx<'_, '_>, bucket: &Bucket) -> Result<()> {
    for one in list(tx, bucket, None, CONFIGURATIONS_MAX)? {
        delete(tx, bucket, &one.id)?;
    }
    Ok(())
}

/// Those of a bucket behind an id, in order of their ids.
pub fn list(
    from: &mut impl Reader,
    bucket: &Bucket,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Inventory>> {
    let after = after.map(|id| kernel::Key::to_bytes(&(bucket.name.as_str(), id)));
    let rows = INVENTORIES.list(from, &bucket.scope(), bucket.name.as_str(), after.as_deref(), limit)?;
    Ok(rows.into_iter().map(|(_, inventory)| inventory).collect())
}

/// Those of all buckets, at most `limit`: scope, bucket and id.
pub fn list_all(from: &mut impl Reader, limit: usize) -> Result<Vec<(Scope, String, String)>> {
    let rows = INVENTORIES.list_all(from, None, limit)?;
    let place = |row: &[u8]| {
        let mut key = KeyReader(row);
        Some((key.scope()?, key.text()?, key.text()?))
    };
    Ok(rows.iter().filter_map(|(row, _)| place(row)).collect())
}
