//! The encryption of objects that ask for none: S3's own, or a key of KMS.

use api_s3::{
    DeleteBucketEncryptionRequest, GetBucketEncryptionOutput, GetBucketEncryptionRequest,
    PutBucketEncryptionRequest, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use kernel::{Ctx, Result};

use super::{bucket, change};
use crate::rules::encryption::{WantedKms, check_default};

pub async fn put_bucket_encryption(ctx: &Ctx, input: PutBucketEncryptionRequest) -> Result<()> {
    let default = check_default(&input.server_side_encryption_configuration)?;
    set(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), &default).await
}

/// Back to what a new bucket has.
pub async fn delete_bucket_encryption(ctx: &Ctx, input: DeleteBucketEncryptionRequest) -> Result<()> {
    set(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), &(None, false)).await
}

async fn set(
    ctx: &Ctx,
    name: &str,
    expected_owner: Option<&str>,
    (key, bucket_key): &(Option<WantedKms>, bool),
) -> Result<()> {
    change(ctx, name, expected_owner, |bucket| {
        bucket.default_key.clone_from(key);
        bucket.bucket_key = *bucket_key;
        Ok(())
    })
    .await
}

pub async fn get_bucket_encryption(
    ctx: &Ctx,
    input: GetBucketEncryptionRequest,
) -> Result<GetBucketEncryptionOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let kind = if found.default_key.is_some() { "aws:kms" } else { "AES256" };
    let default = ServerSideEncryptionByDefault {
        sse_algorithm: kind.to_owned(),
        kms_master_key_id: found.default_key.as_ref().and_then(|default| default.key_id.clone()),
    };
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(default),
        bucket_key_enabled: Some(found.bucket_key),
        ..Default::default()
    };
    let configuration = ServerSideEncryptionConfiguration { rules: vec![rule] };
    Ok(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(configuration) })
}
