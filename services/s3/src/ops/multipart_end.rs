//! Multipart uploads: completed, or aborted.

use std::sync::Arc;

use api_s3::{
    AbortMultipartUploadOutput, AbortMultipartUploadRequest, CompleteMultipartUploadOutput,
    CompleteMultipartUploadRequest, CompletedPart,
};
use fast_md5::Md5;
use kernel::{Access, Ctx, Result, Scope};

use super::bucket_lifecycle::new_expiry;
use super::bucket_replication::marked;
use super::multipart::PARTS_MAX;
use super::object_access::{go_on_access, on_condition};
use super::object_put::tell_created;
use super::{again, bucket, long};
use crate::errors::{self, checksum as bad_sum};
use crate::rules::checksum::{self, Checksum, Type};
use crate::rules::condition::{Write, matches};
use crate::rules::encryption::Encryption;
use crate::state::bytes::{self, Segment};
use crate::state::object::{self, Object};
use crate::state::upload::{self, Part, Upload};
use crate::state::watch::Watch;
use crate::{checksum_members, customer_key, put_checksum};

/// Bytes of a part at least, but for the last.
const PART_BYTES_MIN: u64 = 5 << 20;
/// Bytes of an object at most: 5 TiB.
const OBJECT_BYTES_MAX: u64 = 5 << 40;

pub async fn abort_multipart_upload(
    ctx: &Ctx,
    input: AbortMultipartUploadRequest,
) -> Result<AbortMultipartUploadOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        let upload = upload::find(tx, &found, &input.key, &input.upload_id)?;
        let upload = upload.ok_or_else(|| errors::no_such_upload(&input.upload_id))?;
        let parts = upload::parts(tx, &found, &upload.id, None, parts_max())?;
        upload::end(tx, &found, &input.key, &upload.id, &parts, &[])
    })
    .await?;
    Ok(AbortMultipartUploadOutput::default())
}

pub fn parts_max() -> usize {
    usize::try_from(PARTS_MAX).unwrap_or_default()
}

pub fn complete_access(scope: &Scope, input: &CompleteMultipartUploadRequest) -> Result<Access> {
    let place = (&*input.bucket, &*input.key);
    let access = go_on_access(scope, place, &input.upload_id, true)?;
    on_condition(access, scope, place, input.if_match.as_deref(), input.if_none_match.as_deref())
}

pub async fn complete_multipart_upload(
    ctx: &Ctx,
    mut input: CompleteMultipartUploadRequest,
) -> Result<CompleteMultipartUploadOutput> {
    let listed = input.multipart_upload.take().and_then(|upload| upload.parts).unwrap_or_default();
    if listed.is_empty() || listed.len() > parts_max() {
        return Err(errors::malformed_xml());
    }
    let condition = Write::new(input.if_match.take(), input.if_none_match.take())?;
    let given = checksum::given(checksum_members!(input))?;
    let customer = customer_key!(input)?;
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let body_id = ctx.ids().hex(32);
    let key = input.key.as_str();
    let stored = ctx
        .write(|tx| {
            let bucket = again(tx, &found)?;
            let Some(upload) = upload::find(tx, &bucket, key, &input.upload_id)? else {
                // Whoever did not hear the answer asks again.
                let made = object::latest(tx, &bucket, key)?;
                let made = made.filter(|made| made.upload.as_ref() == Some(&input.upload_id));
                let made = made.ok_or_else(|| errors::no_such_upload(&input.upload_id))?;
                check_again(&listed, &made, &input.upload_id)?;
                return Ok(made);
            };
            if customer.is_some() {
                upload.encryption.check(customer.as_ref())?;
            }
            let parts = upload::parts(tx, &bucket, &upload.id, None, parts_max())?;
            let chosen = choose(&listed, &parts, &upload)?;
            let joined = join(&upload, &chosen)?;
            check_promises(&joined, given.as_ref(), input.checksum_type.as_deref(), input.mpu_object_size)?;
            let before = object::latest(tx, &bucket, key)?;
            condition.check(key, before.as_ref().map(|before| before.etag.as_str()))?;
            let segments: Vec<Segment> = chosen.iter().map(|part| part.segment.clone()).collect();
            let new = Object { body: bytes::join(tx, &bucket, &body_id, &segments)?, ..joined };
            let new = marked(&bucket, key, Object { modified_at: ctx.now(), ..new });
            let stored = object::add(tx, &bucket, key, new)?;
            upload::end(tx, &bucket, key, &upload.id, &parts, &segments)?;
            tell_created(tx, &bucket, key, &stored, "CompleteMultipartUpload")?;
            Ok(stored)
        })
        .await?;
    ctx.own::<Arc<Watch>>().size(ctx, stored.size);
    let mut output = CompleteMultipartUploadOutput {
        expiration: new_expiry(ctx, &found, key, &stored).await?,
        location: Some(format!("http://{}/{}/{key}", ctx.authority(), input.bucket)),
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        e_tag: Some(stored.shown_etag()),
        version_id: stored.version_id.clone(),
        checksum_type: stored.checksum.as_ref().map(|checksum| checksum.of.name().to_owned()),
        ..CompleteMultipartUploadOutput::default()
    };
    output.server_side_encryption = stored.encryption.shown();
    if let Encryption::Kms(of) = &stored.encryption {
        output.ssekms_key_id = Some(of.key.clone());
        output.bucket_key_enabled = of.bucket_key.then_some(true);
    }
    put_checksum!(output, &stored.checksum);
    Ok(output)
}

/// The parts a client lists, as they were uploaded.
fn choose<'p>(listed: &[CompletedPart], parts: &'p [Part], upload: &Upload) -> Result<Vec<&'p Part>> {
    let mut chosen: Vec<&Part> = Vec::with_capacity(listed.len());
    for given in listed {
        let number =
            given.part_number.and_then(|n| u32::try_from(n).ok()).ok_or_else(errors::malformed_xml)?;
        let before = chosen.last().map_or(0, |last| last.number);
        // Those with checksums are all there, from the first (S3 API reference, `CompletedPart`).
        let is_in_order = if upload.checksum.is_some() { number == before + 1 } else { number > before };
        if !is_in_order {
            return Err(errors::invalid_part_order());
        }
        let found = parts.binary_search_by_key(&number, |part| part.number).ok().and_then(|at| parts.get(at));
        let etag = given.e_tag.as_deref().ok_or_else(errors::malformed_xml)?;
        let invalid = || errors::invalid_part(&upload.id, number, etag.trim_matches('"'));
        let found = found.ok_or_else(invalid)?;
        let checksum = checksum::given(checksum_members!(given))?;
        if let (Some((wanted, Type::Composite)), None) = (upload.checksum, &checksum) {
            return Err(bad_sum::of_part_missing(wanted, number));
        }
        let differs = |(algorithm, value): (_, String)| found.sum(upload, algorithm) != Some(value.as_str());
        if !matches(etag, &found.etag) || checksum.is_some_and(differs) {
            return Err(invalid());
        }
        chosen.push(found);
    }
    let last = chosen.len().saturating_sub(1);
    if let Some(part) = chosen.iter().take(last).find(|part| part.segment.size < PART_BYTES_MIN) {
        let named = (part.number, part.etag.as_str());
        return Err(errors::part_too_small(part.segment.size, PART_BYTES_MIN, named));
    }
    Ok(chosen)
}

/// Who asks again lists the parts that the object was made of.
fn check_again(listed: &[CompletedPart], made: &Object, upload: &str) -> Result<()> {
    let numbers: Vec<_> = listed.iter().map(|part| part.part_number).collect();
    if !numbers.is_sorted_by(|a, b| a < b) {
        return Err(errors::invalid_part_order());
    }
    let etags = listed.iter().map(|part| part.e_tag.as_deref().unwrap_or_default().trim_matches('"'));
    if etag_of(etags) == made.etag { Ok(()) } else { Err(errors::other_parts(upload)) }
}

/// The MD5 of those of the parts, with their number behind it.
fn etag_of<'e>(parts: impl Iterator<Item = &'e str>) -> String {
    let (mut md5, mut count) = (Md5::new(), 0);
    for etag in parts {
        let digest: Vec<u8> = etag.as_bytes().chunks(2).filter_map(hex_byte).collect();
        md5.update(&digest);
        count += 1;
    }
    let digest: String = md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{digest}-{count}")
}

/// The object the parts make.
fn join(upload: &Upload, parts: &[&Part]) -> Result<Object> {
    let size: u64 = parts.iter().map(|part| part.segment.size).sum();
    if size > OBJECT_BYTES_MAX {
        return Err(errors::entity_too_large(size, OBJECT_BYTES_MAX));
    }
    let (algorithm, of) = upload.sums_by();
    let sums: Option<Vec<_>> =
        parts.iter().map(|p| Some((p.segment.checksum.as_deref()?, p.segment.size))).collect();
    let checksum = sums.and_then(|sums| checksum::of_parts(algorithm, of, &sums));
    // Parts that came before S3 added checksums by itself have none.
    if checksum.is_none() && upload.checksum.is_some() {
        return Err(errors::damaged("the checksums of parts"));
    }
    Ok(Object {
        size,
        etag: etag_of(parts.iter().map(|part| part.etag.as_str())),
        parts: u32::try_from(parts.len()).unwrap_or_default(),
        checksum,
        headers: upload.headers.clone(),
        tags: upload.tags.clone(),
        storage_class: upload.storage_class.clone(),
        encryption: upload.encryption.clone(),
        lock: upload.lock,
        upload: Some(upload.id.clone()),
        ..Object::default()
    })
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

/// What the client says the whole object must be.
fn check_promises(
    joined: &Object,
    given: Option<&(checksum::Algorithm, String)>,
    of: Option<&str>,
    size: Option<i64>,
) -> Result<()> {
    if size.is_some_and(|size| size != long(joined.size)) {
        let message = "The provided 'x-amz-mp-object-size' header value does not match what was computed.";
        return Err(errors::invalid_request(message));
    }
    if let (Some(of), Some(own)) = (of, &joined.checksum)
        && of != own.of.name()
    {
        return Err(errors::invalid_request("The checksum type does not match that of the upload."));
    }
    let differs = |own: &Checksum| {
        given.is_some_and(|(algorithm, value)| *algorithm != own.algorithm || *value != own.value)
    };
    match &joined.checksum {
        Some(own) if differs(own) => Err(errors::bad_digest(own.algorithm.name())),
        _ => Ok(()),
    }
}
