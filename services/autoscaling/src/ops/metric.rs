//! Which metrics of a group are collected.

use api_autoscaling as api;
use kernel::{Ctx, Result};

use super::change;
use crate::errors;
use crate::rules::metric::METRICS;

const GRANULARITY: &str = "1Minute";

fn named(given: Option<Vec<String>>) -> Result<Vec<String>> {
    let given = given.unwrap_or_default();
    if let Some(other) = given.iter().find(|name| !METRICS.contains(&&***name)) {
        return Err(errors::validation(format!("{other} is not a valid metric.")));
    }
    if given.is_empty() { Ok(METRICS.map(str::to_owned).to_vec()) } else { Ok(given) }
}

pub async fn enable_metrics_collection(ctx: &Ctx, input: api::EnableMetricsCollectionQuery) -> Result<()> {
    let names = named(input.metrics)?;
    if input.granularity != GRANULARITY {
        return Err(errors::validation(format!("The granularity must be {GRANULARITY}.")));
    }
    change(ctx, &input.auto_scaling_group_name, |_, group| {
        group.metrics.extend(names.clone());
        group.metrics.sort();
        group.metrics.dedup();
        Ok(())
    })
    .await
}

pub async fn disable_metrics_collection(ctx: &Ctx, input: api::DisableMetricsCollectionQuery) -> Result<()> {
    let names = named(input.metrics)?;
    change(ctx, &input.auto_scaling_group_name, |_, group| {
        group.metrics.retain(|known| !names.contains(known));
        Ok(())
    })
    .await
}

pub async fn describe_metric_collection_types(
    _: &Ctx,
    (): (),
) -> Result<api::DescribeMetricCollectionTypesAnswer> {
    let metric = |name: &&str| api::MetricCollectionType { metric: Some((*name).to_owned()) };
    let granularity = api::MetricGranularityType { granularity: Some(GRANULARITY.to_owned()) };
    Ok(api::DescribeMetricCollectionTypesAnswer {
        metrics: Some(METRICS.iter().map(metric).collect()),
        granularities: Some(vec![granularity]),
    })
}
