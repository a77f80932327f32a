//! Where an object's bytes lie: short ones in the store beside their record, long ones as blobs.
//!
//! The order is always bytes, then record, then answer; and away with the record before the bytes. A blob that no row
//! of [`BLOBS`] names is nobody's, and the sweep takes it.

use blob::{BlobId, Blobs};
use bytes::Bytes;
use kernel::key::KeyReader;
use kernel::{Millis, PackedTable, Reader, Result, Scope, Sealer, Table, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::bucket::Bucket;
use crate::errors;
use crate::rules::seal::Secret;

/// Longest segment that lies in the store itself.
pub const INLINE_BYTES_MAX: usize = 32 * 1_024;
/// How long bytes stay after their record has gone: for those who read them just now.
pub const GRACE_MS: Millis = 30_000;

/// By bucket and segment; sealed bytes.
static INLINE: PackedTable = PackedTable::new("s3/inline");
/// By segment: blobs that a record names.
pub(super) static BLOBS: Table<()> = Table::new("s3/blob");
/// By segment: blobs that no record names any more, with the time to remove them.
static LEFTOVERS: Table<Millis> = Table::new("s3/leftover");
/// By bucket and body: the segments of a body that has several.
static SEGMENTS: Table<Vec<Segment>> = Table::new("s3/segments");

/// What the service keeps bytes with.
pub struct Vault {
    pub blobs: Blobs,
    pub sealer: Arc<dyn Sealer>,
}

impl Vault {
    /// A new bucket's secret, sealed.
    ///
    /// # Errors
    /// When the sealing key cannot be used.
    pub fn seal(&self, bucket_id: u64, secret: &Secret) -> Result<Vec<u8>> {
        Ok(self.sealer.seal(&belongs_to(bucket_id), secret)?)
    }

    /// # Errors
    /// When it was sealed under another key.
    pub fn secret(&self, bucket: &Bucket) -> Result<Secret> {
        if let Some(secret) = bucket.opened.0.get() {
            return Ok(*secret);
        }
        let opened = self.sealer.open(&belongs_to(bucket.id), &bucket.secret)?;
        let secret = opened.try_into().map_err(|_| errors::damaged("a bucket's secret"))?;
        Ok(*bucket.opened.0.get_or_init(|| secret))
    }
}

fn belongs_to(bucket_id: u64) -> Vec<u8> {
    [b"s3/bucket/".as_slice(), &bucket_id.to_be_bytes()].concat()
}

/// A run of bytes under one key: a whole object, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub id: String,
    /// Before sealing.
    pub size: u64,
    pub inline: bool,
    /// Of a part, by the algorithm of its object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

/// Where a body lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Nowhere: it has no bytes.
    #[default]
    Empty,
    One(Segment),
    /// In the segments of this row.
    Many(String),
}

/// The blob of a segment.
pub fn blob_id(scope: &Scope, segment: &str) -> Result<BlobId> {
    BlobId::new(format!("s3/{}/{}/{segment}", scope.account, scope.region)).map_err(kernel::Error::internal)
}

/// The scope and segment of a blob; `None` for what is none of ours.
pub fn of_blob(id: &BlobId) -> Option<(Scope, String)> {
    let mut parts = id.as_str().strip_prefix("s3/")?.split('/');
    let scope = Scope { account: parts.next()?.parse().ok()?, region: parts.next()?.parse().ok()? };
    Some((scope, parts.next()?.to_owned()))
}

/// Whether a record names the blob.
pub fn is_held(from: &mut impl Reader, scope: &Scope, segment: &str) -> Result<bool> {
    Ok(BLOBS.get(from, scope, segment)?.is_some() || LEFTOVERS.get(from, scope, segment)?.is_some())
}

/// Whether a record names the segment now.
pub fn is_named(from: &mut impl Reader, scope: &Scope, segment: &str) -> Result<bool> {
    Ok(BLOBS.get(from, scope, segment)?.is_some())
}

/// Notes that a record names the segment; `inline` are its sealed bytes, where they lie in the store.
pub fn hold(tx: &mut Tx<'_, '_>, bucket: &Bucket, segment: &Segment, inline: Option<&Bytes>) -> Result<()> {
    match inline {
        Some(bytes) => INLINE.put(tx, &bucket.scope(), (bucket.id, segment.id.as_str()), bytes.clone()),
        None if segment.inline => Ok(()),
        None => BLOBS.put(tx, &bucket.scope(), segment.id.as_str(), &()),
    }
}

/// Notes that no record names the segment any more.
pub fn let_go(tx: &mut Tx<'_, '_>, bucket: &Bucket, segment: &Segment) -> Result<()> {
    if segment.inline {
        return INLINE.delete(tx, &bucket.scope(), (bucket.id, segment.id.as_str()));
    }
    let due_at = tx.ctx().now() + GRACE_MS;
    BLOBS.delete(tx, &bucket.scope(), segment.id.as_str())?;
    LEFTOVERS.put(tx, &bucket.scope(), segment.id.as_str(), &due_at)
}

pub fn inline(from: &mut impl Reader, bucket: &Bucket, segment: &Segment) -> Result<Option<Bytes>> {
    INLINE.get(from, &bucket.scope(), (bucket.id, segment.id.as_str()))
}

/// The segments of a body, in order.
pub fn segments(from: &mut impl Reader, bucket: &Bucket, body: &Body) -> Result<Vec<Segment>> {
    match body {
        Body::Empty => Ok(Vec::new()),
        Body::One(segment) => Ok(vec![segment.clone()]),
        Body::Many(id) => {
            let found = SEGMENTS.get(from, &bucket.scope(), (bucket.id, id.as_str()))?;
            found.ok_or_else(|| errors::damaged("the list of an object's parts"))
        }
    }
}

/// Makes one body of segments that are held already.
pub fn join(tx: &mut Tx<'_, '_>, bucket: &Bucket, id: &str, segments: &[Segment]) -> Result<Body> {
    SEGMENTS.put(tx, &bucket.scope(), (bucket.id, id), &segments.to_vec())?;
    Ok(Body::Many(id.to_owned()))
}

/// Lets go of everything a body is made of.
pub fn drop_body(tx: &mut Tx<'_, '_>, bucket: &Bucket, body: &Body) -> Result<()> {
    for segment in segments(tx, bucket, body)? {
        let_go(tx, bucket, &segment)?;
    }
    match body {
        Body::Many(id) => SEGMENTS.delete(tx, &bucket.scope(), (bucket.id, id.as_str())),
        Body::Empty | Body::One(_) => Ok(()),
    }
}

/// Leftovers of all scopes, at most `limit`.
pub fn leftovers(from: &mut impl Reader, limit: usize) -> Result<Vec<(Scope, String)>> {
    let rows = LEFTOVERS.list_all(from, None, limit)?;
    let place = |key: &[u8]| {
        let mut key = KeyReader(key);
        Some((key.scope()?, key.text()?))
    };
    Ok(rows.iter().filter_map(|(key, _)| place(key)).collect())
}

/// When a leftover is to be removed.
pub fn leftover_due(from: &mut impl Reader, scope: &Scope, segment: &str) -> Result<Option<Millis>> {
    LEFTOVERS.get(from, scope, segment)
}

/// Notes that a leftover's bytes are gone.
pub fn forget_leftover(tx: &mut Tx<'_, '_>, scope: &Scope, segment: &str) -> Result<()> {
    LEFTOVERS.delete(tx, scope, segment)
}
