//! Tags of buckets.

use api_s3::{
    DeleteBucketTaggingRequest, GetBucketTaggingOutput, GetBucketTaggingRequest, PutBucketTaggingRequest,
};
use kernel::{Ctx, Result};

use super::{again, bucket};
use crate::errors;
use crate::rules::tags::{self, BUCKET_TAGS_MAX, Tags};
use crate::state::bucket::{self as stored, Bucket};

pub async fn put_bucket_tagging(ctx: &Ctx, input: PutBucketTaggingRequest) -> Result<()> {
    let tags = tags::from_set(input.tagging, BUCKET_TAGS_MAX)?;
    set(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), tags).await
}

pub async fn delete_bucket_tagging(ctx: &Ctx, input: DeleteBucketTaggingRequest) -> Result<()> {
    set(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), Tags::new()).await
}

async fn set(ctx: &Ctx, name: &str, expected_owner: Option<&str>, tags: Tags) -> Result<()> {
    let found = bucket(ctx, name, expected_owner).await?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        stored::put(tx, &Bucket { tags: tags.clone(), ..found })
    })
    .await
}

pub async fn get_bucket_tagging(ctx: &Ctx, input: GetBucketTaggingRequest) -> Result<GetBucketTaggingOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    if found.tags.is_empty() {
        return Err(errors::no_such_tag_set());
    }
    Ok(GetBucketTaggingOutput { tag_set: tags::shown(&found.tags) })
}
