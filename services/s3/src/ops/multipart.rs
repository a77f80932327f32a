//! Multipart uploads: begun, and their parts brought.

use std::sync::Arc;

use api_s3::{
    CreateMultipartUploadOutput, CreateMultipartUploadRequest, UploadPartOutput, UploadPartRequest,
};
use kernel::{Access, Ctx, Result, Scope};
use shape::Body;

use super::bucket_lifecycle::shown_abort;
use super::intake::{self, Due, Promised, Taken};
use super::object_access::make_access;
use super::object_put::forget;
use super::{again, bucket, data_key};
use crate::errors::{self, checksum as bad_sum};
use crate::rules::acl;
use crate::rules::checksum::{self, Algorithm, Checksum, Type};
use crate::rules::encryption::{self, CustomerKey};
use crate::rules::headers::{self, Headers};
use crate::rules::lock;
use crate::rules::name::check_key;
use crate::rules::seal::Secret;
use crate::rules::tags;
use crate::state::bucket::Bucket;
use crate::state::bytes::{self, Segment};
use crate::state::upload::{self, Part, Upload};
use crate::{
    asked_encryption, asked_lock, checksum_members, customer_key, headers_of, put_checksum, show_encryption,
    wishes,
};

pub const PARTS_MAX: i32 = 10_000;

pub fn create_access(scope: &Scope, input: &CreateMultipartUploadRequest) -> Result<Access> {
    let wishes = wishes!(input, input.tagging.as_deref());
    make_access(scope, (&input.bucket, &input.key), &wishes, false)
}

pub async fn create_multipart_upload(
    ctx: &Ctx,
    mut input: CreateMultipartUploadRequest,
) -> Result<CreateMultipartUploadOutput> {
    check_key(&input.key)?;
    acl::check(input.acl.as_deref())?;
    let headers: Headers = headers_of!(input);
    headers.check()?;
    let customer = customer_key!(input)?;
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let wanted = encryption::wanted(asked_encryption!(input), customer, found.default_key.as_ref())?;
    let (_, encryption) = data_key::sealing(ctx, &found, &input.key, &wanted).await?;
    let now = ctx.now();
    let lock = lock::of_new(asked_lock!(input), found.lock.as_ref(), now)?;
    let new = Upload {
        id: format!("{:012x}{}", now.max(0), ctx.ids().hex(32)),
        begun_at: now,
        initiator: ctx.caller().arn(),
        headers,
        tags: input.tagging.as_deref().map(tags::from_header).transpose()?.unwrap_or_default(),
        encryption,
        storage_class: headers::storage_class(input.storage_class.take())?,
        lock,
        checksum: wanted_checksum(input.checksum_algorithm.as_deref(), input.checksum_type.as_deref())?,
    };
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        upload::put(tx, &found, &input.key, &new)
    })
    .await?;
    let (abort_date, abort_rule_id) = ctx.read(|snap| shown_abort(snap, &found, &input.key, &new)).await?;
    let mut output = CreateMultipartUploadOutput {
        abort_date,
        abort_rule_id,
        bucket: Some(input.bucket),
        key: Some(input.key),
        checksum_algorithm: new.checksum.map(|(algorithm, _)| algorithm.name().to_owned()),
        checksum_type: new.checksum.map(|(_, of)| of.name().to_owned()),
        upload_id: Some(new.id),
        ssekms_encryption_context: new.encryption.shown_context(),
        ..CreateMultipartUploadOutput::default()
    };
    show_encryption!(output, &new.encryption);
    Ok(output)
}

fn wanted_checksum(algorithm: Option<&str>, of: Option<&str>) -> Result<Option<(Algorithm, Type)>> {
    let of = of.map(Type::parse).transpose()?;
    let Some(algorithm) = algorithm.map(Algorithm::parse).transpose()? else {
        return match of {
            Some(_) => Err(errors::invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
            None => Ok(None),
        };
    };
    let of = of.unwrap_or(algorithm.usual_type());
    algorithm.check_type(of)?;
    Ok(Some((algorithm, of)))
}

/// Which part of which upload.
pub(super) struct Place<'a> {
    bucket: &'a str,
    key: &'a str,
    upload_id: &'a str,
    number: u32,
}

impl<'a> Place<'a> {
    pub(super) fn new(bucket: &'a str, key: &'a str, upload_id: &'a str, number: i32) -> Result<Self> {
        let found = u32::try_from(number).ok().filter(|n| (1..=PARTS_MAX.unsigned_abs()).contains(n));
        let number = found.ok_or_else(|| errors::invalid_part_number(number))?;
        Ok(Self { bucket, key, upload_id, number })
    }
}

/// An upload that is under way.
pub(super) struct Open {
    bucket: Arc<Bucket>,
    pub(super) upload: Upload,
    secret: Secret,
}

pub(super) async fn open(
    ctx: &Ctx,
    place: &Place<'_>,
    expected_owner: Option<&str>,
    customer: Option<&CustomerKey>,
) -> Result<Open> {
    let bucket = bucket(ctx, place.bucket, expected_owner).await?;
    let upload = ctx.read(|snap| upload::find(snap, &bucket, place.key, place.upload_id)).await?;
    let upload = upload.ok_or_else(|| errors::no_such_upload(place.upload_id))?;
    let secret = data_key::opening(ctx, &bucket, &upload.encryption, customer).await?;
    Ok(Open { bucket, upload, secret })
}

/// Takes in the bytes of a part and stores it, with its checksum by the upload's algorithm; and says by which it came.
pub(super) async fn take_part(
    ctx: &Ctx,
    place: &Place<'_>,
    open: &Open,
    body: &Body,
    promised: Promised,
) -> Result<(Part, Checksum)> {
    let Taken { segment, inline, sum } =
        intake::take_in(ctx, &open.bucket, &open.secret, body, promised).await?;
    let (wanted, _) = open.upload.sums_by();
    let segment = Segment { checksum: sum.all.value(wanted), ..segment };
    let brought = Some(sum.checksum.clone()).filter(|brought| brought.algorithm != wanted);
    let part = Part { number: place.number, modified_at: ctx.now(), etag: sum.etag, segment, brought };
    let stored = ctx
        .write(|tx| {
            let bucket = again(tx, &open.bucket)?;
            let upload = upload::find(tx, &bucket, place.key, place.upload_id)?;
            let upload = upload.ok_or_else(|| errors::no_such_upload(place.upload_id))?;
            bytes::hold(tx, &bucket, &part.segment, inline.as_ref())?;
            upload::put_part(tx, &bucket, &upload.id, &part)
        })
        .await;
    match stored {
        Ok(()) => Ok((part, sum.checksum)),
        Err(error) => {
            forget(ctx, &open.bucket, &part.segment).await;
            Err(error)
        }
    }
}

pub async fn upload_part(ctx: &Ctx, input: UploadPartRequest) -> Result<UploadPartOutput> {
    let customer = customer_key!(input)?;
    let place = Place::new(&input.bucket, &input.key, &input.upload_id, input.part_number)?;
    let given = checksum::given(checksum_members!(input))?;
    let promised = Promised::new(input.content_md5.as_deref(), given, input.checksum_algorithm.as_deref())?;
    let open = open(ctx, &place, input.expected_bucket_owner.as_deref(), customer.as_ref()).await?;
    let promised = for_upload(promised, &open.upload)?;
    let (part, checksum) = take_part(ctx, &place, &open, &input.body, promised).await?;
    let etag = Some(format!("\"{}\"", part.etag));
    let mut output = UploadPartOutput { e_tag: etag, ..UploadPartOutput::default() };
    show_encryption!(output, &open.upload.encryption);
    put_checksum!(output, Some(&checksum));
    Ok(output)
}

/// A part brings a checksum of its upload's algorithm; or none, where that of the object is not made of theirs.
fn for_upload(promised: Promised, upload: &Upload) -> Result<Promised> {
    let Some((wanted, of)) = upload.checksum else { return Ok(promised) };
    match promised.algorithm {
        Some(other) if other != wanted => Err(bad_sum::other(wanted, Some(other))),
        _ => {
            let due = promised.due.unwrap_or(Due::OfUpload(wanted, of));
            Ok(Promised { algorithm: Some(wanted), due: Some(due), ..promised })
        }
    }
}
