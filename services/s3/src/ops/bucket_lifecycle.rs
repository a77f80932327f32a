//! The lifecycle rules of a bucket. What they ask for, the lifecycle's sweep does.

use api_s3::{
    DeleteBucketLifecycleRequest, GetBucketLifecycleConfigurationOutput,
    GetBucketLifecycleConfigurationRequest, PutBucketLifecycleConfigurationOutput,
    PutBucketLifecycleConfigurationRequest,
};
use kernel::{Ctx, Result};

use super::{again, bucket};
use crate::errors;
use crate::rules::lifecycle::Lifecycle;
use crate::rules::lifecycle_read::{read, shown};
use crate::state::lifecycle as stored;

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
