//! Counts every hour what each bucket holds, for its bill; and once a day tells CloudWatch.

use api_cloudwatch::{Dimension, MetricDatum, PutMetricDataInput, op};
use kernel::{Ctx, Millis, Reader, Result};
use shape::Timestamp;

use crate::ops::multipart_end::parts_max;
use crate::rules::census::{Census, names};
use crate::state::bucket::{self, Bucket};
use crate::state::cursor::Cursor;
use crate::state::upload;

pub const EVERY_MS: Millis = 3_600_000;
const DAY_MS: Millis = 86_400_000;
/// Buckets and rows read at once.
const BUCKETS_STEP: usize = 100;
const ROWS_STEP: usize = 2_000;

pub async fn sweep(ctx: &Ctx) -> Result<()> {
    let mut after: Option<String> = None;
    loop {
        let found = ctx.read(|snap| bucket::list_all(snap, after.as_deref(), BUCKETS_STEP)).await?;
        after = found.last().map(|bucket| bucket.name.clone());
        for bucket in &found {
            count(ctx, bucket).await?;
        }
        if found.len() < BUCKETS_STEP {
            return Ok(());
        }
    }
}

async fn count(ctx: &Ctx, bucket: &Bucket) -> Result<()> {
    let mut census = Census::default();
    for kind in [Of::Latest, Of::Older, Of::Uploads] {
        let mut after: Option<String> = None;
        loop {
            let step = ctx.read(|snap| rows(snap, bucket, kind, after.as_deref())).await?;
            for (class, size) in &step.sizes {
                census.add(class.as_deref(), *size);
            }
            if !matches!(kind, Of::Uploads) {
                census.objects += u64::try_from(step.sizes.len()).unwrap_or_default();
            }
            match step.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    let (ctx, now) = (ctx.in_scope(bucket.scope()), ctx.now());
    let day = now - now.rem_euclid(DAY_MS);
    let is_first = ctx
        .write(|tx| {
            census.usage(&bucket.name, now).iter().try_for_each(|line| tx.meter(line))?;
            bucket::first_of_day(tx, bucket, day)
        })
        .await?;
    if is_first { tell(&ctx, bucket, &census, day).await } else { Ok(()) }
}

#[derive(Clone, Copy)]
enum Of {
    Latest,
    Older,
    Uploads,
}

/// Some rows' storage classes and bytes, and the key to go on behind.
#[derive(Default)]
struct Step {
    sizes: Vec<(Option<String>, u64)>,
    next: Option<String>,
}

fn rows(from: &mut impl Reader, bucket: &Bucket, of: Of, after: Option<&str>) -> Result<Step> {
    let mut step = Step::default();
    match of {
        Of::Uploads => {
            let mut cursor = Cursor::uploads(bucket, "").after(after);
            while let Some((key, found)) = cursor.next(from)? {
                for part in upload::parts(from, bucket, &found.id, None, parts_max())? {
                    step.sizes.push((None, part.segment.size));
                }
                if step.is_full(cursor.peek(from)?.map(|(next, _)| next), key) {
                    break;
                }
            }
        }
        Of::Latest | Of::Older => {
            let cursor = if matches!(of, Of::Latest) {
                Cursor::objects(bucket, "")
            } else {
                Cursor::older(bucket, "")
            };
            let mut cursor = cursor.after(after);
            while let Some((key, found)) = cursor.next(from)? {
                if !found.is_marker {
                    step.sizes.push((found.storage_class, found.size));
                }
                if step.is_full(cursor.peek(from)?.map(|(next, _)| next), key) {
                    break;
                }
            }
        }
    }
    Ok(step)
}

impl Step {
    /// Whether it is time to stop: only between two keys.
    fn is_full(&mut self, next: Option<&String>, key: String) -> bool {
        let full = self.sizes.len() >= ROWS_STEP && next.is_some_and(|next| *next != key);
        if full {
            self.next = Some(key);
        }
        full
    }
}

/// A house without CloudWatch has no metrics.
async fn tell(ctx: &Ctx, bucket: &Bucket, census: &Census, day: Millis) -> Result<()> {
    let datum = |name: &str, kind: &str, value: u64, unit: &str| MetricDatum {
        metric_name: name.to_owned(),
        dimensions: Some(
            [("BucketName", bucket.name.as_str()), ("StorageType", kind)]
                .map(|(name, value)| Dimension { name: name.to_owned(), value: value.to_owned() })
                .to_vec(),
        ),
        timestamp: Some(Timestamp::from_millis(day)),
        #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
        value: Some(value as f64),
        unit: Some(unit.to_owned()),
        ..MetricDatum::default()
    };
    let sizes =
        census.bytes.iter().map(|(class, bytes)| datum("BucketSizeBytes", names(class).1, *bytes, "Bytes"));
    let count = datum("NumberOfObjects", "AllStorageTypes", census.objects, "Count");
    let metric_data = Some(sizes.chain([count]).collect());
    let namespace = "AWS/S3".to_owned();
    let input = PutMetricDataInput { namespace, metric_data, ..PutMetricDataInput::default() };
    ctx.call_if_served(op::PutMetricData, input).await.map(drop)
}
