//! Objects put in one piece.

use api_s3::{PutObjectOutput, PutObjectRequest};
use kernel::{Access, Ctx, Event, Result, Scope, Tx};
use serde_json::json;

use super::bucket_lifecycle::new_expiry;
use super::bucket_replication::{marked, send};
use super::intake::{self, Promised, Sum, Taken};
use super::object_access::{make_access, on_condition};
use super::{bucket, bucket_arn, data_key, notification, still, vault};
use crate::errors;
use crate::rules::acl;
use crate::rules::checksum;
use crate::rules::condition::Write;
use crate::rules::encryption::{self, Encryption};
use crate::rules::headers::{self, Headers};
use crate::rules::lock::{self, Lock};
use crate::rules::name::check_key;
use crate::rules::tags::{self, Tags};
use crate::state::bucket::Bucket;
use crate::state::bytes::{self, Body};
use crate::state::object::{self, Object};
use crate::{
    asked_encryption, asked_lock, checksum_members, customer_key, headers_of, put_checksum, show_encryption,
    wishes,
};

pub fn put_access(scope: &Scope, input: &PutObjectRequest) -> Result<Access> {
    let wishes = wishes!(input, input.tagging.as_deref());
    let place = (&*input.bucket, &*input.key);
    let access = make_access(scope, place, &wishes, true)?;
    on_condition(access, scope, place, input.if_match.as_deref(), input.if_none_match.as_deref())
}

pub async fn put_object(ctx: &Ctx, input: PutObjectRequest) -> Result<PutObjectOutput> {
    put(ctx, input, "PutObject").await
}

/// Makes an object of what came in, by the operation `reason`, as events name it.
pub(crate) async fn put(
    ctx: &Ctx,
    mut input: PutObjectRequest,
    reason: &'static str,
) -> Result<PutObjectOutput> {
    check_key(&input.key)?;
    acl::check(input.acl.as_deref())?;
    let headers: Headers = headers_of!(input);
    headers.check()?;
    let storage_class = headers::storage_class(input.storage_class.take())?;
    let tags = input.tagging.as_deref().map(tags::from_header).transpose()?.unwrap_or_default();
    let condition = Write::new(input.if_match.take(), input.if_none_match.take())?;
    let customer = customer_key!(input)?;
    let given = checksum::given(checksum_members!(input))?;
    let sums = given.is_some() || input.content_md5.is_some() || input.checksum_algorithm.is_some();
    if input.object_lock_mode.is_some() && !sums {
        return Err(errors::lock_without_sum());
    }
    let promised = Promised::new(input.content_md5.as_deref(), given, input.checksum_algorithm.as_deref())?;
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let lock = lock::of_new(asked_lock!(input), found.lock.as_ref(), ctx.now())?;
    let wanted = encryption::wanted(asked_encryption!(input), customer, found.default_key.as_ref())?;
    let (secret, encryption) = data_key::sealing(ctx, &found, &input.key, &wanted).await?;
    let taken = intake::take_in(ctx, &found, &secret, &input.body, promised).await?;
    let new = New { headers, tags, storage_class, encryption, lock, reason };
    let stored = store(ctx, (&found, &input.key), &taken, &condition, &new).await?;
    let mut output = PutObjectOutput {
        expiration: new_expiry(ctx, &found, &input.key, &stored).await?,
        e_tag: Some(stored.shown_etag()),
        version_id: stored.version_id.clone(),
        ssekms_encryption_context: stored.encryption.shown_context(),
        checksum_type: stored.checksum.as_ref().map(|checksum| checksum.of.name().to_owned()),
        ..PutObjectOutput::default()
    };
    show_encryption!(output, &stored.encryption);
    put_checksum!(output, &stored.checksum);
    Ok(output)
}

/// What a new object is besides its bytes, and the operation that makes it.
pub(super) struct New {
    pub(super) headers: Headers,
    pub(super) tags: Tags,
    pub(super) storage_class: Option<String>,
    pub(super) encryption: Encryption,
    pub(super) lock: Lock,
    pub(super) reason: &'static str,
}

impl New {
    fn object(&self, sum: &Sum, now: kernel::Millis) -> Object {
        Object {
            modified_at: now,
            size: sum.size,
            etag: sum.etag.clone(),
            checksum: Some(sum.checksum.clone()),
            headers: self.headers.clone(),
            tags: self.tags.clone(),
            storage_class: self.storage_class.clone(),
            encryption: self.encryption.clone(),
            lock: self.lock,
            ..Object::default()
        }
    }
}

/// Makes what came in an object, if the condition still holds. If not, its bytes go again.
pub(super) async fn store(
    ctx: &Ctx,
    (bucket, key): (&Bucket, &str),
    taken: &Taken,
    condition: &Write,
    new: &New,
) -> Result<Object> {
    let Taken { segment, inline, sum } = taken;
    let stored = ctx
        .write(|tx| {
            let bucket = still(tx, bucket)?;
            let before = object::latest(tx, &bucket, key)?;
            condition.check(key, before.as_ref().map(|before| before.etag.as_str()))?;
            let body = if sum.size == 0 {
                Body::Empty
            } else {
                bytes::hold(tx, &bucket, segment, inline.as_ref())?;
                Body::One(segment.clone())
            };
            let object = Object { body, ..new.object(sum, ctx.now()) };
            let object = marked(&bucket, key, object);
            let stored = object::add(tx, &bucket, key, object)?;
            tell_created(tx, &bucket, key, &stored, new.reason)?;
            Ok(stored)
        })
        .await;
    if stored.is_err() {
        forget(ctx, bucket, segment).await;
    }
    stored
}

/// Takes away bytes whose record was refused. Should that fail, the sweep finds them.
pub(super) async fn forget(ctx: &Ctx, bucket: &Bucket, segment: &bytes::Segment) {
    if segment.inline {
        return;
    }
    let removed = match bytes::blob_id(&bucket.scope(), &segment.id) {
        Ok(place) => vault(ctx).blobs.delete(&place).await.map_err(kernel::Error::internal),
        Err(error) => Err(error),
    };
    if let Err(error) = removed {
        tracing::warn!(%error, segment = segment.id, "bytes that nobody keeps stay until the sweep");
    }
}

/// The event of a new object (EventBridge user guide, "Amazon S3 events").
pub(super) fn tell_created(
    tx: &mut Tx<'_, '_>,
    bucket: &Bucket,
    key: &str,
    object: &Object,
    reason: &str,
) -> Result<()> {
    let event = match reason {
        "PutObject" => "ObjectCreated:Put",
        "PostObject" => "ObjectCreated:Post",
        "CopyObject" => "ObjectCreated:Copy",
        _ => "ObjectCreated:CompleteMultipartUpload",
    };
    send(tx, bucket, key, object)?;
    let sequencer = notification::sequencer(tx.ctx(), object);
    notification::note_at(tx, bucket, (event, &sequencer), key, object)?;
    if !bucket.tells_events {
        return Ok(());
    }
    let detail = json!({
        "object": {
            "key": key,
            "size": object.size,
            "etag": object.etag,
            "version-id": object.version_id,
            "sequencer": sequencer,
        },
        "reason": reason,
    });
    tell(tx, bucket, "Object Created", detail)
}

/// Tells EventBridge what happened in a bucket that wants it told.
pub(super) fn tell(
    tx: &mut Tx<'_, '_>,
    bucket: &Bucket,
    detail_type: &str,
    mut detail: serde_json::Value,
) -> Result<()> {
    if !bucket.tells_events {
        return Ok(());
    }
    let ctx = tx.ctx();
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("version".to_owned(), json!("0"));
        detail.insert("bucket".to_owned(), json!({ "name": bucket.name }));
        detail.insert("request-id".to_owned(), json!(ctx.request_id()));
        detail.insert("requester".to_owned(), json!(ctx.caller().account.to_string()));
        detail.insert("source-ip-address".to_owned(), json!(ctx.caller().source_ip.map(|ip| ip.to_string())));
    }
    let arn = bucket_arn(ctx.partition(), bucket);
    let event = Event { scope: bucket.scope(), ..Event::new(ctx, "aws.s3", detail_type, vec![arn], detail) };
    tx.publish(&event)
}
