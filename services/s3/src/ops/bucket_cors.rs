//! Which pages of other origins may use a bucket: set, shown, and said to browsers.

use api_s3::{DeleteBucketCorsRequest, GetBucketCorsOutput, GetBucketCorsRequest, PutBucketCorsRequest};
use kernel::beside::{CrossOrigin, Headers};
use kernel::{Ctx, Result};

use super::{bucket, change};
use crate::errors;
use crate::rules::cors;
use crate::rules::name::of_path;
use crate::state::access_point::bucket_of;
use crate::state::bucket::Known;

pub async fn put_bucket_cors(ctx: &Ctx, input: PutBucketCorsRequest) -> Result<()> {
    let rules = cors::check(input.cors_configuration)?;
    change(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), |bucket| {
        bucket.cors.clone_from(&rules);
        Ok(())
    })
    .await
}

pub async fn get_bucket_cors(ctx: &Ctx, input: GetBucketCorsRequest) -> Result<GetBucketCorsOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    if found.cors.is_empty() {
        return Err(errors::no_such_cors());
    }
    Ok(GetBucketCorsOutput { cors_rules: Some(found.cors.iter().map(cors::Rule::shown).collect()) })
}

pub async fn delete_bucket_cors(ctx: &Ctx, input: DeleteBucketCorsRequest) -> Result<()> {
    change(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), |bucket| {
        bucket.cors.clear();
        Ok(())
    })
    .await
}

/// What browsers are told that ask for something of a bucket.
pub async fn answer(ctx: &Ctx, asked: CrossOrigin) -> Result<Headers> {
    let (place, _) = of_path(&asked.path);
    let found = ctx
        .read(|snap| {
            let Some(name) = bucket_of(snap, &place)? else { return Ok(None) };
            ctx.own::<Known>().find(snap, &name)
        })
        .await?;
    match found {
        Some(found) => cors::answer(&found.cors, &asked),
        None => cors::answer(&[], &asked),
    }
}
