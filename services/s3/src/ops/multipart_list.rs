//! Multipart uploads: those under way, and the parts they have.

use api_s3::{
    CommonPrefix, Initiator, ListMultipartUploadsOutput, ListMultipartUploadsRequest, ListPartsOutput,
    ListPartsRequest, MultipartUpload, Owner,
};
use kernel::{Ctx, Result};

use super::bucket_lifecycle::shown_abort;
use super::{bucket, canonical_id, date, long};
use crate::errors;
use crate::put_checksum;
use crate::rules::checksum::Checksum;
use crate::rules::listing::{common_prefix, page_size};
use crate::rules::url::Encoding;
use crate::state::bucket::Bucket;
use crate::state::cursor::Cursor;
use crate::state::upload::{self, Part, Upload};

const PARTS_PAGE_MAX: i32 = 1_000;

/// The parts a page may have.
pub(super) fn part_limit(given: Option<i32>, max: i32) -> Result<usize> {
    match given.unwrap_or(max) {
        n @ 0.. => Ok(usize::try_from(n.min(max)).unwrap_or_default()),
        n => {
            let message = "Argument max-parts must be an integer between 0 and 2147483647";
            Err(errors::argument("max-parts", &n.to_string(), message))
        }
    }
}

/// The number a page of parts begins behind.
pub(super) fn part_marker(given: Option<i32>) -> Result<u32> {
    let message = "Argument part-number-marker must be an integer between 0 and 2147483647";
    let given = given.unwrap_or(0);
    u32::try_from(given).map_err(|_| errors::argument("part-number-marker", &given.to_string(), message))
}

pub async fn list_parts(ctx: &Ctx, input: ListPartsRequest) -> Result<ListPartsOutput> {
    let limit = part_limit(input.max_parts, PARTS_PAGE_MAX)?;
    let marker = part_marker(input.part_number_marker)?;
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let (upload, mut parts, (abort_date, abort_rule_id)) = ctx
        .read(|snap| {
            let upload = upload::find(snap, &found, &input.key, &input.upload_id)?;
            let upload = upload.ok_or_else(|| errors::no_such_upload(&input.upload_id))?;
            let parts = upload::parts(snap, &found, &upload.id, Some(marker), limit + 1)?;
            let abort = shown_abort(snap, &found, &input.key, &upload)?;
            Ok((upload, parts, abort))
        })
        .await?;
    let truncated = parts.len() > limit;
    parts.truncate(limit);
    let last = parts.last().map_or(marker, |part| part.number);
    Ok(ListPartsOutput {
        abort_date,
        abort_rule_id,
        bucket: Some(input.bucket),
        key: Some(input.key),
        part_number_marker: i32::try_from(marker).ok(),
        next_part_number_marker: i32::try_from(last).ok(),
        max_parts: i32::try_from(limit).ok(),
        is_truncated: Some(truncated),
        parts: Some(parts.iter().map(|part| shown_part(&upload, part)).collect()),
        initiator: Some(initiator(&found, &upload)),
        owner: Some(owner(&found)),
        storage_class: Some(upload.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())),
        checksum_algorithm: upload.checksum.map(|(algorithm, _)| algorithm.name().to_owned()),
        checksum_type: upload.checksum.map(|(_, of)| of.name().to_owned()),
        upload_id: Some(upload.id),
        ..ListPartsOutput::default()
    })
}

fn shown_part(upload: &Upload, part: &Part) -> api_s3::Part {
    let mut shown = api_s3::Part {
        part_number: i32::try_from(part.number).ok(),
        last_modified: date(part.modified_at),
        e_tag: Some(format!("\"{}\"", part.etag)),
        size: Some(long(part.segment.size)),
        ..api_s3::Part::default()
    };
    let (algorithm, of) = upload.sums_by();
    if let Some(value) = part.segment.checksum.clone() {
        put_checksum!(shown, Some(&Checksum { algorithm, of, value }));
    }
    shown
}

fn owner(bucket: &Bucket) -> Owner {
    Owner { id: Some(canonical_id(bucket.owner)), ..Owner::default() }
}

fn initiator(bucket: &Bucket, upload: &Upload) -> Initiator {
    if upload.initiator.ends_with(":root") {
        return Initiator { id: Some(canonical_id(bucket.owner)), ..Initiator::default() };
    }
    let name = upload.initiator.rsplit('/').next().map(str::to_owned);
    Initiator { id: Some(upload.initiator.clone()), display_name: name }
}

/// A page of uploads as it fills.
#[derive(Default)]
struct Page {
    uploads: Vec<(String, Upload)>,
    prefixes: Vec<String>,
    truncated: bool,
    /// The last entry: a key with an upload, or a common prefix.
    last: Option<(String, Option<String>)>,
}

pub async fn list_multipart_uploads(
    ctx: &Ctx,
    input: ListMultipartUploadsRequest,
) -> Result<ListMultipartUploadsOutput> {
    let encoding = Encoding::parse(input.encoding_type.as_deref())?;
    let limit = page_size(input.max_uploads, "max-uploads")?;
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let page = ctx.read(|snap| fill(snap, &found, &input, limit)).await?;
    let write = |name: &str| encoding.write(name);
    let shown = |(key, upload): &(String, Upload)| MultipartUpload {
        upload_id: Some(upload.id.clone()),
        key: Some(write(key)),
        initiated: date(upload.begun_at),
        storage_class: Some(upload.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())),
        owner: Some(owner(&found)),
        initiator: Some(initiator(&found, upload)),
        checksum_algorithm: upload.checksum.map(|(algorithm, _)| algorithm.name().to_owned()),
        checksum_type: upload.checksum.map(|(_, of)| of.name().to_owned()),
    };
    let next = page.last.as_ref().filter(|_| page.truncated);
    Ok(ListMultipartUploadsOutput {
        uploads: (!page.uploads.is_empty()).then(|| page.uploads.iter().map(shown).collect()),
        common_prefixes: (!page.prefixes.is_empty()).then(|| {
            page.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(write(prefix)) }).collect()
        }),
        is_truncated: Some(page.truncated),
        next_key_marker: next.map(|(key, _)| write(key)),
        next_upload_id_marker: next.and_then(|(_, id)| id.clone()),
        max_uploads: i32::try_from(limit).ok(),
        key_marker: Some(write(input.key_marker.as_deref().unwrap_or_default())),
        upload_id_marker: Some(input.upload_id_marker.clone().unwrap_or_default()),
        prefix: input.prefix.as_deref().map(write),
        delimiter: input.delimiter.as_deref().map(write),
        encoding_type: encoding.member(),
        bucket: Some(input.bucket),
        ..ListMultipartUploadsOutput::default()
    })
}

fn fill(
    snap: &mut impl kernel::Reader,
    bucket: &Bucket,
    input: &ListMultipartUploadsRequest,
    limit: usize,
) -> Result<Page> {
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let mut cursor = Cursor::uploads(bucket, prefix);
    match (input.key_marker.as_deref().filter(|marker| !marker.is_empty()), &input.upload_id_marker) {
        (Some(key), Some(id)) if !id.is_empty() => cursor.leap_row(upload::row(bucket, key, id)),
        (Some(key), _) => match common_prefix(key, prefix, input.delimiter.as_deref()) {
            Some(common) if key.starts_with(prefix) => cursor.leap_prefix(common),
            _ => cursor.leap_key(key),
        },
        (None, _) => {}
    }
    let mut page = Page::default();
    while let Some((key, upload)) = cursor.next(snap)? {
        if page.uploads.len() + page.prefixes.len() == limit {
            page.truncated = limit > 0;
            break;
        }
        match common_prefix(&key, prefix, input.delimiter.as_deref()) {
            Some(common) => {
                cursor.leap_prefix(common);
                page.last = Some((common.to_owned(), None));
                page.prefixes.push(common.to_owned());
            }
            None => {
                page.last = Some((key.clone(), Some(upload.id.clone())));
                page.uploads.push((key, upload));
            }
        }
    }
    Ok(page)
}
