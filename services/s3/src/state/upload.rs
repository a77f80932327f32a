//! Stored multipart uploads and their parts.

use kernel::{Key, Millis, Reader, Result, Table, Tx};
use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::bytes::{self, Segment};
use crate::rules::checksum::{Algorithm, Checksum, Type};
use crate::rules::encryption::Encryption;
use crate::rules::headers::Headers;
use crate::rules::lock::Lock;
use crate::rules::tags::Tags;

/// By bucket, key and upload; uploads of a key in the order they were begun.
pub(super) static UPLOADS: Table<Upload> = Table::new("s3/upload");
/// By bucket, upload and number.
static PARTS: Table<Part> = Table::new("s3/part");

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upload {
    /// Begins with the time, so that ids sort by it.
    pub id: String,
    pub begun_at: Millis,
    /// Who began it.
    pub initiator: String,
    pub headers: Headers,
    pub tags: Tags,
    pub encryption: Encryption,
    pub storage_class: Option<String>,
    /// What was asked for.
    pub checksum: Option<(Algorithm, Type)>,
    #[serde(default)]
    pub lock: Lock,
}

impl Upload {
    /// What sums its parts and the object they make: what was asked for, else what S3 adds by itself.
    pub fn sums_by(&self) -> (Algorithm, Type) {
        self.checksum.unwrap_or((Algorithm::Crc64Nvme, Type::FullObject))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub number: u32,
    pub modified_at: Millis,
    pub etag: String,
    /// Its bytes, with the checksum by the upload's algorithm.
    pub segment: Segment,
    /// The checksum it came with, where that is of another algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought: Option<Checksum>,
}

impl Part {
    /// Its checksum by one algorithm, where it has that.
    pub fn sum(&self, upload: &Upload, algorithm: Algorithm) -> Option<&str> {
        if upload.sums_by().0 == algorithm {
            return self.segment.checksum.as_deref();
        }
        let brought = self.brought.as_ref().filter(|brought| brought.algorithm == algorithm)?;
        Some(&brought.value)
    }
}

pub fn find(from: &mut impl Reader, bucket: &Bucket, key: &str, id: &str) -> Result<Option<Upload>> {
    UPLOADS.get(from, &bucket.scope(), (bucket.id, key, id))
}

pub fn put(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, upload: &Upload) -> Result<()> {
    UPLOADS.put(tx, &bucket.scope(), (bucket.id, key, upload.id.as_str()), upload)
}

/// The row of an upload, to go on behind.
pub fn row(bucket: &Bucket, key: &str, id: &str) -> Vec<u8> {
    (bucket.id, key, id).to_bytes()
}

/// Parts after the number `after`, in order.
pub fn parts(
    from: &mut impl Reader,
    bucket: &Bucket,
    upload: &str,
    after: Option<u32>,
    limit: usize,
) -> Result<Vec<Part>> {
    let after = after.map(|number| (bucket.id, upload, u64::from(number)).to_bytes());
    let rows = PARTS.list(from, &bucket.scope(), (bucket.id, upload), after.as_deref(), limit)?;
    Ok(rows.into_iter().map(|(_, part)| part).collect())
}

/// Stores a part in place of the one with its number.
pub fn put_part(tx: &mut Tx<'_, '_>, bucket: &Bucket, upload: &str, part: &Part) -> Result<()> {
    let place = (bucket.id, upload, u64::from(part.number));
    if let Some(before) = PARTS.get(tx, &bucket.scope(), place)? {
        bytes::let_go(tx, bucket, &before.segment)?;
    }
    PARTS.put(tx, &bucket.scope(), place, part)
}

/// Forgets an upload and its parts, and lets go of the bytes that are not in `kept`.
pub fn end(
    tx: &mut Tx<'_, '_>,
    bucket: &Bucket,
    key: &str,
    id: &str,
    parts: &[Part],
    kept: &[Segment],
) -> Result<()> {
    let scope = bucket.scope();
    UPLOADS.delete(tx, &scope, (bucket.id, key, id))?;
    let kept: std::collections::BTreeSet<_> = kept.iter().map(|segment| segment.id.as_str()).collect();
    for part in parts {
        PARTS.delete(tx, &scope, (bucket.id, id, u64::from(part.number)))?;
        if !kept.contains(part.segment.id.as_str()) {
            bytes::let_go(tx, bucket, &part.segment)?;
        }
    }
    Ok(())
}

/// Whether a bucket has uploads under way.
pub fn any(from: &mut impl Reader, bucket: &Bucket) -> Result<bool> {
    Ok(!UPLOADS.list(from, &bucket.scope(), bucket.id, None, 1)?.is_empty())
}
