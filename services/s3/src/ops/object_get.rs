//! Objects read: their bytes, or what is known of them.

use std::ops::Range;
use std::sync::Arc;

use ::bytes::Bytes;
use api_s3::{
    GetObjectAttributesOutput, GetObjectAttributesParts, GetObjectAttributesRequest, GetObjectOutput,
    GetObjectRequest, HeadObjectOutput, HeadObjectRequest, ObjectPart,
};
use kernel::{Ctx, Principal, Reader, Result};

use super::bucket_lifecycle::shown_expiry;
use super::object_restore::check_readable;
use super::object_tags::present;
use super::{bucket_in, data_key, date, long, outlet, which};
use crate::errors::{self, Detail};
use crate::rules::checksum::Checksum;
use crate::rules::condition::{Read, is_still};
use crate::rules::encryption::CustomerKey;
use crate::rules::range;
use crate::rules::replication::Status;
use crate::rules::time;
use crate::state::bucket::Bucket;
use crate::state::bytes::{self, Segment};
use crate::state::object::{self, Object, Which};
use crate::{customer_key, put_checksum, read_conditions, show_encryption};

/// Parts listed at most.
const PARTS_MAX: i32 = 1_000;

/// An object that was asked for, and what of it.
struct Found {
    bucket: Arc<Bucket>,
    object: Object,
    segments: Vec<Segment>,
    /// The sealed bytes of its last segment, where bytes were asked for and these lie in the store.
    inline: Option<Bytes>,
    range: Range<u64>,
    /// `Content-Range`, where it is not all of it.
    content_range: Option<String>,
    /// Of what is answered: of the object, or of the part that was asked for. None of a range.
    checksum: Option<Checksum>,
    /// `x-amz-expiration`, where rules let it expire.
    expiry: Option<String>,
}

/// What a read asks for.
struct Asked<'a> {
    bucket: &'a str,
    owner: Option<&'a str>,
    key: &'a str,
    which: Which,
    conditions: Read<'a>,
    range: Option<&'a str>,
    if_range: Option<&'a str>,
    part: Option<i32>,
    customer: Option<&'a CustomerKey>,
    /// The bytes themselves, and not only what is known of them.
    bytes: bool,
}

/// What is asked for, from an input.
macro_rules! asked {
    ($input:expr, $customer:expr, $bytes:expr) => {
        Asked {
            bucket: &$input.bucket,
            owner: $input.expected_bucket_owner.as_deref(),
            key: &$input.key,
            which: which($input.version_id.as_deref())?,
            conditions: read_conditions!($input),
            range: $input.range.as_deref(),
            if_range: $input.if_range.as_deref(),
            part: $input.part_number,
            customer: $customer.as_ref(),
            bytes: $bytes,
        }
    };
}

async fn find(ctx: &Ctx, asked: &Asked<'_>) -> Result<Found> {
    let (bucket, object, segments, inline, expiry) = ctx
        .read(|snap| {
            let bucket = bucket_in(ctx, snap, asked.bucket, asked.owner)?;
            let object =
                present(object::find(snap, &bucket, asked.key, &asked.which)?, asked.key, &asked.which)?;
            let segments = bytes::segments(snap, &bucket, &object.body)?;
            let inline = match segments.last() {
                Some(last) if asked.bytes && last.inline => bytes::inline(snap, &bucket, last)?,
                _ => None,
            };
            let expiry = expiry(snap, &bucket, asked, &object)?;
            Ok((bucket, object, segments, inline, expiry))
        })
        .await?;
    asked.conditions.check(&object.etag, object.modified_at).map_err(|refused| match refused.status() {
        304 => refused.with_fields(unchanged(&bucket, &object)),
        _ => refused,
    })?;
    object.encryption.check(asked.customer)?;
    // What has changed since is wanted whole.
    let range = asked.range.filter(|_| {
        asked.if_range.is_none_or(|validator| is_still(validator, &object.etag, object.modified_at))
    });
    let part = match (asked.part, range) {
        (Some(_), Some(_)) => {
            return Err(errors::invalid_request(
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        (Some(number), None) => part_range(&object, &segments, number)?,
        (None, Some(header)) => range::parse(header, object.size)?,
        (None, None) => None,
    };
    let content_range = part.as_ref().map(|part| range::content_range(part, object.size));
    let range = part.unwrap_or(0..object.size);
    let checksum = match asked.part {
        Some(number) => of_part(&object, &segments, number),
        None => object.checksum.clone().filter(|_| content_range.is_none()),
    };
    Ok(Found { bucket, object, segments, inline, range, content_range, checksum, expiry })
}

/// The checksum of a part, by its object's algorithm.
fn of_part(object: &Object, segments: &[Segment], number: i32) -> Option<Checksum> {
    let whole = object.checksum.as_ref()?;
    if object.parts == 0 {
        return Some(whole.clone());
    }
    let part = segments.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
    Some(Checksum { value: part.checksum.clone()?, ..whole.clone() })
}

/// The headers by which a client knows what it has already.
fn unchanged(bucket: &Bucket, object: &Object) -> Detail {
    Detail {
        shown_etag: Some(object.shown_etag()),
        last_modified: time::to_http(time::shown(object.modified_at)),
        cache_control: object.headers.cache_control.clone(),
        expires: object.headers.expires.clone(),
        shown_version: bucket.versioning.map(|_| object.shown_version()),
        ..Detail::default()
    }
}

/// When the version expires: the latest one, as rules that say so mean no other.
fn expiry(
    from: &mut impl Reader,
    bucket: &Bucket,
    asked: &Asked<'_>,
    object: &Object,
) -> Result<Option<String>> {
    let is_latest = asked.which == Which::Latest
        || object::latest(from, bucket, asked.key)?.is_some_and(|latest| latest.number == object.number);
    if is_latest { shown_expiry(from, bucket, asked.key, object) } else { Ok(None) }
}

/// The bytes of one part; all of them are part 1 of an object put in one piece.
fn part_range(object: &Object, segments: &[Segment], number: i32) -> Result<Option<Range<u64>>> {
    let at = usize::try_from(number).ok().filter(|n| (1..=10_000).contains(n));
    let at = at.ok_or_else(|| errors::invalid_part_number(number))? - 1;
    if object.parts == 0 {
        return if at == 0 {
            Ok((object.size > 0).then_some(0..object.size))
        } else {
            Err(errors::no_such_part())
        };
    }
    let part = segments.get(at).ok_or_else(errors::no_such_part)?;
    let begins: u64 = segments.iter().take(at).map(|segment| segment.size).sum();
    Ok(Some(begins..begins + part.size))
}

/// The members that the answers of a read and of a look have in common.
macro_rules! describe {
    ($output:ident, $input:expr, $found:expr, $wants_checksum:expr, $now:expr) => {{
        let Found { bucket, object, range, content_range, checksum, .. } = &$found;
        let headers = &object.headers;
        let or = |given: &Option<String>, stored: &Option<String>| given.clone().or_else(|| stored.clone());
        let mut output = $output {
            accept_ranges: Some("bytes".to_owned()),
            last_modified: date(object.modified_at),
            content_length: Some(long(range.end - range.start)),
            content_range: content_range.clone(),
            e_tag: Some(object.shown_etag()),
            version_id: bucket.versioning.map(|_| object.shown_version()),
            content_type: or(&$input.response_content_type, &headers.content_type)
                .or_else(|| Some("binary/octet-stream".to_owned())),
            content_encoding: or(&$input.response_content_encoding, &headers.content_encoding),
            content_language: or(&$input.response_content_language, &headers.content_language),
            content_disposition: or(&$input.response_content_disposition, &headers.content_disposition),
            cache_control: or(&$input.response_cache_control, &headers.cache_control),
            expires: $input.response_expires.and_then(time::to_http).or_else(|| headers.expires.clone()),
            website_redirect_location: headers.website_redirect_location.clone(),
            metadata: (!headers.metadata.is_empty()).then(|| headers.metadata.clone()),
            storage_class: object.storage_class.clone(),
            parts_count: $input
                .part_number
                .filter(|_| object.parts > 0)
                .and(i32::try_from(object.parts).ok()),
            tag_count: i32::try_from(object.tags.len()).ok().filter(|count| *count > 0),
            ..$output::default()
        };
        show_encryption!(output, &object.encryption);
        output.replication_status = object.replication.map(Status::shown);
        output.expiration.clone_from(&$found.expiry);
        output.restore = object.restore.and_then(|copy| copy.shown($now));
        output.object_lock_mode = object.lock.shown_mode();
        output.object_lock_retain_until_date = object.lock.shown_until();
        output.object_lock_legal_hold_status = object.lock.shown_hold();
        if $wants_checksum {
            put_checksum!(output, checksum);
            output.checksum_type = checksum.as_ref().map(|checksum| checksum.of.name().to_owned());
        }
        output
    }};
}

/// Refuses answers changed by who did not sign.
macro_rules! check_overrides {
    ($ctx:expr, $input:expr) => {
        let changes = $input.response_expires.is_some()
            || [
                &$input.response_cache_control,
                &$input.response_content_disposition,
                &$input.response_content_encoding,
                &$input.response_content_language,
                &$input.response_content_type,
            ]
            .iter()
            .any(|given| given.is_some());
        if changes && $ctx.caller().principal == Principal::Anonymous {
            return Err(errors::anonymous_response_headers());
        }
    };
}

pub async fn get_object(ctx: &Ctx, input: GetObjectRequest) -> Result<GetObjectOutput> {
    check_overrides!(ctx, input);
    let customer = customer_key!(input)?;
    let found = find(ctx, &asked!(input, customer, true)).await?;
    let wants_checksum = input.checksum_mode.is_some();
    check_readable(&found.object, ctx.now())?;
    let secret = data_key::opening(ctx, &found.bucket, &found.object.encryption, customer.as_ref()).await?;
    let mut output = describe!(GetObjectOutput, input, found, wants_checksum, ctx.now());
    output.body = match (found.inline, found.segments.as_slice()) {
        (Some(sealed), [only]) => outlet::open_inline(&secret, only, sealed, &found.range)?,
        (short, _) => outlet::read(ctx, &found.bucket, secret, (found.segments, short), found.range).await?,
    };
    Ok(output)
}

pub async fn head_object(ctx: &Ctx, input: HeadObjectRequest) -> Result<HeadObjectOutput> {
    check_overrides!(ctx, input);
    let customer = customer_key!(input)?;
    let found = find(ctx, &asked!(input, customer, false)).await?;
    let wants_checksum = input.checksum_mode.is_some();
    Ok(describe!(HeadObjectOutput, input, found, wants_checksum, ctx.now()))
}

pub async fn get_object_attributes(
    ctx: &Ctx,
    input: GetObjectAttributesRequest,
) -> Result<GetObjectAttributesOutput> {
    let customer = customer_key!(input)?;
    let which = which(input.version_id.as_deref())?;
    let found = Asked {
        bucket: &input.bucket,
        owner: input.expected_bucket_owner.as_deref(),
        key: &input.key,
        which,
        conditions: Read::default(),
        range: None,
        if_range: None,
        part: None,
        customer: customer.as_ref(),
        bytes: false,
    };
    let Found { bucket, object, segments, .. } = find(ctx, &found).await?;
    let wants = |name: &str| input.object_attributes.iter().any(|attribute| attribute == name);
    let known = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
    if input.object_attributes.iter().any(|attribute| !known.contains(&attribute.as_str())) {
        return Err(errors::invalid_argument("Invalid attribute name specified."));
    }
    let checksum = object.checksum.as_ref().filter(|_| wants("Checksum")).map(|checksum| {
        let mut shown = api_s3::Checksum {
            checksum_type: Some(checksum.of.name().to_owned()),
            ..api_s3::Checksum::default()
        };
        put_checksum!(shown, Some(checksum));
        shown
    });
    let parts = (wants("ObjectParts") && object.parts > 0)
        .then(|| listed_parts(&object, &segments, input.part_number_marker, input.max_parts));
    Ok(GetObjectAttributesOutput {
        last_modified: date(object.modified_at),
        version_id: bucket.versioning.map(|_| object.shown_version()),
        e_tag: wants("ETag").then(|| object.etag.clone()),
        checksum,
        object_parts: parts.transpose()?,
        storage_class: wants("StorageClass")
            .then(|| object.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())),
        object_size: wants("ObjectSize").then(|| long(object.size)),
        ..GetObjectAttributesOutput::default()
    })
}

fn listed_parts(
    object: &Object,
    segments: &[Segment],
    marker: Option<i32>,
    max: Option<i32>,
) -> Result<GetObjectAttributesParts> {
    let after = usize::try_from(super::multipart_list::part_marker(marker)?).unwrap_or(usize::MAX);
    let limit = super::multipart_list::part_limit(max, PARTS_MAX)?;
    let number = |at: usize| i32::try_from(at + 1).ok();
    let listed: Vec<_> = segments.iter().enumerate().skip(after).take(limit).collect();
    let shown = listed.iter().map(|(at, segment)| {
        let mut part =
            ObjectPart { part_number: number(*at), size: Some(long(segment.size)), ..ObjectPart::default() };
        if let (Some(value), Some(whole)) = (&segment.checksum, &object.checksum) {
            let checksum = Checksum { value: value.clone(), ..whole.clone() };
            put_checksum!(part, Some(&checksum));
        }
        part
    });
    let end = after.saturating_add(listed.len());
    let truncated = end < segments.len();
    Ok(GetObjectAttributesParts {
        total_parts_count: i32::try_from(object.parts).ok(),
        part_number_marker: i32::try_from(after).ok(),
        next_part_number_marker: i32::try_from(end).ok().filter(|_| truncated),
        max_parts: i32::try_from(limit).ok(),
        is_truncated: Some(truncated),
        // Parts without checksums are counted, not listed.
        parts: segments.first().is_some_and(|s| s.checksum.is_some()).then(|| shown.collect()),
    })
}
