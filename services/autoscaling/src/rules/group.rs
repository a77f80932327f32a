//! What a group may be.

use api_autoscaling as api;
use kernel::Result;

use super::{tag, termination};
use crate::errors;
use crate::state::group::is_classic;

/// Of an account in a region (user guide, "Quotas").
pub const GROUPS_MAX: usize = 500;
/// Instances of one group here.
pub const SIZE_MAX: i32 = 1_000;

/// What can be suspended.
pub const PROCESSES: [&str; 9] = [
    "AZRebalance",
    "AddToLoadBalancer",
    "AlarmNotification",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
];

/// Shortest life that can be asked for, in seconds: a day.
const LIFETIME_S_MIN: i32 = 86_400;
const LIFETIME_S_MAX: i32 = 31_536_000;

/// Names are printable and have no colon.
///
/// # Errors
/// For any other.
pub fn check_name(name: &str, what: &str) -> Result<()> {
    let good = !name.is_empty() && name.chars().all(|c| !c.is_control() && c != ':');
    if good {
        return Ok(());
    }
    Err(errors::validation(format!("{what} '{name}' is not valid: it must be printable and have no colon.")))
}

/// # Errors
/// What no group may be.
pub fn check(asked: &api::CreateAutoScalingGroupType, desired: i32) -> Result<()> {
    check_source(asked)?;
    check_rest(asked, desired)
}

/// Everything but what it launches from.
///
/// # Errors
/// What no group may be.
pub fn check_rest(asked: &api::CreateAutoScalingGroupType, desired: i32) -> Result<()> {
    check_name(&asked.auto_scaling_group_name, "Group name")?;
    check_sizes(asked.min_size, asked.max_size, desired)?;
    termination::check(asked.termination_policies.as_deref())?;
    let tags = asked.tags.as_deref().unwrap_or_default();
    tag::check(tags)?;
    tag::check_group(tags, &asked.auto_scaling_group_name)?;
    for kind in asked.health_check_type.iter().flat_map(|kinds| kinds.split(',')) {
        match kind {
            "EC2" | "ELB" => {}
            "EBS" | "VPC_LATTICE" => {
                return Err(errors::validation(format!("Health checks of {kind} are not supported here.")));
            }
            _ => return Err(errors::validation(format!("Invalid Health Check Type: {kind}"))),
        }
    }
    let not_negative = [
        (asked.default_cooldown, "DefaultCooldown"),
        (asked.health_check_grace_period, "HealthCheckGracePeriod"),
        (asked.default_instance_warmup.filter(|seconds| *seconds != -1), "DefaultInstanceWarmup"),
    ];
    for (value, name) in not_negative {
        if value.is_some_and(|value| value < 0) {
            return Err(errors::validation(format!("{name} must not be negative.")));
        }
    }
    if let Some(life) = asked.max_instance_lifetime.filter(|life| *life != 0)
        && !(LIFETIME_S_MIN..=LIFETIME_S_MAX).contains(&life)
    {
        return Err(errors::validation(format!(
            "MaxInstanceLifetime must be 0 or between {LIFETIME_S_MIN} and {LIFETIME_S_MAX} seconds."
        )));
    }
    if let Some(policy) = &asked.instance_maintenance_policy {
        check_maintenance(policy)?;
    }
    let kind = asked.desired_capacity_type.as_deref().unwrap_or("units");
    if kind != "units" {
        return Err(errors::validation(format!("DesiredCapacityType {kind} is not supported here.")));
    }
    for source in asked.traffic_sources.iter().flatten() {
        check_traffic_source(source)?;
    }
    Ok(())
}

/// # Errors
/// Any source but target groups and classic load balancers.
pub fn check_traffic_source(source: &api::TrafficSourceIdentifier) -> Result<()> {
    let is_group = !is_classic(&source.identifier);
    let is_balancer = !is_group && !source.identifier.contains(':');
    let fits = match source.r#type.as_deref() {
        None | Some("elbv2") => is_group,
        Some("elb") => is_balancer,
        Some(_) => false,
    };
    if !fits {
        return Err(errors::validation(format!(
            "Only target groups and classic load balancers can be traffic sources here: {}",
            source.identifier
        )));
    }
    Ok(())
}

fn check_maintenance(policy: &api::InstanceMaintenancePolicy) -> Result<()> {
    let (min, max) = (policy.min_healthy_percentage, policy.max_healthy_percentage);
    match (min.filter(|n| *n >= 0), max.filter(|n| *n >= 0)) {
        (None, None) => Ok(()),
        (Some(min), Some(max)) if max >= 100 && max - min <= 100 => Ok(()),
        _ => Err(errors::validation(
            "MinHealthyPercentage and MaxHealthyPercentage must both be given, at most 100 apart.",
        )),
    }
}

/// # Errors
/// When they contradict each other.
pub fn check_sizes(min: i32, max: i32, desired: i32) -> Result<()> {
    if min < 0 || max < 0 {
        return Err(errors::validation("Min and max bounds must be 0 or more."));
    }
    if max < min {
        return Err(errors::validation("Max bound, must be greater than or equal to min bound"));
    }
    if max > SIZE_MAX {
        return Err(errors::validation(format!("Groups have at most {SIZE_MAX} instances here.")));
    }
    if desired < min || desired > max {
        return Err(errors::validation(format!(
            "Desired capacity:{desired} must be between the specified min size:{min} and max size:{max}"
        )));
    }
    Ok(())
}

/// # Errors
/// Not exactly one thing to launch from, or one that cannot be.
pub fn check_source(asked: &api::CreateAutoScalingGroupType) -> Result<()> {
    let given = [
        asked.launch_configuration_name.is_some(),
        asked.launch_template.is_some(),
        asked.mixed_instances_policy.is_some(),
    ];
    if given.iter().filter(|is_given| **is_given).count() != 1 {
        return Err(errors::validation(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, \
             InstanceId or MixedInstancesPolicy parameter.",
        ));
    }
    if let Some(spec) = &asked.launch_template {
        check_spec(spec)?;
    }
    asked.mixed_instances_policy.as_ref().map_or(Ok(()), check_mixed)
}

fn check_spec(spec: &api::LaunchTemplateSpecification) -> Result<()> {
    if spec.launch_template_id.is_some() == spec.launch_template_name.is_some() {
        return Err(errors::validation(
            "Valid requests must contain either launchTemplateId or LaunchTemplateName",
        ));
    }
    Ok(())
}

/// Of one policy (API reference, "LaunchTemplate").
const OVERRIDES_MAX: usize = 40;

/// # Errors
/// A policy without a template, with weights that are no numbers, or shares out of bounds.
pub fn check_mixed(policy: &api::MixedInstancesPolicy) -> Result<()> {
    let template = policy.launch_template.as_ref();
    let spec = template.and_then(|template| template.launch_template_specification.as_ref());
    check_spec(spec.ok_or_else(|| {
        errors::validation("A MixedInstancesPolicy must contain a LaunchTemplateSpecification.")
    })?)?;
    let overrides = template.and_then(|template| template.overrides.as_deref()).unwrap_or_default();
    if overrides.len() > OVERRIDES_MAX {
        return Err(errors::validation(format!("At most {OVERRIDES_MAX} overrides are possible.")));
    }
    let weighted = overrides.iter().filter(|one| one.weighted_capacity.is_some()).count();
    if weighted != 0 && weighted != overrides.len() {
        return Err(errors::validation("All overrides must have a WeightedCapacity, or none."));
    }
    for one in overrides {
        let weight = one.weighted_capacity.as_deref().unwrap_or("1").parse::<i32>();
        if !weight.is_ok_and(|weight| (1..=999).contains(&weight)) {
            return Err(errors::validation("WeightedCapacity must be between 1 and 999."));
        }
        if let Some(spec) = &one.launch_template_specification {
            check_spec(spec)?;
        }
        if one.instance_type.is_none() {
            return Err(errors::validation("An override must have an InstanceType."));
        }
    }
    let shares = policy.instances_distribution.clone().unwrap_or_default();
    let percent = shares.on_demand_percentage_above_base_capacity.unwrap_or(100);
    if !(0..=100).contains(&percent) || shares.on_demand_base_capacity.unwrap_or_default() < 0 {
        return Err(errors::validation(
            "OnDemandPercentageAboveBaseCapacity must be between 0 and 100, OnDemandBaseCapacity not negative.",
        ));
    }
    if !(1..=20).contains(&shares.spot_instance_pools.unwrap_or(2)) {
        return Err(errors::validation("SpotInstancePools must be between 1 and 20."));
    }
    let price = shares.spot_max_price.as_deref().filter(|price| !price.is_empty());
    if price.is_some_and(|price| !price.parse::<f64>().is_ok_and(|price| price > 0.0)) {
        return Err(errors::validation("Invalid SpotMaxPrice."));
    }
    let on_demand = shares.on_demand_allocation_strategy.as_deref().unwrap_or("prioritized");
    if !matches!(on_demand, "lowest-price" | "prioritized") {
        return Err(errors::validation(format!("Invalid OnDemandAllocationStrategy: {on_demand}")));
    }
    let spot = shares.spot_allocation_strategy.as_deref().unwrap_or("lowest-price");
    let known =
        ["lowest-price", "capacity-optimized", "capacity-optimized-prioritized", "price-capacity-optimized"];
    if !known.contains(&spot) {
        return Err(errors::validation(format!("Invalid SpotAllocationStrategy: {spot}")));
    }
    Ok(())
}
