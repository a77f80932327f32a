//! Logs and metrics of requests: set and shown.

use std::sync::Arc;

use api_s3::{
    BucketLoggingStatus, DeleteBucketMetricsConfigurationRequest, GetBucketLoggingOutput,
    GetBucketLoggingRequest, GetBucketMetricsConfigurationOutput, GetBucketMetricsConfigurationRequest,
    ListBucketMetricsConfigurationsOutput, ListBucketMetricsConfigurationsRequest, PutBucketLoggingRequest,
    PutBucketMetricsConfigurationRequest,
};
use kernel::{Ctx, Result};

use super::list_objects::open_token;
use super::{again, bucket, canonical_id};
use crate::errors;
use crate::rules::logging::{Logging, read};
use crate::rules::metrics::{self, CONFIGURATIONS_MAX, Metrics};
use crate::state::bucket::{self as stored, Bucket};
use crate::state::watch::Watch;

/// Configurations of a page.
const PAGE: usize = 100;

pub async fn put_bucket_logging(ctx: &Ctx, input: PutBucketLoggingRequest) -> Result<()> {
    let BucketLoggingStatus { logging_enabled } = input.bucket_logging_status;
    let logging = logging_enabled.map(read).transpose()?;
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    if let Some(logging) = &logging {
        check_target(ctx, &found, logging).await?;
    }
    edit(ctx, &found, |bucket| {
        bucket.logging.clone_from(&logging);
        Ok(())
    })
    .await
}

async fn check_target(ctx: &Ctx, from: &Bucket, logging: &Logging) -> Result<()> {
    let to = ctx.read(|snap| stored::find(snap, &logging.to)).await?;
    let to = to.ok_or_else(|| errors::bad_log_bucket("The target bucket for logging does not exist"))?;
    if to.owner != from.owner {
        let message = "The owner for the bucket to be logged and the target bucket must be the same.";
        return Err(errors::bad_log_bucket(message));
    }
    if to.region != from.region { Err(errors::log_bucket_elsewhere()) } else { Ok(()) }
}

/// Changes what is watched of a bucket, and takes it up.
async fn edit(
    ctx: &Ctx,
    found: &Bucket,
    change: impl Fn(&mut Bucket) -> Result<()> + Send + Sync,
) -> Result<()> {
    let changed = ctx
        .write(|tx| {
            let mut found = again(tx, found)?;
            change(&mut found)?;
            stored::put(tx, &found)?;
            Ok(found)
        })
        .await?;
    ctx.own::<Arc<Watch>>().set(&changed, canonical_id(changed.owner));
    Ok(())
}

/// Takes up what is set of all buckets.
pub async fn open(ctx: &Ctx) -> Result<()> {
    const STEP: usize = 1_000;
    let mut after: Option<String> = None;
    loop {
        let found = ctx.read(|snap| stored::list_all(snap, after.as_deref(), STEP)).await?;
        for bucket in &found {
            ctx.own::<Arc<Watch>>().set(bucket, canonical_id(bucket.owner));
        }
        if found.len() < STEP {
            return Ok(());
        }
        after = found.last().map(|bucket| bucket.name.clone());
    }
}

/// Lets go of everything in memory.
pub async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<Arc<Watch>>().forget_all();
    Ok(())
}

pub async fn get_bucket_logging(ctx: &Ctx, input: GetBucketLoggingRequest) -> Result<GetBucketLoggingOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    Ok(GetBucketLoggingOutput { logging_enabled: found.logging.as_ref().map(Logging::shown) })
}

pub async fn put_bucket_metrics_configuration(
    ctx: &Ctx,
    input: PutBucketMetricsConfigurationRequest,
) -> Result<()> {
    let new = metrics::read(input.metrics_configuration, &input.id)?;
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    edit(ctx, &found, |bucket| {
        bucket.metrics.retain(|one| one.id != new.id);
        if bucket.metrics.len() == CONFIGURATIONS_MAX {
            return Err(errors::too_many_configurations());
        }
        bucket.metrics.push(new.clone());
        bucket.metrics.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(())
    })
    .await
}

pub async fn get_bucket_metrics_configuration(
    ctx: &Ctx,
    input: GetBucketMetricsConfigurationRequest,
) -> Result<GetBucketMetricsConfigurationOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let one =
        found.metrics.iter().find(|one| one.id == input.id).ok_or_else(errors::no_such_configuration)?;
    Ok(GetBucketMetricsConfigurationOutput { metrics_configuration: Some(one.shown()) })
}

pub async fn list_bucket_metrics_configurations(
    ctx: &Ctx,
    input: ListBucketMetricsConfigurationsRequest,
) -> Result<ListBucketMetricsConfigurationsOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let token_of = format!("ListBucketMetricsConfigurations/{}", found.id);
    let token = input.continuation_token.as_deref();
    let after = token.map(|token| open_token(ctx, &token_of, token)).transpose()?.unwrap_or_default();
    let mut rest = found.metrics.iter().filter(|one| one.id > after).peekable();
    let page: Vec<&Metrics> = rest.by_ref().take(PAGE).collect();
    let more = rest.peek().is_some();
    let next = page.last().filter(|_| more).map(|last| ctx.seal_page(&token_of, last.id.as_bytes()));
    let shown: Vec<_> = page.into_iter().map(Metrics::shown).collect();
    Ok(ListBucketMetricsConfigurationsOutput {
        is_truncated: Some(more),
        continuation_token: input.continuation_token,
        next_continuation_token: next,
        metrics_configuration_list: (!shown.is_empty()).then_some(shown),
    })
}

pub async fn delete_bucket_metrics_configuration(
    ctx: &Ctx,
    input: DeleteBucketMetricsConfigurationRequest,
) -> Result<()> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    edit(ctx, &found, |bucket| {
        let before = bucket.metrics.len();
        bucket.metrics.retain(|one| one.id != input.id);
        if bucket.metrics.len() == before { Err(errors::no_such_configuration()) } else { Ok(()) }
    })
    .await
}
