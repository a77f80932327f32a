//! The encryption of objects that ask for none: the one of S3, always; there is nothing to choose but how it is named.

use api_s3::{
    DeleteBucketEncryptionRequest, GetBucketEncryptionOutput, GetBucketEncryptionRequest,
    PutBucketEncryptionRequest, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use kernel::{Ctx, Result};

use super::{again, bucket};
use crate::rules::encryption::check_default;
use crate::state::bucket::{self as stored, Bucket};

pub async fn put_bucket_encryption(ctx: &Ctx, input: PutBucketEncryptionRequest) -> Result<()> {
    let bucket_key = check_default(&input.server_side_encryption_configuration)?;
    set(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), bucket_key).await
}

/// Back to what a new bucket has.
pub async fn delete_bucket_encryption(ctx: &Ctx, input: DeleteBucketEncryptionRequest) -> Result<()> {
    set(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), false).await
}

async fn set(ctx: &Ctx, name: &str, expected_owner: Option<&str>, bucket_key: bool) -> Result<()> {
    let found = bucket(ctx, name, expected_owner).await?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        stored::put(tx, &Bucket { bucket_key, ..found })
    })
    .await
}

pub async fn get_bucket_encryption(
    ctx: &Ctx,
    input: GetBucketEncryptionRequest,
) -> Result<GetBucketEncryptionOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let default = ServerSideEncryptionByDefault { sse_algorithm: "AES256".to_owned(), ..Default::default() };
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(default),
        bucket_key_enabled: Some(found.bucket_key),
        ..Default::default()
    };
    let configuration = ServerSideEncryptionConfiguration { rules: vec![rule] };
    Ok(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(configuration) })
}
