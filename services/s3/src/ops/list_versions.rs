//! Versions listed: key by key, of each the newest first.

use api_s3::{
    CommonPrefix, DeleteMarkerEntry, ListObjectVersionsOutput, ListObjectVersionsRequest, ObjectVersion,
    Owner,
};
use kernel::{Ctx, Reader, Result};

use super::{bucket, canonical_id, date, long};
use crate::errors;
use crate::rules::listing::{common_prefix, page_size};
use crate::rules::url::Encoding;
use crate::state::bucket::Bucket;
use crate::state::cursor::Cursor;
use crate::state::object::{self, Object, Which};

/// A page as it fills.
#[derive(Default)]
struct Page {
    /// Each with its key, and whether it is the latest.
    versions: Vec<(String, Object, bool)>,
    prefixes: Vec<String>,
    truncated: bool,
    /// The last entry: a key with a version, or a common prefix.
    last: Option<(String, Option<String>)>,
}

/// The latest and the older versions, side by side in order of keys.
struct Walk {
    latest: Cursor<Object>,
    older: Cursor<Object>,
    /// The key whose latest version has been met.
    met: Option<String>,
}

impl Walk {
    fn next(&mut self, snap: &mut impl Reader) -> Result<Option<(String, Object, bool)>> {
        let latest = self.latest.peek(snap)?.map(|(key, _)| key.clone());
        let older = self.older.peek(snap)?.map(|(key, _)| key.clone());
        let from_latest = match (&latest, &older) {
            (None, None) => return Ok(None),
            (Some(latest), Some(older)) => latest <= older,
            (Some(_), None) => true,
            (None, Some(_)) => false,
        };
        let cursor = if from_latest { &mut self.latest } else { &mut self.older };
        let Some((key, object)) = cursor.next(snap)? else { return Ok(None) };
        // An older version comes first only where the latest is a delete marker: then it is that.
        let is_latest = self.met.as_ref() != Some(&key);
        self.met = Some(key.clone());
        Ok(Some((key, object, is_latest)))
    }

    fn leap_key(&mut self, key: &str) {
        self.latest.leap_key(key);
        self.older.leap_key(key);
    }

    fn leap_prefix(&mut self, prefix: &str) {
        self.latest.leap_prefix(prefix);
        self.older.leap_prefix(prefix);
    }
}

pub async fn list_object_versions(
    ctx: &Ctx,
    input: ListObjectVersionsRequest,
) -> Result<ListObjectVersionsOutput> {
    let encoding = Encoding::parse(input.encoding_type.as_deref())?;
    let limit = page_size(input.max_keys, "maxKeys")?;
    let marker = input.version_id_marker.as_deref().filter(|marker| !marker.is_empty());
    if let Some(marker) = marker
        && input.key_marker.as_deref().is_none_or(str::is_empty)
    {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(errors::argument("version-id-marker", marker, message));
    }
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let page = ctx.read(|snap| fill(snap, &found, &input, marker, limit)).await?;
    let owner = Owner { id: Some(canonical_id(found.owner)), ..Owner::default() };
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for (key, object, is_latest) in &page.versions {
        if object.is_marker {
            markers.push(shown_marker(encoding.write(key), object, *is_latest, &owner));
        } else {
            versions.push(shown(encoding.write(key), object, *is_latest, &owner));
        }
    }
    let next = page.last.as_ref().filter(|_| page.truncated);
    let prefix = |prefix: &String| CommonPrefix { prefix: Some(encoding.write(prefix)) };
    Ok(ListObjectVersionsOutput {
        is_truncated: Some(page.truncated),
        key_marker: Some(encoding.write(input.key_marker.as_deref().unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.clone().unwrap_or_default()),
        next_key_marker: next.map(|(key, _)| encoding.write(key)),
        next_version_id_marker: next.and_then(|(_, version)| version.clone()),
        versions: (!versions.is_empty()).then_some(versions),
        delete_markers: (!markers.is_empty()).then_some(markers),
        common_prefixes: (!page.prefixes.is_empty()).then(|| page.prefixes.iter().map(prefix).collect()),
        name: Some(input.bucket.clone()),
        prefix: Some(encoding.write(input.prefix.as_deref().unwrap_or_default())),
        delimiter: input.delimiter.as_deref().map(|delimiter| encoding.write(delimiter)),
        max_keys: i32::try_from(limit).ok(),
        encoding_type: encoding.member(),
        ..ListObjectVersionsOutput::default()
    })
}

fn fill(
    snap: &mut impl Reader,
    bucket: &Bucket,
    input: &ListObjectVersionsRequest,
    version_marker: Option<&str>,
    limit: usize,
) -> Result<Page> {
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref();
    let mut walk =
        Walk { latest: Cursor::objects(bucket, prefix), older: Cursor::older(bucket, prefix), met: None };
    let key_marker = input.key_marker.as_deref().filter(|marker| !marker.is_empty());
    match (key_marker, version_marker) {
        (Some(key), Some(version)) => {
            // The version may have been deleted since the page before: an id says its place, a null version that is gone
            // says none, and all that are older are listed.
            let number = match Which::new(Some(version)) {
                Which::Version(id) => {
                    let number = object::number_of(&id);
                    number.ok_or_else(|| errors::invalid_version(&id))?
                }
                which => {
                    object::find(snap, bucket, key, &which)?.map_or(object::NEWEST, |found| found.number)
                }
            };
            walk.latest.leap_key(key);
            walk.older.leap_row(object::older_row(bucket, key, number));
            walk.met = Some(key.to_owned());
        }
        (Some(key), None) => match common_prefix(key, prefix, delimiter) {
            Some(common) if key.starts_with(prefix) => walk.leap_prefix(common),
            _ => walk.leap_key(key),
        },
        (None, _) => {}
    }
    let mut page = Page::default();
    if limit == 0 {
        return Ok(page);
    }
    loop {
        let Some((key, object, is_latest)) = walk.next(snap)? else { break };
        if page.versions.len() + page.prefixes.len() == limit {
            page.truncated = true;
            break;
        }
        match common_prefix(&key, prefix, delimiter) {
            Some(common) => {
                walk.leap_prefix(common);
                page.last = Some((common.to_owned(), None));
                page.prefixes.push(common.to_owned());
            }
            None => {
                page.last = Some((key.clone(), Some(object.shown_version())));
                page.versions.push((key, object, is_latest));
            }
        }
    }
    Ok(page)
}

fn shown(key: String, object: &Object, is_latest: bool, owner: &Owner) -> ObjectVersion {
    ObjectVersion {
        key: Some(key),
        version_id: Some(object.shown_version()),
        is_latest: Some(is_latest),
        last_modified: date(object.modified_at),
        e_tag: Some(object.shown_etag()),
        checksum_algorithm: object.checksum.as_ref().map(|c| vec![c.algorithm.name().to_owned()]),
        checksum_type: object.checksum.as_ref().map(|c| c.of.name().to_owned()),
        size: Some(long(object.size)),
        storage_class: Some(object.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())),
        owner: Some(owner.clone()),
        ..ObjectVersion::default()
    }
}

fn shown_marker(key: String, object: &Object, is_latest: bool, owner: &Owner) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        key: Some(key),
        version_id: Some(object.shown_version()),
        is_latest: Some(is_latest),
        last_modified: date(object.modified_at),
        owner: Some(owner.clone()),
    }
}
