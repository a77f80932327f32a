//! Target tracking: the alarms it makes, and the capacity that brings a metric to its target.

use api_autoscaling as api;
use api_cloudwatch as cw;
use kernel::Result;
use scaling::{Way, alarm};

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
    if let Some(unit) = alarm::foreign_unit(custom) {
        return Err(errors::validation(format!("Invalid unit: {unit}")));
    }
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

/// The target group that its label names.
pub fn target_group(of: &api::PredefinedMetricSpecification) -> Option<&str> {
    alarm::target_group(of.resource_label.as_deref()?)
}

/// An alarm of a policy, complete but for its name and action.
pub fn alarm(group: &str, asked: &api::TargetTrackingConfiguration, way: Way) -> cw::PutMetricAlarmInput {
    let metric = match (&asked.predefined_metric_specification, &asked.customized_metric_specification) {
        (Some(of), _) => predefined(group, of),
        (None, Some(custom)) => alarm::customized(custom),
        (None, None) => cw::PutMetricAlarmInput::default(),
    };
    way.alarm(asked.target_value, metric)
}

fn predefined(group: &str, of: &api::PredefinedMetricSpecification) -> cw::PutMetricAlarmInput {
    let by_group = ("AutoScalingGroupName", group);
    let (metric, by) = match &*of.predefined_metric_type {
        "ASGAverageCPUUtilization" => (("AWS/EC2", "CPUUtilization", "Average"), by_group),
        "ASGAverageNetworkIn" => (("AWS/EC2", "NetworkIn", "Average"), by_group),
        "ASGAverageNetworkOut" => (("AWS/EC2", "NetworkOut", "Average"), by_group),
        _ => (
            ("AWS/ApplicationELB", "RequestCountPerTarget", "Sum"),
            ("TargetGroup", target_group(of).unwrap_or_default()),
        ),
    };
    alarm::predefined(metric, by)
}
