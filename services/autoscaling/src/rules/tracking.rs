//! Target tracking: the alarms it makes, and the capacity that brings a metric to its target.

use api_autoscaling as api;
use api_cloudwatch as cw;
use kept::alike;
use kernel::Result;
use scaling::{PERIOD_S, Way};

use crate::errors;

/// What a period may be, in seconds.
const PERIODS_S: [i32; 4] = [10, 20, 30, 60];

/// # Errors
/// A configuration that is not complete, or whose metric cannot be.
pub fn check(asked: &api::TargetTrackingConfiguration) -> Result<()> {
    if !asked.target_value.is_finite() || asked.target_value <= 0.0 {
        return Err(errors::validation("TargetValue must be greater than 0."));
    }
    match (&asked.predefined_metric_specification, &asked.customized_metric_specification) {
        (Some(predefined), None) => {
            let is_requests = predefined.predefined_metric_type == "ALBRequestCountPerTarget";
            if is_requests && target_group(predefined).is_none() {
                return Err(errors::validation(
                    "ResourceLabel must be app/<load balancer>/<id>/targetgroup/<target group>/<id> \
                     for ALBRequestCountPerTarget.",
                ));
            }
            if !is_requests && predefined.resource_label.is_some() {
                return Err(errors::validation("ResourceLabel is of ALBRequestCountPerTarget only."));
            }
            Ok(())
        }
        (None, Some(custom)) => check_custom(custom),
        _ => Err(errors::validation(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given.",
        )),
    }
}

fn check_custom(custom: &api::CustomizedMetricSpecification) -> Result<()> {
    let mut periods = vec![custom.period];
    match &custom.metrics {
        Some(metrics) => {
            if custom.metric_name.is_some() || custom.namespace.is_some() || custom.statistic.is_some() {
                return Err(errors::validation(
                    "Metrics cannot be given together with MetricName, Namespace or Statistic.",
                ));
            }
            if metrics.iter().filter(|one| one.return_data != Some(false)).count() != 1 {
                return Err(errors::validation(
                    "Exactly one element of the metrics list should return data.",
                ));
            }
            for one in metrics {
                periods.push(one.period);
                periods.push(one.metric_stat.as_ref().and_then(|stat| stat.period));
            }
        }
        None => {
            if custom.metric_name.is_none() || custom.namespace.is_none() || custom.statistic.is_none() {
                return Err(errors::validation(
                    "MetricName, Namespace and Statistic are required for CustomizedMetricSpecification.",
                ));
            }
        }
    }
    match periods.into_iter().flatten().find(|period| !PERIODS_S.contains(period)) {
        Some(other) => Err(errors::validation(format!("Invalid period: {other}"))),
        None => Ok(()),
    }
}

/// `targetgroup/<name>/<id>`, as CloudWatch names it.
pub fn target_group(of: &api::PredefinedMetricSpecification) -> Option<&str> {
    let label = of.resource_label.as_deref()?;
    let at = label.find("targetgroup/")?;
    label.starts_with("app/").then(|| label.get(at..)).flatten()
}

/// An alarm of a policy, complete but for its name and action.
pub fn alarm(group: &str, asked: &api::TargetTrackingConfiguration, way: Way) -> cw::PutMetricAlarmInput {
    let trigger = way.trigger(asked.target_value);
    let mut alarm = cw::PutMetricAlarmInput {
        threshold: Some(trigger.threshold),
        comparison_operator: Some(trigger.comparison.to_owned()),
        evaluation_periods: Some(trigger.periods),
        ..Default::default()
    };
    if let Some(predefined) = &asked.predefined_metric_specification {
        let (namespace, name, statistic, dimension) = match &*predefined.predefined_metric_type {
            "ASGAverageCPUUtilization" => ("AWS/EC2", "CPUUtilization", "Average", None),
            "ASGAverageNetworkIn" => ("AWS/EC2", "NetworkIn", "Average", None),
            "ASGAverageNetworkOut" => ("AWS/EC2", "NetworkOut", "Average", None),
            _ => ("AWS/ApplicationELB", "RequestCountPerTarget", "Sum", target_group(predefined)),
        };
        let (key, value) = dimension.map_or(("AutoScalingGroupName", group), |value| ("TargetGroup", value));
        alarm.namespace = Some(namespace.to_owned());
        alarm.metric_name = Some(name.to_owned());
        alarm.statistic = Some(statistic.to_owned());
        alarm.period = Some(PERIOD_S);
        alarm.dimensions = Some(vec![cw::Dimension { name: key.to_owned(), value: value.to_owned() }]);
    } else if let Some(custom) = &asked.customized_metric_specification {
        match &custom.metrics {
            Some(metrics) => alarm.metrics = Some(metrics.iter().map(query).collect()),
            None => {
                alarm.namespace.clone_from(&custom.namespace);
                alarm.metric_name.clone_from(&custom.metric_name);
                alarm.statistic.clone_from(&custom.statistic);
                alarm.unit.clone_from(&custom.unit);
                alarm.period = Some(custom.period.unwrap_or(PERIOD_S));
                let dimensions = custom.dimensions.as_deref().unwrap_or_default();
                alarm.dimensions = Some(dimensions.iter().map(|one| alike(one)).collect());
            }
        }
    }
    alarm
}

fn query(one: &api::TargetTrackingMetricDataQuery) -> cw::MetricDataQuery {
    let mut query: cw::MetricDataQuery = alike(one);
    if let Some(stat) = query.metric_stat.as_mut().filter(|stat| stat.period == 0) {
        stat.period = one.period.unwrap_or(PERIOD_S);
    }
    query.period = query.period.filter(|_| query.expression.is_some());
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_the_target_group() {
        let of = |label: &str| api::PredefinedMetricSpecification {
            predefined_metric_type: "ALBRequestCountPerTarget".to_owned(),
            resource_label: Some(label.to_owned()),
        };
        assert_eq!(target_group(&of("app/web/1/targetgroup/t/2")), Some("targetgroup/t/2"));
        assert_eq!(target_group(&of("net/web/1/targetgroup/t/2")), None);
        assert_eq!(target_group(&of("app/web/1")), None);
    }
}
