//! The stored versions of objects.
//!
//! Each lies in one place: the latest under its key in `s3/object`, so that listing a bucket reads nothing else; the
//! ones before it, and every delete marker, in `s3/older`, the newest first.

use kernel::{Key, Millis, Reader, Result, Table, Tx};
use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, Versioning};
use super::bytes::{self, Body};
use crate::rules::checksum::Checksum;
use crate::rules::encryption::Encryption;
use crate::rules::headers::Headers;
use crate::rules::lock::Lock;
use crate::rules::replication::Status;
use crate::rules::restore::Restore;
use crate::rules::tags::Tags;

/// By bucket and key: the latest version, where it is no delete marker.
pub(super) static OBJECTS: Table<Object> = Table::new("s3/object");
/// By bucket, key and age: every other version.
pub(super) static OLDER: Table<Object> = Table::new("s3/older");
/// By bucket and key: which of the older versions is the null version.
static NULLS: Table<u64> = Table::new("s3/null-version");

/// One version of an object, or a delete marker.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Object {
    /// Grows with every version of a key.
    pub number: u64,
    /// `None` for the null version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_marker: bool,
    pub modified_at: Millis,
    /// Bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// Parts it was uploaded in; 0 for an object put in one piece.
    #[serde(default)]
    pub parts: u32,
    /// The upload it was made by, while a client may ask again for the end of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    pub body: Body,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    #[serde(default)]
    pub headers: Headers,
    /// `None` for `STANDARD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    #[serde(default)]
    pub encryption: Encryption,
    #[serde(default, skip_serializing_if = "Lock::is_none")]
    pub lock: Lock,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// `None` where no rule ever wanted it elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Status>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// Which version a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    Latest,
    Null,
    /// One with an id. An id that is none of ours names nothing.
    Version(String),
}

impl Which {
    pub fn new(version_id: Option<&str>) -> Self {
        match version_id {
            None => Self::Latest,
            Some("null") => Self::Null,
            Some(id) => Self::Version(id.to_owned()),
        }
    }
}

const NUMBER_DIGITS: usize = 16;
/// What ages are counted from. Its first byte is not FF, which behind the end of a text would be read as part of it.
pub const NEWEST: u64 = u64::MAX >> 1;

impl Object {
    /// What `x-amz-version-id` says.
    pub fn shown_version(&self) -> String {
        self.version_id.clone().unwrap_or_else(|| "null".to_owned())
    }

    /// The entity tag as it is sent.
    pub fn shown_etag(&self) -> String {
        format!("\"{}\"", self.etag)
    }
}

/// An id that leads back to the version's number, and that nobody can guess.
pub fn version_id(number: u64, chance: &str) -> String {
    format!("{number:0width$x}{chance}", width = NUMBER_DIGITS)
}

/// The number that an id leads back to; `None` of one that is none of ours.
pub fn number_of(version_id: &str) -> Option<u64> {
    u64::from_str_radix(version_id.get(..NUMBER_DIGITS)?, 16).ok().filter(|number| *number <= NEWEST)
}

/// The row of an older version, to go on behind: the newest sorts first.
pub fn older_row(bucket: &Bucket, key: &str, number: u64) -> Vec<u8> {
    (bucket.id, key, NEWEST - number).to_bytes()
}

/// The latest version, where it is no delete marker.
pub fn latest(from: &mut impl Reader, bucket: &Bucket, key: &str) -> Result<Option<Object>> {
    OBJECTS.get(from, &bucket.scope(), (bucket.id, key))
}

/// The newest of the older versions.
fn newest_older(from: &mut impl Reader, bucket: &Bucket, key: &str) -> Result<Option<Object>> {
    if bucket.versioning.is_none() {
        return Ok(None);
    }
    let rows = OLDER.list(from, &bucket.scope(), (bucket.id, key), None, 1)?;
    Ok(rows.into_iter().next().map(|(_, object)| object))
}

/// A version; with `Which::Latest` the latest, delete markers included.
pub fn find(from: &mut impl Reader, bucket: &Bucket, key: &str, which: &Which) -> Result<Option<Object>> {
    let current = latest(from, bucket, key)?;
    let number = match which {
        Which::Latest if current.is_some() => return Ok(current),
        Which::Latest => return newest_older(from, bucket, key),
        Which::Null if current.as_ref().is_some_and(|o| o.version_id.is_none()) => return Ok(current),
        Which::Version(id) if current.as_ref().is_some_and(|o| o.version_id.as_ref() == Some(id)) => {
            return Ok(current);
        }
        Which::Null => NULLS.get(from, &bucket.scope(), (bucket.id, key))?,
        Which::Version(id) => number_of(id),
    };
    let Some(number) = number else { return Ok(None) };
    let found = OLDER.get(from, &bucket.scope(), (bucket.id, key, NEWEST - number))?;
    Ok(found.filter(|object| match which {
        Which::Version(id) => object.version_id.as_ref() == Some(id),
        Which::Latest | Which::Null => true,
    }))
}

/// The version of this number.
pub fn numbered(from: &mut impl Reader, bucket: &Bucket, key: &str, number: u64) -> Result<Option<Object>> {
    match latest(from, bucket, key)? {
        Some(current) if current.number == number => Ok(Some(current)),
        _ => OLDER.get(from, &bucket.scope(), (bucket.id, key, NEWEST - number)),
    }
}

/// Replaces what is stored of a version by the same version with other particulars.
pub fn update(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, object: &Object) -> Result<()> {
    match latest(tx, bucket, key)? {
        Some(current) if current.number == object.number => {
            OBJECTS.put(tx, &bucket.scope(), (bucket.id, key), object)
        }
        _ => OLDER.put(tx, &bucket.scope(), (bucket.id, key, NEWEST - object.number), object),
    }
}

/// Makes `new` the latest version, with a number, and an id where the bucket keeps versions. What it replaces goes.
pub fn add(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, mut new: Object) -> Result<Object> {
    let current = latest(tx, bucket, key)?;
    let before = match &current {
        Some(current) => Some(current.number),
        None => newest_older(tx, bucket, key)?.map(|older| older.number),
    };
    let now = u64::try_from(tx.ctx().now()).unwrap_or_default() * 1_000;
    new.number = now.max(before.map_or(0, |number| number + 1));
    let keeps = bucket.versioning == Some(Versioning::Enabled);
    new.version_id = keeps.then(|| version_id(new.number, &tx.ctx().ids().hex(16)));
    match current {
        Some(current) if keeps || current.version_id.is_some() => push_older(tx, bucket, key, &current)?,
        Some(current) => bytes::drop_body(tx, bucket, &current.body)?,
        None => {}
    }
    if !keeps {
        drop_older_null(tx, bucket, key)?;
    }
    if new.is_marker {
        OBJECTS.delete(tx, &bucket.scope(), (bucket.id, key))?;
        push_older(tx, bucket, key, &new)?;
    } else {
        OBJECTS.put(tx, &bucket.scope(), (bucket.id, key), &new)?;
    }
    Ok(new)
}

/// Puts a copy of another bucket's version in its place among those that are there, under its own id. Gives `false`, and
/// changes tags and lock only, where it is there already.
pub fn place(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, mut new: Object) -> Result<bool> {
    if let Some(there) = numbered(tx, bucket, key, new.number)? {
        if there.version_id == new.version_id {
            let there = Object { tags: new.tags, lock: new.lock, ..there };
            update(tx, bucket, key, &there)?;
            return Ok(false);
        }
        // Two were made in the same moment: the copy cannot have the number, and so not the id.
        while numbered(tx, bucket, key, new.number)?.is_some() {
            new.number += 1;
        }
        new.version_id = Some(version_id(new.number, &tx.ctx().ids().hex(16)));
    }
    let scope = bucket.scope();
    let current = latest(tx, bucket, key)?;
    let newest = match &current {
        Some(current) => Some(current.number),
        None => newest_older(tx, bucket, key)?.map(|older| older.number),
    };
    if newest.is_some_and(|newest| newest > new.number) {
        push_older(tx, bucket, key, &new)?;
        return Ok(true);
    }
    if let Some(current) = current {
        push_older(tx, bucket, key, &current)?;
    }
    if new.is_marker {
        OBJECTS.delete(tx, &scope, (bucket.id, key))?;
        push_older(tx, bucket, key, &new)?;
    } else {
        OBJECTS.put(tx, &scope, (bucket.id, key), &new)?;
    }
    Ok(true)
}

fn push_older(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, object: &Object) -> Result<()> {
    let scope = bucket.scope();
    if object.version_id.is_none() {
        NULLS.put(tx, &scope, (bucket.id, key), &object.number)?;
    }
    OLDER.put(tx, &scope, (bucket.id, key, NEWEST - object.number), object)
}

/// There is one null version of a key at most: a new one takes the place of an older.
fn drop_older_null(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str) -> Result<()> {
    if bucket.versioning.is_none() {
        return Ok(());
    }
    let scope = bucket.scope();
    let Some(number) = NULLS.get(tx, &scope, (bucket.id, key))? else { return Ok(()) };
    NULLS.delete(tx, &scope, (bucket.id, key))?;
    let place = (bucket.id, key, NEWEST - number);
    if let Some(null) = OLDER.get(tx, &scope, place)? {
        bytes::drop_body(tx, bucket, &null.body)?;
        OLDER.delete(tx, &scope, place)?;
    }
    Ok(())
}

/// Takes a version away for good. Where it was the latest, the one before it is again, unless that is a delete marker.
pub fn remove(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, object: &Object) -> Result<()> {
    let scope = bucket.scope();
    bytes::drop_body(tx, bucket, &object.body)?;
    let was_current = latest(tx, bucket, key)?.is_some_and(|current| current.number == object.number);
    if was_current {
        OBJECTS.delete(tx, &scope, (bucket.id, key))?;
    } else {
        OLDER.delete(tx, &scope, (bucket.id, key, NEWEST - object.number))?;
        if object.version_id.is_none() {
            NULLS.delete(tx, &scope, (bucket.id, key))?;
        }
        if latest(tx, bucket, key)?.is_some() {
            return Ok(());
        }
    }
    let Some(next) = newest_older(tx, bucket, key)?.filter(|next| !next.is_marker) else { return Ok(()) };
    OLDER.delete(tx, &scope, (bucket.id, key, NEWEST - next.number))?;
    if next.version_id.is_none() {
        NULLS.delete(tx, &scope, (bucket.id, key))?;
    }
    OBJECTS.put(tx, &scope, (bucket.id, key), &next)
}

/// Whether a bucket holds any version of anything.
pub fn is_empty(from: &mut impl Reader, bucket: &Bucket) -> Result<bool> {
    let scope = bucket.scope();
    Ok(OBJECTS.list(from, &scope, bucket.id, None, 1)?.is_empty()
        && OLDER.list(from, &scope, bucket.id, None, 1)?.is_empty())
}
