//! Putting and listing metrics.

use api_cloudwatch::{ListMetricsInput, ListMetricsOutput, PutMetricDataInput};
use kernel::{Access, Ctx, Millis, Result, Scope};

use crate::errors;
use crate::rules::datum;
use crate::rules::metric::{MetricKey, fits};
use crate::state::put::put;
use crate::state::series::AllSeries;

/// Metrics of one page.
const PAGE: usize = 500;
/// A metric without newer samples is not listed.
const LISTED_MS: Millis = 14 * 86_400_000;
/// `PT3H`
const RECENTLY_MS: Millis = 3 * 3_600_000;
/// Dimensions asked for.
const FILTERS_MAX: usize = 30;

pub fn put_access(_: &Scope, input: &PutMetricDataInput) -> Result<Access> {
    Ok(Access::any().condition("cloudwatch:namespace", [input.namespace.clone()]))
}

pub async fn put_metric_data(ctx: &Ctx, input: PutMetricDataInput) -> Result<()> {
    let data = datum::check(input, ctx.caller().is_internal(), ctx.now())?;
    put(ctx, data).await
}

pub async fn list_metrics(ctx: &Ctx, input: ListMetricsInput) -> Result<ListMetricsOutput> {
    let token_of = token_of(&input);
    let after = input.next_token.as_deref().map(|token| position(ctx, &token_of, token)).transpose()?;
    let filters = input.dimensions.unwrap_or_default();
    if filters.len() > FILTERS_MAX {
        return Err(errors::collection_too_big("Dimensions", FILTERS_MAX));
    }
    let filters: Vec<_> = filters.into_iter().map(|filter| (filter.name, filter.value)).collect();
    let age_ms = if input.recently_active.is_some() { RECENTLY_MS } else { LISTED_MS };
    let oldest = ctx.now() - age_ms;
    let (namespace, name) = (input.namespace.as_deref(), input.metric_name.as_deref());
    let wanted = |key: &MetricKey, newest: Millis| {
        newest >= oldest
            && namespace.is_none_or(|namespace| namespace == key.namespace)
            && fits(key, name, &filters)
    };
    let all = ctx.own::<AllSeries>();
    let found = all
        .list(ctx.scope(), after.as_ref(), PAGE + 1, |key, newest| wanted(key, newest).then(|| key.clone()));
    let page = found.get(..PAGE.min(found.len())).unwrap_or_default();
    let next = (found.len() > PAGE).then(|| page.last()).flatten();
    let next_token = next.map(|key| seal(ctx, &token_of, key)).transpose()?;
    Ok(ListMetricsOutput {
        metrics: Some(page.iter().map(|key| key.to_metric()).collect()),
        next_token,
        ..ListMetricsOutput::default()
    })
}

const OPERATION: &str = "ListMetrics";

/// A token is good for what it was given to: the same metrics, asked for alike.
fn token_of(input: &ListMetricsInput) -> String {
    let ListMetricsInput { namespace, metric_name, dimensions, recently_active, .. } = input;
    format!("{OPERATION} {namespace:?} {metric_name:?} {dimensions:?} {recently_active:?}")
}

fn seal(ctx: &Ctx, token_of: &str, key: &MetricKey) -> Result<String> {
    let position = serde_json::to_vec(&(&key.namespace, &key.name, &key.dimensions));
    Ok(ctx.seal_page(token_of, &position.map_err(kernel::Error::internal)?))
}

fn position(ctx: &Ctx, token_of: &str, token: &str) -> Result<MetricKey> {
    let opened = ctx.open_page(token_of, token);
    let parts = opened.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let (namespace, name, dimensions) =
        parts.ok_or_else(|| errors::invalid("Request parameter NextToken is invalid"))?;
    Ok(MetricKey { namespace, name, dimensions })
}
