//! Carries on what was noted of requests: lines become log objects, counts become metrics.

use std::sync::Arc;

use api_cloudwatch::{Dimension, MetricDatum, PutMetricDataInput, StatisticSet, op};
use api_s3::PutObjectRequest;
use kernel::{Ctx, Kind, Millis, Result};
use shape::{Body, Timestamp};

use crate::ops::{bucket_arn, object_put};
use crate::rules::metrics::Counted;
use crate::state::bucket::{self, Bucket};
use crate::state::watch::Watch;

/// How long lines wait at most.
pub const LOGS_EVERY_MS: Millis = 10_000;
pub const METRICS_EVERY_MS: Millis = 60_000;
/// Who delivers logs, as policies of their buckets name it.
const DELIVERS: &str = "logging.s3";

/// Delivers the lines of each bucket as an object.
pub async fn deliver(ctx: &Ctx) -> Result<()> {
    for (name, lines) in ctx.own::<Arc<Watch>>().take_lines() {
        let Some(bucket) = ctx.read(|snap| bucket::find(snap, &name)).await? else { continue };
        match put(ctx, &bucket, lines).await {
            Err(error) if error.kind() == Kind::Internal => return Err(error),
            Err(error) => {
                tracing::info!(%error, bucket = name, "lines of an access log are refused, and lost");
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

async fn put(ctx: &Ctx, bucket: &Bucket, lines: String) -> Result<()> {
    let Some(logging) = &bucket.logging else { return Ok(()) };
    let from = (bucket.owner, bucket.region.as_str(), bucket.name.as_str());
    let unique = ctx.ids().hex(16).to_ascii_uppercase();
    let input = PutObjectRequest {
        bucket: logging.to.clone(),
        key: logging.key(from, ctx.now(), &unique),
        content_type: Some("text/plain".to_owned()),
        content_length: i64::try_from(lines.len()).ok(),
        body: Body::from_bytes(lines),
        ..PutObjectRequest::default()
    };
    let own = ctx.house().ctx(ctx.service(), bucket.scope());
    let ctx = own.acting_as(DELIVERS, &bucket_arn(ctx.partition(), bucket));
    ctx.authorize("s3:PutObject", &object_put::put_access(ctx.scope(), &input)?).await?;
    object_put::put(&ctx, input, "PutObject").await.map(drop)
}

/// Puts what was counted.
pub async fn tell(ctx: &Ctx) -> Result<()> {
    for ((name, id), counted) in ctx.own::<Arc<Watch>>().take_counts() {
        let Some(bucket) = ctx.read(|snap| bucket::find(snap, &name)).await? else { continue };
        let ctx = ctx.in_scope(bucket.scope());
        let metric_data = Some(data(&name, &id, &counted, ctx.now()));
        let input = PutMetricDataInput { namespace: "AWS/S3".to_owned(), metric_data, ..Default::default() };
        ctx.call_if_served(op::PutMetricData, input).await?;
    }
    Ok(())
}

fn data(bucket: &str, id: &str, counted: &Counted, now: Millis) -> Vec<MetricDatum> {
    let dimension = |name: &str, value: &str| Dimension { name: name.to_owned(), value: value.to_owned() };
    let datum = |((name, unit), values): (&(&str, &str), &crate::rules::metrics::Values)| MetricDatum {
        metric_name: (*name).to_owned(),
        dimensions: Some(vec![dimension("BucketName", bucket), dimension("FilterId", id)]),
        timestamp: Some(Timestamp::from_millis(now)),
        statistic_values: Some(StatisticSet {
            sample_count: values.count,
            sum: values.sum,
            minimum: values.least,
            maximum: values.most,
        }),
        unit: Some((*unit).to_owned()),
        ..MetricDatum::default()
    };
    counted.iter().map(datum).collect()
}
