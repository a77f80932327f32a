//! Predictive scaling policies: which metrics they look at, and the capacity they want.

use api_autoscaling as api;
use api_cloudwatch as cw;
use kept::alike;
use kernel::{Millis, Result};

use super::group::SIZE_MAX;
use crate::errors;

const BUFFER_S: i32 = 300;
const BUFFER_S_MAX: i32 = 3_600;
const HOUR_S: i32 = 3_600;
const MINUTES: f64 = 60.0;
const INCREASE: &str = "IncreaseMaxCapacity";

/// # Errors
/// A configuration that is not complete or contradicts itself.
pub fn check(asked: &api::PredictiveScalingConfiguration) -> Result<()> {
    let [of] = asked.metric_specifications.as_slice() else {
        return Err(errors::validation("Exactly one metric specification must be given."));
    };
    if !of.target_value.is_finite() || of.target_value <= 0.0 {
        return Err(errors::validation("TargetValue must be greater than 0."));
    }
    if !(0..=BUFFER_S_MAX).contains(&buffer_s(asked)) {
        return Err(errors::validation(format!("SchedulingBufferTime must be at most {BUFFER_S_MAX}.")));
    }
    let increases = asked.max_capacity_breach_behavior.as_deref() == Some(INCREASE);
    if increases != asked.max_capacity_buffer.is_some() {
        return Err(errors::validation(format!(
            "MaxCapacityBuffer must be given with {INCREASE}, and only then."
        )));
    }
    check_specification(of)
}

fn check_specification(of: &api::PredictiveScalingMetricSpecification) -> Result<()> {
    let scaling = [
        of.predefined_scaling_metric_specification.is_some(),
        of.customized_scaling_metric_specification.is_some(),
    ];
    let load = [
        of.predefined_load_metric_specification.is_some(),
        of.customized_load_metric_specification.is_some(),
    ];
    let count = |given: [bool; 2]| given.into_iter().filter(|given| *given).count();
    let fits = match &of.predefined_metric_pair_specification {
        Some(_) => count(scaling) + count(load) == 0,
        None => count(scaling) == 1 && count(load) == 1,
    };
    if !fits {
        return Err(errors::validation(
            "A metric specification is a predefined pair, or a scaling metric and a load metric.",
        ));
    }
    let is_custom = scaling[1] || load[1];
    if of.customized_capacity_metric_specification.is_some() && !is_custom {
        return Err(errors::validation("A capacity metric is given with customized metrics only."));
    }
    for (kind, label) in predefined(of) {
        let is_requests = kind.starts_with("ALB");
        if is_requests && label.and_then(dimensions).is_none() {
            return Err(errors::validation(format!(
                "ResourceLabel must be app/<load balancer>/<id>/targetgroup/<target group>/<id> for {kind}."
            )));
        }
        if !is_requests && label.is_some() {
            return Err(errors::validation("ResourceLabel is of metrics of load balancers only."));
        }
    }
    customized(of).try_for_each(|queries| check_queries(queries))
}

/// Types and labels of what is predefined.
fn predefined(of: &api::PredictiveScalingMetricSpecification) -> Vec<(&str, Option<&str>)> {
    let pair = of.predefined_metric_pair_specification.as_ref();
    let scaling = of.predefined_scaling_metric_specification.as_ref();
    let load = of.predefined_load_metric_specification.as_ref();
    let pair = pair.map(|one| (one.predefined_metric_type.as_str(), one.resource_label.as_deref()));
    let scaling = scaling.map(|one| (one.predefined_metric_type.as_str(), one.resource_label.as_deref()));
    let load = load.map(|one| (one.predefined_metric_type.as_str(), one.resource_label.as_deref()));
    [pair, scaling, load].into_iter().flatten().collect()
}

fn customized(
    of: &api::PredictiveScalingMetricSpecification,
) -> impl Iterator<Item = &Vec<api::MetricDataQuery>> {
    let scaling = of.customized_scaling_metric_specification.as_ref().map(|one| &one.metric_data_queries);
    let load = of.customized_load_metric_specification.as_ref().map(|one| &one.metric_data_queries);
    let capacity = of.customized_capacity_metric_specification.as_ref().map(|one| &one.metric_data_queries);
    [scaling, load, capacity].into_iter().flatten()
}

fn check_queries(queries: &[api::MetricDataQuery]) -> Result<()> {
    let returning = queries.iter().filter(|one| one.return_data != Some(false)).count();
    if returning != 1 {
        return Err(errors::validation("Exactly one element of the metric data queries should return data."));
    }
    if queries.iter().any(|one| one.expression.is_some() == one.metric_stat.is_some()) {
        return Err(errors::validation("A metric data query is an expression or a metric, and not both."));
    }
    Ok(())
}

/// Load balancer and target group of `app/web/1/targetgroup/t/2`, as CloudWatch names them.
fn dimensions(label: &str) -> Option<[(&'static str, &str); 2]> {
    let at = label.find("/targetgroup/").filter(|_| label.starts_with("app/"))?;
    Some([("TargetGroup", label.get(at + 1..)?), ("LoadBalancer", label.get(..at)?)])
}

/// Where a series is from: queries by the hour, and what its values are divided by.
pub struct Source {
    pub queries: Vec<cw::MetricDataQuery>,
    pub per: f64,
}

/// What is looked at.
pub struct Sources {
    pub load: Source,
    pub scaling: Source,
    pub capacity: Source,
    /// Requests of an hour are so many a minute, whatever the capacity.
    pub ratio: Option<f64>,
}

pub fn sources(group: &str, of: &api::PredictiveScalingMetricSpecification) -> Sources {
    let own = [("AutoScalingGroupName", group)];
    let pair = of.predefined_metric_pair_specification.as_ref();
    let scaling_of = of.predefined_scaling_metric_specification.as_ref();
    let load_of = of.predefined_load_metric_specification.as_ref();
    let kind = pair.map(|one| (one.predefined_metric_type.as_str(), one.resource_label.as_deref()));
    let scaling_kind =
        scaling_of.map(|one| (one.predefined_metric_type.as_str(), one.resource_label.as_deref()));
    let load_kind = load_of.map(|one| (one.predefined_metric_type.as_str(), one.resource_label.as_deref()));
    let scaling = match (kind.or(scaling_kind), &of.customized_scaling_metric_specification) {
        (Some((kind, label)), _) => match label.and_then(dimensions) {
            Some([target_group, _]) => Source {
                per: MINUTES,
                ..metric("AWS/ApplicationELB", "RequestCountPerTarget", "Sum", &[target_group])
            },
            None => metric("AWS/EC2", metric_of(kind), "Average", &own),
        },
        (None, Some(custom)) => Source { queries: queries(&custom.metric_data_queries), per: 1.0 },
        (None, None) => Source { queries: Vec::new(), per: 1.0 },
    };
    let load = match (kind.or(load_kind), &of.customized_load_metric_specification) {
        (Some((kind, label)), _) => match label.and_then(dimensions) {
            Some(both) => metric("AWS/ApplicationELB", "RequestCount", "Sum", &both),
            None => metric("AWS/EC2", metric_of(kind), "Sum", &own),
        },
        (None, Some(custom)) => Source { queries: queries(&custom.metric_data_queries), per: 1.0 },
        (None, None) => Source { queries: Vec::new(), per: 1.0 },
    };
    let capacity = match &of.customized_capacity_metric_specification {
        Some(custom) => Source { queries: queries(&custom.metric_data_queries), per: 1.0 },
        None => metric("AWS/AutoScaling", "GroupInServiceInstances", "Average", &own),
    };
    let is_requests =
        |kind: Option<(&str, Option<&str>)>| kind.is_some_and(|(kind, _)| kind.starts_with("ALB"));
    let both = is_requests(kind) || (is_requests(scaling_kind) && is_requests(load_kind));
    Sources { load, scaling, capacity, ratio: both.then_some(1.0 / MINUTES) }
}

fn metric_of(kind: &str) -> &'static str {
    match kind {
        _ if kind.ends_with("NetworkIn") => "NetworkIn",
        _ if kind.ends_with("NetworkOut") => "NetworkOut",
        _ => "CPUUtilization",
    }
}

fn metric(namespace: &str, name: &str, stat: &str, dimensions: &[(&str, &str)]) -> Source {
    let dimension =
        |(name, value): &(&str, &str)| cw::Dimension { name: (*name).to_owned(), value: (*value).to_owned() };
    let metric = cw::Metric {
        namespace: Some(namespace.to_owned()),
        metric_name: Some(name.to_owned()),
        dimensions: Some(dimensions.iter().map(dimension).collect()),
    };
    let stat = cw::MetricStat { metric, period: HOUR_S, stat: stat.to_owned(), unit: None };
    let query = cw::MetricDataQuery { id: "m".to_owned(), metric_stat: Some(stat), ..Default::default() };
    Source { queries: vec![query], per: 1.0 }
}

/// As CloudWatch takes them, by the hour.
fn queries(of: &[api::MetricDataQuery]) -> Vec<cw::MetricDataQuery> {
    let query = |one: &api::MetricDataQuery| {
        let mut query: cw::MetricDataQuery = alike(one);
        match query.metric_stat.as_mut() {
            Some(stat) => stat.period = HOUR_S,
            None => query.period = Some(HOUR_S),
        }
        query
    };
    of.iter().map(query).collect()
}

pub fn scales(asked: &api::PredictiveScalingConfiguration) -> bool {
    asked.mode.as_deref() == Some("ForecastAndScale")
}

fn buffer_s(asked: &api::PredictiveScalingConfiguration) -> i32 {
    asked.scheduling_buffer_time.unwrap_or(BUFFER_S)
}

/// How long before an hour its capacity is wanted.
pub fn buffer_ms(asked: &api::PredictiveScalingConfiguration) -> Millis {
    Millis::from(buffer_s(asked)) * 1_000
}

/// With what AWS shows of what was not given.
pub fn complete(asked: &mut api::PredictiveScalingConfiguration) {
    asked.mode.get_or_insert_with(|| "ForecastOnly".to_owned());
    asked.max_capacity_breach_behavior.get_or_insert_with(|| "HonorMaxCapacity".to_owned());
    asked.scheduling_buffer_time.get_or_insert(BUFFER_S);
}

/// Instances for a load, by what a unit of it means for one.
pub fn capacity(load: f64, ratio: f64, target: f64) -> i32 {
    // A hair above a whole number is that number.
    let exact = (load * ratio / target - 1e-9).ceil().clamp(0.0, f64::from(SIZE_MAX));
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what a group may have")]
    let whole = exact as i32;
    whole
}

/// The most that a group may have where a forecast may go beyond its maximum.
pub fn ceiling(asked: &api::PredictiveScalingConfiguration, forecast: i32, max: i32) -> i32 {
    if asked.max_capacity_breach_behavior.as_deref() != Some(INCREASE) {
        return max;
    }
    let percent = i64::from(100 + asked.max_capacity_buffer.unwrap_or_default());
    let buffered = (i64::from(forecast) * percent + 99) / 100;
    i32::try_from(buffered).unwrap_or(SIZE_MAX).min(SIZE_MAX).max(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(kind: &str, label: Option<&str>) -> api::PredictiveScalingConfiguration {
        let pair = api::PredictiveScalingPredefinedMetricPair {
            predefined_metric_type: kind.to_owned(),
            resource_label: label.map(str::to_owned),
        };
        api::PredictiveScalingConfiguration {
            metric_specifications: vec![api::PredictiveScalingMetricSpecification {
                target_value: 40.0,
                predefined_metric_pair_specification: Some(pair),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn pairs_stand_for_two_metrics() {
        let label = Some("app/web/1/targetgroup/t/2");
        assert!(check(&pair("ASGCPUUtilization", None)).is_ok());
        assert!(check(&pair("ALBRequestCount", label)).is_ok());
        assert!(check(&pair("ALBRequestCount", None)).is_err());
        assert!(check(&pair("ASGNetworkIn", label)).is_err());
        let of = pair("ALBRequestCount", label);
        let sources = sources("g", &of.metric_specifications[0]);
        assert_eq!(sources.ratio, Some(1.0 / 60.0));
        let stat = sources.load.queries[0].metric_stat.as_ref().unwrap();
        assert_eq!((&*stat.stat, stat.period), ("Sum", 3_600));
        let dimensions = stat.metric.dimensions.as_ref().unwrap();
        assert_eq!((&*dimensions[0].value, &*dimensions[1].value), ("targetgroup/t/2", "app/web/1"));
    }

    #[test]
    fn a_maximum_gives_way_only_where_it_is_said() {
        let mut of = pair("ASGCPUUtilization", None);
        assert_eq!(ceiling(&of, 50, 40), 40);
        of.max_capacity_breach_behavior = Some(INCREASE.to_owned());
        assert!(check(&of).is_err(), "it has no buffer");
        of.max_capacity_buffer = Some(10);
        assert!(check(&of).is_ok());
        assert_eq!((ceiling(&of, 50, 40), ceiling(&of, 30, 40)), (55, 40));
    }

    #[test]
    fn capacity_is_rounded_up() {
        assert_eq!(capacity(7_200.0, 1.0 / 60.0, 40.0), 3);
        assert_eq!(capacity(7_201.0, 1.0 / 60.0, 40.0), 4);
        assert_eq!(capacity(0.0, 1.0, 40.0), 0);
    }
}
