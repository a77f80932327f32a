//! Metric filters: what events become metrics.

use std::collections::BTreeMap;

use api_logs::{
    DeleteMetricFilterRequest, DescribeMetricFiltersRequest, DescribeMetricFiltersResponse, MetricFilter,
    MetricFilterMatchRecord, MetricTransformation, PutMetricFilterRequest, TestMetricFilterRequest,
    TestMetricFilterResponse,
};
use kernel::{Ctx, Result};

use super::{group_by_name, limit_of, page};
use crate::errors;
use crate::rules::metric::{FILTERS_MAX, Point, Transformation, check, points as make_points};
use crate::rules::pattern::Pattern;
use crate::state::event::Seen;
use crate::state::group::{self, Group};
use crate::state::pattern::Patterns;

const PAGE: usize = 50;
/// Regular expressions in the filters of one group.
const REGEX_FILTERS_MAX: usize = 5;

pub(super) fn read_pattern(text: &str) -> Result<Pattern> {
    Pattern::parse(text).map_err(|wrong| errors::bad_pattern(&wrong))
}

fn transformation(input: MetricTransformation) -> Transformation {
    Transformation {
        name: input.metric_name,
        namespace: input.metric_namespace,
        value: input.metric_value,
        default: input.default_value,
        dimensions: input.dimensions.unwrap_or_default(),
        unit: input.unit,
    }
}

pub async fn put_metric_filter(ctx: &Ctx, input: PutMetricFilterRequest) -> Result<()> {
    let pattern = read_pattern(&input.filter_pattern)?;
    if input.apply_on_transformed_logs == Some(true) {
        return Err(errors::invalid("applyOnTransformedLogs: the log group has no transformer"));
    }
    let Some(given) = input.metric_transformations.into_iter().next() else {
        return Err(errors::invalid("metricTransformations must have one element"));
    };
    let made = transformation(given);
    check(&made, &pattern)?;
    let new = group::MetricFilter {
        pattern: input.filter_pattern,
        transformation: made,
        created_at: ctx.now(),
        on_transformed: false,
    };
    group::change(ctx, &input.log_group_name, |group| {
        let filters = &mut group.metric_filters;
        let created_at = filters.get(&input.filter_name).map_or(new.created_at, |old| old.created_at);
        filters.insert(input.filter_name.clone(), group::MetricFilter { created_at, ..new.clone() });
        let with_regex = filters.values().filter(|filter| filter.pattern.contains('%')).count();
        if filters.len() > FILTERS_MAX || (pattern.regexes() > 0 && with_regex > REGEX_FILTERS_MAX) {
            return Err(errors::limit("Resource limit exceeded."));
        }
        Ok(())
    })
    .await
}

pub async fn delete_metric_filter(ctx: &Ctx, input: DeleteMetricFilterRequest) -> Result<()> {
    group::change(ctx, &input.log_group_name, |group| {
        let gone = group.metric_filters.remove(&input.filter_name);
        gone.map(drop).ok_or_else(|| errors::not_found("metric filter"))
    })
    .await
}

fn show(group: &str, name: String, filter: group::MetricFilter) -> MetricFilter {
    let Transformation { name: metric_name, namespace, value, default, dimensions, unit } =
        filter.transformation;
    let made = MetricTransformation {
        metric_name,
        metric_namespace: namespace,
        metric_value: value,
        default_value: default,
        dimensions: (!dimensions.is_empty()).then_some(dimensions),
        unit,
    };
    MetricFilter {
        filter_name: Some(name),
        filter_pattern: Some(filter.pattern),
        metric_transformations: Some(vec![made]),
        creation_time: Some(filter.created_at),
        log_group_name: Some(group.to_owned()),
        apply_on_transformed_logs: Some(filter.on_transformed),
        ..MetricFilter::default()
    }
}

pub async fn describe_metric_filters(
    ctx: &Ctx,
    input: DescribeMetricFiltersRequest,
) -> Result<DescribeMetricFiltersResponse> {
    if input.metric_name.is_some() != input.metric_namespace.is_some() {
        return Err(errors::invalid("metricName and metricNamespace must be specified together"));
    }
    let groups = match &input.log_group_name {
        Some(name) => vec![group_by_name(ctx, name).await?],
        None => group::list_where(ctx, None, usize::MAX, |group| !group.metric_filters.is_empty()).await?,
    };
    let prefix = input.filter_name_prefix.unwrap_or_default();
    let wanted = |name: &str, filter: &group::MetricFilter| {
        let made = &filter.transformation;
        name.starts_with(&prefix)
            && input.metric_name.as_ref().is_none_or(|wanted| *wanted == made.name)
            && input.metric_namespace.as_ref().is_none_or(|wanted| *wanted == made.namespace)
    };
    let mut all = Vec::new();
    for Group { name: group, metric_filters, .. } in groups {
        for (name, filter) in metric_filters.into_iter().filter(|(name, filter)| wanted(name, filter)) {
            all.push((format!("{group}:{name}"), show(&group, name, filter)));
        }
    }
    let limit = limit_of(input.limit, PAGE);
    let (filters, next) = page(ctx, "DescribeMetricFilters", input.next_token.as_deref(), limit, all)?;
    Ok(DescribeMetricFiltersResponse { metric_filters: Some(filters), next_token: next })
}

pub async fn test_metric_filter(_: &Ctx, input: TestMetricFilterRequest) -> Result<TestMetricFilterResponse> {
    let pattern = read_pattern(&input.filter_pattern)?;
    let mut matches = Vec::new();
    for (number, message) in (1..).zip(input.log_event_messages) {
        if let Some(values) = pattern.extract(&message) {
            matches.push(MetricFilterMatchRecord {
                event_number: Some(number),
                event_message: Some(message),
                extracted_values: Some(values.into_iter().collect::<BTreeMap<_, _>>()),
            });
        }
    }
    Ok(TestMetricFilterResponse { matches: Some(matches) })
}

/// A filter with a default value, and whether events matched it.
pub type Matched<'g> = (&'g str, &'g Transformation, bool);

/// What a group's filters make of events.
pub fn points<'g>(ctx: &Ctx, group: &'g Group, events: &[Seen<'_>]) -> (Vec<Point>, Vec<Matched<'g>>) {
    let (mut points, mut matched) = (Vec::new(), Vec::new());
    for (name, filter) in &group.metric_filters {
        let Some(pattern) = ctx.own::<Patterns>().get(&filter.pattern) else { continue };
        let made = &filter.transformation;
        let (more, any) = make_points(made, &pattern, events.iter().map(|event| (event.at, event.message)));
        points.extend(more);
        if made.default.is_some() {
            matched.push((name.as_str(), made, any));
        }
    }
    (points, matched)
}
