//! Target tracking: what may be tracked, and the alarms that watch it.

use api_application_autoscaling as api;
use api_cloudwatch as cw;
use kernel::Result;
use scaling::{Way, alarm};

use super::dimension::{By, Dimension, Predefined, id_of};
use super::policy::check_cooldown;
use crate::errors;

const NAME_CHARS_MAX: usize = 255;
const VALUE_CHARS_MAX: usize = 1_024;
const DIMENSIONS_MAX: usize = 30;

/// # Errors
/// A configuration that is not complete, or whose metric cannot be.
pub fn check(asked: &api::TargetTrackingScalingPolicyConfiguration, of: &Dimension) -> Result<()> {
    if !asked.target_value.is_finite() || asked.target_value <= 0.0 {
        return Err(errors::validation("TargetValue must be greater than 0."));
    }
    check_cooldown(asked.scale_out_cooldown)?;
    check_cooldown(asked.scale_in_cooldown)?;
    match (&asked.predefined_metric_specification, &asked.customized_metric_specification) {
        (Some(predefined), None) => check_predefined(predefined, of),
        (None, Some(custom)) => check_custom(custom),
        _ => Err(errors::validation(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified.",
        )),
    }
}

fn check_predefined(asked: &api::PredefinedMetricSpecification, of: &Dimension) -> Result<()> {
    let metric = find(asked, of).ok_or_else(|| {
        let (name, dimension) = (&asked.predefined_metric_type, of.name);
        errors::validation(format!("PredefinedMetricType {name} is not supported for {dimension}."))
    })?;
    match (metric.by, asked.resource_label.is_some()) {
        (By::TargetGroup, _) if target_group(asked).is_none() => Err(errors::validation(
            "ResourceLabel must be app/<load balancer>/<id>/targetgroup/<target group>/<id> \
             for ALBRequestCountPerTarget.",
        )),
        (By::Resource(_), true) => {
            Err(errors::validation("ResourceLabel is of ALBRequestCountPerTarget only."))
        }
        _ => Ok(()),
    }
}

fn find(asked: &api::PredefinedMetricSpecification, of: &Dimension) -> Option<&'static Predefined> {
    of.metrics.iter().find(|one| one.name == asked.predefined_metric_type)
}

fn check_custom(custom: &api::CustomizedMetricSpecification) -> Result<()> {
    if let Some(unit) = alarm::foreign_unit(custom) {
        return Err(errors::validation(format!("Invalid unit: {unit}")));
    }
    let Some(metrics) = &custom.metrics else {
        if custom.metric_name.is_none() || custom.namespace.is_none() || custom.statistic.is_none() {
            return Err(errors::validation(
                "MetricName, Namespace and Statistic must be specified for CustomizedMetricSpecification.",
            ));
        }
        return check_names(custom);
    };
    let has_one = custom.metric_name.is_some() || custom.namespace.is_some() || custom.statistic.is_some();
    if has_one || custom.dimensions.is_some() || custom.unit.is_some() {
        return Err(errors::validation(
            "Metrics cannot be specified together with MetricName, Namespace, Dimensions, Statistic or Unit.",
        ));
    }
    match metrics.iter().filter(|one| one.return_data != Some(false)).count() {
        1 => Ok(()),
        _ => Err(errors::validation("Exactly one element of the metrics list should return data.")),
    }
}

/// CloudWatch's bounds, which the model of this service does not have.
fn check_names(custom: &api::CustomizedMetricSpecification) -> Result<()> {
    let dimensions = custom.dimensions.as_deref().unwrap_or_default();
    let names = custom.namespace.iter().chain(&custom.metric_name);
    let names = names.chain(dimensions.iter().map(|one| &one.name)).map(|name| (name, NAME_CHARS_MAX));
    let mut all = names.chain(dimensions.iter().map(|one| (&one.value, VALUE_CHARS_MAX)));
    if dimensions.len() > DIMENSIONS_MAX
        || all.any(|(text, most)| !(1..=most).contains(&text.chars().count()))
    {
        return Err(errors::validation(format!(
            "A metric has at most {DIMENSIONS_MAX} dimensions; names have between 1 and {NAME_CHARS_MAX} characters, \
             values at most {VALUE_CHARS_MAX}."
        )));
    }
    Ok(())
}

/// The target group that its label names.
fn target_group(of: &api::PredefinedMetricSpecification) -> Option<&str> {
    alarm::target_group(of.resource_label.as_deref()?)
}

/// An alarm of a policy, complete but for its name and action.
pub fn alarm(
    resource: &str,
    asked: &api::TargetTrackingScalingPolicyConfiguration,
    of: &Dimension,
    way: Way,
) -> cw::PutMetricAlarmInput {
    let given = asked.predefined_metric_specification.as_ref();
    let metric = match (
        given.and_then(|given| Some((given, find(given, of)?))),
        &asked.customized_metric_specification,
    ) {
        (Some((given, metric)), _) => {
            let by = match metric.by {
                By::Resource(name) => (name, id_of(resource)),
                By::TargetGroup => ("TargetGroup", target_group(given).unwrap_or_default()),
            };
            alarm::predefined((metric.namespace, metric.metric, metric.statistic), by)
        }
        (None, Some(custom)) => alarm::customized(custom),
        (None, None) => cw::PutMetricAlarmInput::default(),
    };
    way.alarm(asked.target_value, metric)
}
