//! Whether a bucket keeps the versions of its objects.

use api_s3::{GetBucketVersioningOutput, GetBucketVersioningRequest, PutBucketVersioningRequest};
use kernel::{Ctx, Result};

use super::{again, bucket};
use crate::errors;
use crate::state::bucket::{self as stored, Bucket, Versioning};

pub async fn put_bucket_versioning(ctx: &Ctx, input: PutBucketVersioningRequest) -> Result<()> {
    let wanted = match input.versioning_configuration.status.as_deref() {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        None | Some(_) => return Err(errors::malformed_xml()),
    };
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        if found.lock.is_some() && wanted != Versioning::Enabled {
            return Err(errors::versions_of_lock());
        }
        if found.replication.is_some() && wanted != Versioning::Enabled {
            return Err(errors::versions_of_replication());
        }
        stored::put(tx, &Bucket { versioning: Some(wanted), ..found })
    })
    .await
}

pub async fn get_bucket_versioning(
    ctx: &Ctx,
    input: GetBucketVersioningRequest,
) -> Result<GetBucketVersioningOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let status = found.versioning.map(|versioning| match versioning {
        Versioning::Enabled => "Enabled".to_owned(),
        Versioning::Suspended => "Suspended".to_owned(),
    });
    Ok(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() })
}
