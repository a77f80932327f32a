//! Has every anomaly detector learn when it is put, and again as time goes on.

use api_cloudwatch::{MetricDataQuery, MetricStat};
use kernel::{Ctx, Kind, Millis, Next, Result, Scope};

use crate::rules::math::budget::Budget;
use crate::rules::query;
use crate::state::answer::Asked;
use crate::state::band::{LEARN_EVERY_MS, TRY_EVERY_MS, learn, period_of};
use crate::state::detector::{Detectors, Watched};

pub const NAME: &str = "cloudwatch-anomaly-detectors";
pub const CONCURRENCY: usize = 1;
pub const SWEEP_EVERY_MS: Millis = 3_600_000;

/// Period in seconds at which a detector of one metric learns by itself. For others it learns when they are asked for.
const PERIOD_S: i32 = 300;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    Ok(ctx.own::<Detectors>().ids())
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let all = ctx.own::<Detectors>().of(ctx.scope());
    let Some(detector) = all.into_iter().find(|detector| detector.id == id) else { return Ok(Next::Done) };
    let queries = match &detector.of {
        Watched::Metric { metric, statistic } => vec![MetricDataQuery {
            id: "m1".to_owned(),
            metric_stat: Some(MetricStat {
                metric: metric.to_metric(),
                period: PERIOD_S,
                stat: statistic.clone(),
                unit: None,
            }),
            ..MetricDataQuery::default()
        }],
        Watched::Math(queries) => queries.iter().map(Into::into).collect(),
    };
    let queries = query::check(queries)?;
    let at = queries.iter().position(|query| query.is_returned).unwrap_or_default();
    let behind = query::behind(&queries, at)?;
    let asked = Asked { ctx, queries: &queries, from: ctx.now(), to: ctx.now(), budget: Budget::default() };
    let learned = learn(&asked, &detector, (at, &behind), period_of(&queries, &behind)).await;
    match learned {
        Ok(Some(_)) => Ok(Next::After(LEARN_EVERY_MS)),
        Ok(None) => Ok(Next::After(TRY_EVERY_MS)),
        // What its expression comes to cannot be learned; it stays in training, as long as it is so.
        Err(error) if error.kind() == Kind::Invalid => Ok(Next::After(LEARN_EVERY_MS)),
        Err(error) => Err(error),
    }
}
