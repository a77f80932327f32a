//! The lifecycle rules of a bucket. What they ask for, the lifecycle's sweep does.

use api_s3::{
    DeleteBucketLifecycleRequest, GetBucketLifecycleConfigurationOutput,
    GetBucketLifecycleConfigurationRequest, PutBucketLifecycleConfigurationOutput,
    PutBucketLifecycleConfigurationRequest,
};
use kernel::{Ctx, Reader, Result};
use shape::Timestamp;

use super::{again, bucket, date};
use crate::errors;
use crate::rules::lifecycle::{Lifecycle, Seen};
use crate::rules::lifecycle_read::{read, shown};
use crate::rules::time;
use crate::rules::url::Encoding;
use crate::state::bucket::Bucket;
use crate::state::lifecycle as stored;
use crate::state::object::Object;
use crate::state::upload::Upload;

const VARIES: &str = "varies_by_storage_class";
const ALL_LARGE: &str = "all_storage_classes_128K";

pub async fn put_bucket_lifecycle_configuration(
    ctx: &Ctx,
    input: PutBucketLifecycleConfigurationRequest,
) -> Result<PutBucketLifecycleConfigurationOutput> {
    let given = input.lifecycle_configuration.ok_or_else(errors::malformed_xml)?;
    let small_to_archive = match input.transition_default_minimum_object_size.as_deref() {
        None | Some(ALL_LARGE) => false,
        Some(VARIES) => true,
        Some(_) => return Err(errors::invalid_argument("Invalid TransitionDefaultMinimumObjectSize")),
    };
    let rules = read(given.rules, || ctx.ids().hex(32))?;
    let rules = Lifecycle { rules, small_to_archive };
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        stored::put(tx, &found, &rules)
    })
    .await?;
    Ok(PutBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: Some(shown_minimum(&rules)),
    })
}

fn shown_minimum(rules: &Lifecycle) -> String {
    if rules.small_to_archive { VARIES } else { ALL_LARGE }.to_owned()
}

pub async fn get_bucket_lifecycle_configuration(
    ctx: &Ctx,
    input: GetBucketLifecycleConfigurationRequest,
) -> Result<GetBucketLifecycleConfigurationOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let rules = ctx.read(|snap| stored::find(snap, &found)).await?.ok_or_else(errors::no_such_lifecycle)?;
    Ok(GetBucketLifecycleConfigurationOutput {
        rules: Some(rules.rules.iter().map(shown).collect()),
        transition_default_minimum_object_size: Some(shown_minimum(&rules)),
    })
}

pub async fn delete_bucket_lifecycle(ctx: &Ctx, input: DeleteBucketLifecycleRequest) -> Result<()> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        stored::delete(tx, &found)
    })
    .await
}

/// A version as rules see it.
pub fn seen<'a>(key: &'a str, object: &'a Object) -> Seen<'a> {
    let storage_class = object.storage_class.as_deref().unwrap_or("STANDARD");
    Seen { key, size: object.size, tags: &object.tags, storage_class }
}

/// What `x-amz-expiration` says of the latest version.
pub(super) fn shown_expiry(
    from: &mut impl Reader,
    bucket: &Bucket,
    key: &str,
    object: &Object,
) -> Result<Option<String>> {
    let Some(rules) = stored::find(from, bucket)? else { return Ok(None) };
    let due = rules.expires(&seen(key, object), object.modified_at);
    Ok(due.and_then(|(at, id)| {
        let at = time::to_http(Timestamp::from_millis(at))?;
        Some(format!("expiry-date=\"{at}\", rule-id=\"{}\"", Encoding::Url.write(&id)))
    }))
}

/// The same of a version that was just made.
pub(super) async fn new_expiry(
    ctx: &Ctx,
    bucket: &Bucket,
    key: &str,
    object: &Object,
) -> Result<Option<String>> {
    ctx.read(|snap| shown_expiry(snap, bucket, key, object)).await
}

/// When an upload is aborted if nobody completes it, and by which rule.
pub(super) fn shown_abort(
    from: &mut impl Reader,
    bucket: &Bucket,
    key: &str,
    upload: &Upload,
) -> Result<(Option<Timestamp>, Option<String>)> {
    let rules = stored::find(from, bucket)?;
    let due = rules.and_then(|rules| rules.aborts(key, upload.begun_at));
    Ok(due.map_or((None, None), |(at, id)| (date(at), Some(Encoding::Url.write(&id)))))
}
