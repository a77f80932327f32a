//! Puts what metric filters and events made into CloudWatch, oldest first; forgotten when it is there.

use std::collections::BTreeMap;

use api_cloudwatch::{Dimension, MetricDatum, PutMetricDataInput, StatisticSet, op};
use kernel::{Ctx, Kind, Millis, Next, Result, Scope};
use shape::Timestamp;

use crate::rules::group::DAY_MS;
use crate::rules::metric::Point;
use crate::state::point::{self, Quiet};

pub const NAME: &str = "logs-metrics";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 60_000;
pub const ALL: &str = "all";
pub const DEFAULTS_EVERY_MS: Millis = 60_000;

/// Rows of one step, and data of one call.
const ROWS: usize = 64;
const DATA_MAX: usize = 1_000;
const LISTED_MAX: usize = 10_000;
/// CloudWatch takes nothing older.
const OLDEST_MS: Millis = 14 * DAY_MS - 3_600_000;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let scopes = point::scopes(ctx, LISTED_MAX).await?;
    Ok(scopes.into_iter().map(|scope| (scope, ALL.to_owned())).collect())
}

pub async fn reconcile(ctx: &Ctx, _: String) -> Result<Next> {
    let rows = point::oldest(ctx, ROWS).await?;
    if rows.is_empty() {
        return Ok(Next::Done);
    }
    let mut data: BTreeMap<&str, Vec<MetricDatum>> = BTreeMap::new();
    let is_recent = |point: &&Point| point.at > ctx.now() - OLDEST_MS;
    for point in rows.iter().flat_map(|(_, points)| points).filter(is_recent) {
        data.entry(&point.namespace).or_default().push(datum(point));
    }
    for (namespace, data) in data {
        for some in data.chunks(DATA_MAX) {
            put(ctx, namespace, some).await?;
        }
    }
    ctx.write(|tx| rows.iter().try_for_each(|(id, _)| point::delete(tx, ctx.scope(), *id))).await?;
    Ok(Next::Now)
}

fn datum(point: &Point) -> MetricDatum {
    let dimension = |(name, value): &(String, String)| Dimension { name: name.clone(), value: value.clone() };
    MetricDatum {
        metric_name: point.name.clone(),
        dimensions: (!point.dimensions.is_empty()).then(|| point.dimensions.iter().map(dimension).collect()),
        timestamp: Some(Timestamp::from_millis(point.at)),
        values: (!point.values.is_empty()).then(|| point.values.clone()),
        statistic_values: point.values.is_empty().then_some(StatisticSet {
            sample_count: point.count,
            sum: point.sum,
            minimum: point.least,
            maximum: point.most,
        }),
        unit: point.unit.clone(),
        storage_resolution: point.is_fine.then_some(1),
        ..MetricDatum::default()
    }
}

/// What CloudWatch refuses, for a dimension taken from an event that is none, is left out; the rest is put.
async fn put(ctx: &Ctx, namespace: &str, data: &[MetricDatum]) -> Result<()> {
    match put_all(ctx, namespace, data.to_vec()).await {
        Err(error) if error.kind() == Kind::Invalid && data.len() > 1 => {
            for one in data {
                match put_all(ctx, namespace, vec![one.clone()]).await {
                    Err(error) if error.kind() != Kind::Invalid => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        }
        Err(error) if error.kind() != Kind::Invalid => Err(error),
        _ => Ok(()),
    }
}

async fn put_all(ctx: &Ctx, namespace: &str, data: Vec<MetricDatum>) -> Result<()> {
    let input = PutMetricDataInput {
        namespace: namespace.to_owned(),
        metric_data: Some(data),
        ..PutMetricDataInput::default()
    };
    // A house without CloudWatch has no metrics.
    ctx.call_if_served(op::PutMetricData, input).await.map(drop)
}

/// The default values of filters that saw events in this minute, and none of theirs.
pub async fn put_defaults(ctx: &Ctx) -> Result<()> {
    for (scope, points) in ctx.own::<Quiet>().take(ctx.now()) {
        let own = ctx.in_scope(scope);
        let id = (ctx.now(), u64::from_str_radix(&ctx.ids().hex(16), 16).unwrap_or_default());
        own.write(|tx| point::put(tx, &scope, id, &points)).await?;
        own.nudge(NAME, ALL);
    }
    Ok(())
}
