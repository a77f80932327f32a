//! Objects copied inside the cloud. The bytes are read, checked and sealed anew for their new place.

use std::sync::Arc;

use api_s3::{
    CopyObjectOutput, CopyObjectRequest, CopyObjectResult, CopyPartResult, UploadPartCopyOutput,
    UploadPartCopyRequest,
};
use kernel::{Access, Ctx, Result, Scope, Tx};

use super::bucket_lifecycle::new_expiry;
use super::intake::{self, Promised, Taken};
use super::object_access::{carry_tags, go_on_access, make_access, on_condition, with};
use super::object_put::{New, forget, store, tell_created};
use super::object_restore::check_readable;
use super::object_tags::present;
use super::{again, bucket, data_key, date, multipart, on_object, other_bucket, outlet, which};
use crate::errors;
use crate::rules::acl;
use crate::rules::checksum::Algorithm;
use crate::rules::condition::{Read, Write};
use crate::rules::copy_source::CopySource;
use crate::rules::encryption::{self, CustomerKey, Encryption, Wanted, WantedKms, customer_key};
use crate::rules::headers::{self, Headers};
use crate::rules::lock;
use crate::rules::logging::Further;
use crate::rules::name::check_key;
use crate::rules::url::Encoding;
use crate::rules::{range, tags};
use crate::state::bucket::Bucket;
use crate::state::bytes::{self, Body, Segment};
use crate::state::object::{self, Object, Which};
use crate::state::watch::{Aside, Watch};
use crate::{asked_encryption, asked_lock, customer_key, headers_of, put_checksum, show_encryption, wishes};

/// Bytes copied in one request at most: 5 GiB.
const COPY_BYTES_MAX: u64 = intake::PUT_BYTES_MAX;

/// The directive not to take over what the source has.
const REPLACE: &str = "REPLACE";

pub fn copy_access(scope: &Scope, input: &CopyObjectRequest) -> Result<Access> {
    // Tags that are not to replace the source's say nothing.
    let tagging = input.tagging.as_deref().filter(|_| input.tagging_directive.as_deref() == Some(REPLACE));
    let place = (&*input.bucket, &*input.key);
    let to = make_access(scope, place, &wishes!(input, tagging), true)?;
    let to = with(
        to,
        [
            ("s3:x-amz-copy-source", Some(&*input.copy_source)),
            ("s3:x-amz-metadata-directive", input.metadata_directive.as_deref()),
        ],
    );
    let to = on_condition(to, scope, place, input.if_match.as_deref(), input.if_none_match.as_deref())?;
    Ok(to.also(source_access(scope, &input.copy_source)?))
}

pub fn copy_part_access(scope: &Scope, input: &UploadPartCopyRequest) -> Result<Access> {
    let to = go_on_access(scope, (&input.bucket, &input.key), &input.upload_id, false)?;
    let to = with(to, [("s3:x-amz-copy-source", Some(&*input.copy_source))]);
    Ok(to.also(source_access(scope, &input.copy_source)?))
}

fn source_access(scope: &Scope, header: &str) -> Result<Access> {
    let source = CopySource::parse(header)?;
    let actions = ("s3:GetObject", "s3:GetObjectVersion");
    on_object(scope, (&source.bucket, &source.key), source.version_id.as_deref(), actions)
}

/// The source of a copy, found and allowed to be read.
struct Source {
    bucket: Arc<Bucket>,
    object: Object,
    segments: Vec<Segment>,
    secret: crate::rules::seal::Secret,
}

async fn find_source(
    ctx: &Ctx,
    source: &CopySource,
    expected_owner: Option<&str>,
    conditions: &Read<'_>,
    customer: Option<&CustomerKey>,
) -> Result<Source> {
    let found = ctx.read(|snap| other_bucket(ctx, snap, &source.bucket, expected_owner)).await?;
    let which = which(source.version_id.as_deref())?;
    let (object, segments) = ctx
        .read(|snap| {
            let object = object::find(snap, &found, &source.key, &which)?;
            if object.as_ref().is_some_and(|object| object.is_marker) && which != Which::Latest {
                return Err(errors::copy_of_marker());
            }
            let object = present(object, &source.key, &which)?;
            let segments = bytes::segments(snap, &found, &object.body)?;
            Ok((object, segments))
        })
        .await?;
    conditions.check_copy(&object.etag, object.modified_at)?;
    check_readable(&object, ctx.now())?;
    let secret = data_key::opening(ctx, &found, &object.encryption, customer).await?;
    Ok(Source { bucket: found, object, segments, secret })
}

/// Has the bucket of a source log that it was asked for; the copy itself is a line of the other bucket.
fn logged(ctx: &Ctx, source: &CopySource, found: Result<Source>, part: bool) -> Result<Source> {
    let known = found.as_ref().ok();
    let bucket = known.map_or(&source.bucket, |found| &found.bucket.name);
    ctx.own::<Arc<Watch>>().aside(ctx, || Aside {
        bucket: bucket.clone(),
        key: Encoding::Url.write(&source.key),
        size: known.map(|found| found.object.size),
        version_id: known.map_or_else(|| source.version_id.clone(), |found| found.object.version_id.clone()),
        what: Further::Copied { part },
    });
    found
}

/// The conditions on a source, from an input.
macro_rules! source_conditions {
    ($input:expr) => {
        Read {
            if_match: $input.copy_source_if_match.as_deref(),
            if_none_match: $input.copy_source_if_none_match.as_deref(),
            if_modified_since: $input.copy_source_if_modified_since,
            if_unmodified_since: $input.copy_source_if_unmodified_since,
        }
    };
}

/// The key a source was stored under, from an input.
macro_rules! source_key {
    ($input:expr) => {
        customer_key(
            $input.copy_source_sse_customer_algorithm.as_deref(),
            $input.copy_source_sse_customer_key.as_deref(),
            $input.copy_source_sse_customer_key_md5.as_deref(),
        )
    };
}

pub async fn copy_object(ctx: &Ctx, mut input: CopyObjectRequest) -> Result<CopyObjectOutput> {
    check_key(&input.key)?;
    acl::check(input.acl.as_deref())?;
    let (their_key, customer) = (source_key!(input)?, customer_key!(input)?);
    let condition = Write::new(input.if_match.take(), input.if_none_match.take())?;
    let given_class = input.storage_class.is_some();
    let storage_class = headers::storage_class(input.storage_class.take())?;
    let algorithm = input.checksum_algorithm.as_deref().map(Algorithm::parse).transpose()?;
    let conditions = source_conditions!(input);
    let owner = input.expected_source_bucket_owner.as_deref();
    let from = CopySource::parse(&input.copy_source)?;
    let source = find_source(ctx, &from, owner, &conditions, their_key.as_ref()).await;
    let source = logged(ctx, &from, source, false)?;
    if source.object.size > COPY_BYTES_MAX {
        let message = "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120";
        return Err(errors::invalid_request(message));
    }
    let replaces_headers = replaces(input.metadata_directive.as_deref(), "x-amz-metadata-directive")?;
    let replaces_tags = replaces(input.tagging_directive.as_deref(), "x-amz-tagging-directive")?;
    let changes = replaces_headers
        || given_class
        || customer.is_some()
        || input.server_side_encryption.is_some()
        || input.website_redirect_location.is_some();
    let to = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let in_place = source.bucket.id == to.id && from.key == input.key && from.version_id.is_none();
    if in_place && !changes {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing \
                       the object's metadata, storage class, website redirect location or encryption attributes.";
        return Err(errors::invalid_request(message));
    }
    if !replaces_tags {
        let from = (from.bucket.as_str(), from.key.as_str(), from.version_id.as_deref());
        carry_tags(ctx, from, (&input.bucket, &input.key), &source.object).await?;
    }
    let given: Headers = headers_of!(input);
    let headers = if replaces_headers {
        given
    } else {
        Headers {
            website_redirect_location: given.website_redirect_location,
            ..source.object.headers.clone()
        }
    };
    headers.check()?;
    let tags = match input.tagging.as_deref() {
        Some(header) if replaces_tags => tags::from_header(header)?,
        None if replaces_tags => tags::Tags::new(),
        _ => source.object.tags.clone(),
    };
    let lock = lock::of_new(asked_lock!(input), to.lock.as_ref(), ctx.now())?;
    let wanted = encryption::wanted(asked_encryption!(input), customer, to.default_key.as_ref())?;
    let (secret, encryption) = data_key::sealing(ctx, &to, &input.key, &wanted).await?;
    let algorithm = algorithm.or(source.object.checksum.as_ref().map(|checksum| checksum.algorithm));
    let whole = 0..source.object.size;
    let body = outlet::read(ctx, &source.bucket, source.secret, (source.segments, None), whole).await?;
    let promised = Promised { algorithm, length: Some(source.object.size), ..Promised::default() };
    let taken = intake::take_in(ctx, &to, &secret, &body, promised).await?;
    let new = New { headers, tags, storage_class, encryption, lock, reason: "CopyObject" };
    let stored = store(ctx, (&to, &input.key), &taken, &condition, &new).await?;
    ctx.own::<Arc<Watch>>().size(ctx, stored.size);
    let mut result = CopyObjectResult {
        e_tag: Some(stored.shown_etag()),
        last_modified: date(stored.modified_at),
        checksum_type: stored.checksum.as_ref().map(|checksum| checksum.of.name().to_owned()),
        ..CopyObjectResult::default()
    };
    put_checksum!(result, &stored.checksum);
    let mut output = CopyObjectOutput {
        expiration: new_expiry(ctx, &to, &input.key, &stored).await?,
        copy_object_result: Some(result),
        copy_source_version_id: source.bucket.versioning.map(|_| source.object.shown_version()),
        version_id: stored.version_id.clone(),
        ssekms_encryption_context: stored.encryption.shown_context(),
        ..CopyObjectOutput::default()
    };
    show_encryption!(output, &stored.encryption);
    Ok(output)
}

/// Carries the bytes of a version to another bucket in the role of `ctx`, which must be allowed to open and to seal them,
/// and puts `copy` there. Segments stay as they are, so that parts can be read as before.
pub async fn carry(
    ctx: &Ctx,
    (from, object): (&Arc<Bucket>, &Object),
    (to, key): (&Bucket, &str),
    mut copy: Object,
    key_id: Option<&str>,
) -> Result<()> {
    let is_there = |there: Object| there.version_id == copy.version_id;
    let there = ctx.read(|snap| object::numbered(snap, to, key, copy.number)).await?;
    if there.is_some_and(is_there) {
        let settled = ctx.write(|tx| {
            let to = again(tx, to)?;
            object::place(tx, &to, key, copy.clone()).map(drop)
        });
        return settled.await;
    }
    let segments = ctx.read(|snap| bytes::segments(snap, from, &object.body)).await?;
    let wanted = match key_id.filter(|_| matches!(object.encryption, Encryption::Kms(_))) {
        Some(key_id) => {
            let (key_id, bucket_key) = (Some(key_id.to_owned()), to.bucket_key);
            Wanted::Kms(WantedKms { key_id, bucket_key, ..WantedKms::default() })
        }
        None => encryption::wanted(encryption::Asked::default(), None, to.default_key.as_ref())?,
    };
    let opened = data_key::opening(ctx, from, &object.encryption, None).await?;
    let (secret, encryption) = data_key::sealing(ctx, to, key, &wanted).await?;
    copy.encryption = encryption;
    let mut carried: Vec<Taken> = Vec::with_capacity(segments.len());
    let body_id = ctx.ids().hex(32);
    let outcome = async {
        for segment in segments {
            let (whole, checksum) = (0..segment.size, segment.checksum.clone());
            let body = outlet::read(ctx, from, opened, (vec![segment], None), whole.clone()).await?;
            let promised = Promised { length: Some(whole.end), ..Promised::default() };
            let taken = intake::take_in(ctx, to, &secret, &body, promised).await?;
            carried.push(Taken { segment: Segment { checksum, ..taken.segment }, ..taken });
        }
        ctx.write(|tx| settle(tx, to, key, (&copy, &object.body), (&carried, &body_id))).await
    };
    let outcome = outcome.await;
    if !matches!(outcome, Ok(true)) {
        for taken in &carried {
            forget(ctx, to, &taken.segment).await;
        }
    }
    outcome.map(drop)
}

/// Puts a copy whose bytes are there. `false` where somebody was quicker.
fn settle(
    tx: &mut Tx<'_, '_>,
    to: &Bucket,
    key: &str,
    (copy, before): (&Object, &Body),
    (carried, body_id): (&[Taken], &str),
) -> Result<bool> {
    let to = again(tx, to)?;
    let segments: Vec<Segment> = carried.iter().map(|taken| taken.segment.clone()).collect();
    let body = match (before, segments.as_slice()) {
        (Body::Many(_), _) => Body::Many(body_id.to_owned()),
        (_, [only]) => Body::One(only.clone()),
        _ => Body::Empty,
    };
    let copy = Object { body, ..copy.clone() };
    if !object::place(tx, &to, key, copy.clone())? {
        return Ok(false);
    }
    if matches!(before, Body::Many(_)) {
        bytes::join(tx, &to, body_id, &segments)?;
    }
    for taken in carried {
        bytes::hold(tx, &to, &taken.segment, taken.inline.as_ref())?;
    }
    tell_created(tx, &to, key, &copy, "PutObject")?;
    Ok(true)
}

fn replaces(directive: Option<&str>, header: &str) -> Result<bool> {
    match directive {
        None | Some("COPY") => Ok(false),
        Some(REPLACE) => Ok(true),
        Some(_) => Err(errors::invalid_argument(format!("Unknown value for {header}."))),
    }
}

pub async fn upload_part_copy(ctx: &Ctx, input: UploadPartCopyRequest) -> Result<UploadPartCopyOutput> {
    let (their_key, customer) = (source_key!(input)?, customer_key!(input)?);
    let place = multipart::Place::new(&input.bucket, &input.key, &input.upload_id, input.part_number)?;
    let open =
        multipart::open(ctx, &place, input.expected_bucket_owner.as_deref(), customer.as_ref()).await?;
    let conditions = source_conditions!(input);
    let owner = input.expected_source_bucket_owner.as_deref();
    let from = CopySource::parse(&input.copy_source)?;
    let source = find_source(ctx, &from, owner, &conditions, their_key.as_ref()).await;
    let source = logged(ctx, &from, source, true)?;
    let wanted = match input.copy_source_range.as_deref() {
        Some(header) => range::parse_copy(header, source.object.size)?,
        None => 0..source.object.size,
    };
    let size = wanted.end - wanted.start;
    if size > COPY_BYTES_MAX {
        return Err(errors::entity_too_large(size, COPY_BYTES_MAX));
    }
    let promised =
        Promised { length: Some(size), algorithm: Some(open.upload.sums_by().0), ..Promised::default() };
    let body = outlet::read(ctx, &source.bucket, source.secret, (source.segments, None), wanted).await?;
    let (part, checksum) = multipart::take_part(ctx, &place, &open, &body, promised).await?;
    ctx.own::<Arc<Watch>>().size(ctx, part.segment.size);
    let mut result = CopyPartResult {
        e_tag: Some(format!("\"{}\"", part.etag)),
        last_modified: date(part.modified_at),
        ..CopyPartResult::default()
    };
    put_checksum!(result, Some(&checksum));
    let mut output = UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: source.bucket.versioning.map(|_| source.object.shown_version()),
        ..UploadPartCopyOutput::default()
    };
    show_encryption!(output, &open.upload.encryption);
    Ok(output)
}
