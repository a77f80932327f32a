//! Groups and their instances, listed.

use api_autoscaling as api;
use kept::alike;
use kernel::{Ctx, Result, Scope};
use shape::Timestamp;

use crate::errors;
use crate::rules::{mixed, page};
use crate::state::group::{self, Group};
use crate::state::instance::{self, Instance, Stage};

/// Instances that one call may name (API reference).
const IDS_MAX: usize = 50;

pub async fn describe_auto_scaling_groups(
    ctx: &Ctx,
    input: api::AutoScalingGroupNamesType,
) -> Result<api::AutoScalingGroupsType> {
    let scope = *ctx.scope();
    let names = input.auto_scaling_group_names.unwrap_or_default();
    let filters = input.filters.unwrap_or_default();
    let all = ctx.read(|snap| group::all(snap, &scope)).await?;
    let mut found = Vec::new();
    for one in all {
        let is_named =
            names.is_empty() || names.iter().any(|name| name == one.name() || *name == one.arn(&scope));
        if is_named && matches(&one, &filters)? {
            found.push(one);
        }
    }
    let (page, next_token) =
        page::cut(ctx, "DescribeAutoScalingGroups", found, (input.next_token, input.max_records))?;
    let shows = input.include_instances != Some(false);
    let auto_scaling_groups = ctx
        .read(|snap| {
            let view = |group: &Group| {
                let instances = instance::of_group(snap, &scope, group.name())?;
                Ok(view(&scope, group, &instances, shows))
            };
            page.iter().map(view).collect::<Result<Vec<_>>>()
        })
        .await?;
    Ok(api::AutoScalingGroupsType { auto_scaling_groups, next_token })
}

fn matches(group: &Group, filters: &[api::Filter]) -> Result<bool> {
    let tags = group.asked.0.tags.as_deref().unwrap_or_default();
    for filter in filters {
        let name = filter.name.as_deref().unwrap_or_default();
        let values = filter.values.as_deref().unwrap_or_default();
        let is = |text: &str| values.iter().any(|value| value == text);
        let holds = match name {
            "tag-key" => tags.iter().any(|tag| is(&tag.key)),
            "tag-value" => tags.iter().any(|tag| is(tag.value.as_deref().unwrap_or_default())),
            _ => match name.strip_prefix("tag:") {
                Some(key) => {
                    tags.iter().any(|tag| tag.key == key && is(tag.value.as_deref().unwrap_or_default()))
                }
                None => return Err(errors::validation(format!("Filter type {name} is not correct."))),
            },
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Shown in a group: from the moment EC2 has named it, not in the pool.
fn is_shown(one: &Instance) -> bool {
    one.id.is_some() && one.stage != Stage::Launching && !one.is_warm()
}

fn view(scope: &Scope, group: &Group, instances: &[Instance], shows: bool) -> api::AutoScalingGroup {
    let asked = &group.asked.0;
    let mut view: api::AutoScalingGroup = alike(asked);
    view.auto_scaling_group_arn = Some(group.arn(scope));
    view.desired_capacity = group.desired;
    view.default_cooldown = group.cooldown_s();
    view.availability_zones = group.zones();
    view.health_check_type = asked.health_check_type.clone().unwrap_or_else(|| "EC2".to_owned());
    view.health_check_grace_period = Some(asked.health_check_grace_period.unwrap_or_default());
    view.created_time = Timestamp::from_millis(group.created_at);
    let shown = instances.iter().filter(|one| shows && is_shown(one));
    view.instances = Some(shown.map(instance_view).collect());
    view.suspended_processes = Some(suspended(group));
    view.enabled_metrics = Some(metrics(group));
    view.status = group.is_deleting.then(|| "Delete in progress".to_owned());
    view.termination_policies =
        asked.termination_policies.clone().filter(|all| !all.is_empty()).or(Some(vec!["Default".to_owned()]));
    view.new_instances_protected_from_scale_in =
        Some(asked.new_instances_protected_from_scale_in.unwrap_or_default());
    if let Some(policy) = &mut view.mixed_instances_policy {
        policy.instances_distribution = Some(mixed::whole(policy.instances_distribution.take()));
    }
    view.service_linked_role_arn =
        Some(asked.service_linked_role_arn.clone().unwrap_or_else(|| linked_role(scope)));
    view.target_group_arns = Some(asked.target_group_arns.clone().unwrap_or_default());
    view.load_balancer_names = Some(asked.load_balancer_names.clone().unwrap_or_default());
    let source = |identifier: String| {
        let kind = if group::is_classic(&identifier) { "elb" } else { "elbv2" };
        api::TrafficSourceIdentifier { identifier, r#type: Some(kind.to_owned()) }
    };
    let sources = group.sources().into_iter().map(source);
    view.traffic_sources = Some(sources.collect());
    view.capacity_rebalance = asked.capacity_rebalance;
    view.predicted_capacity = group.predicted;
    if let Some(pool) = &group.warm_pool {
        view.warm_pool_configuration = Some(pool_view(group, &pool.0));
        let size = instances.iter().filter(|one| one.is_warm()).count();
        view.warm_pool_size = i32::try_from(size).ok();
    }
    view
}

pub(crate) fn pool_view(group: &Group, asked: &api::PutWarmPoolType) -> api::WarmPoolConfiguration {
    let mut view: api::WarmPoolConfiguration = alike(asked);
    view.min_size = Some(asked.min_size.unwrap_or_default());
    view.pool_state = Some(asked.pool_state.clone().unwrap_or_else(|| "Stopped".to_owned()));
    view.status = group.is_pool_deleting.then(|| "PendingDelete".to_owned());
    view
}

fn linked_role(scope: &Scope) -> String {
    let (partition, account) = (scope.partition(), scope.account);
    format!(
        "arn:{partition}:iam::{account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    )
}

fn suspended(group: &Group) -> Vec<api::SuspendedProcess> {
    let one = |(name, reason): (&String, &String)| api::SuspendedProcess {
        process_name: Some(name.clone()),
        suspension_reason: Some(reason.clone()),
    };
    group.suspended.iter().map(one).collect()
}

fn metrics(group: &Group) -> Vec<api::EnabledMetric> {
    let one = |metric: &String| api::EnabledMetric {
        metric: Some(metric.clone()),
        granularity: Some("1Minute".to_owned()),
    };
    group.metrics.iter().map(one).collect()
}

fn template_view(one: &Instance) -> Option<api::LaunchTemplateSpecification> {
    one.origin.template.clone().map(|(id, name, version)| api::LaunchTemplateSpecification {
        launch_template_id: Some(id),
        launch_template_name: Some(name),
        version: Some(version),
    })
}

pub(crate) fn instance_view(one: &Instance) -> api::Instance {
    api::Instance {
        instance_id: one.id.clone().unwrap_or_default(),
        instance_type: Some(one.instance_type.clone()),
        availability_zone: one.place.zone.clone(),
        availability_zone_id: None,
        lifecycle_state: one.state().to_owned(),
        health_status: one.health().to_owned(),
        launch_configuration_name: one.origin.configuration.clone(),
        launch_template: template_view(one),
        image_id: Some(one.image.clone()),
        protected_from_scale_in: one.protected,
        weighted_capacity: one.weight_is_given.then(|| one.weight.to_string()),
    }
}

pub async fn describe_auto_scaling_instances(
    ctx: &Ctx,
    input: api::DescribeAutoScalingInstancesType,
) -> Result<api::AutoScalingInstancesType> {
    let scope = *ctx.scope();
    let ids = input.instance_ids.unwrap_or_default();
    if ids.len() > IDS_MAX {
        return Err(errors::validation(format!("At most {IDS_MAX} instance IDs can be described at once.")));
    }
    let all = ctx.read(|snap| instance::all(snap, &scope)).await?;
    let is_wanted = |one: &Instance| ids.is_empty() || one.id.as_ref().is_some_and(|id| ids.contains(id));
    let found: Vec<Instance> = all.into_iter().filter(|one| one.id.is_some() && is_wanted(one)).collect();
    let (page, next_token) =
        page::cut(ctx, "DescribeAutoScalingInstances", found, (input.next_token, input.max_records))?;
    let view = |one: &Instance| api::AutoScalingInstanceDetails {
        auto_scaling_group_name: one.group.clone(),
        // Spelled otherwise here than in a group.
        health_status: one.health().to_ascii_uppercase(),
        ..alike(&instance_view(one))
    };
    let auto_scaling_instances = Some(page.iter().map(view).collect());
    Ok(api::AutoScalingInstancesType { auto_scaling_instances, next_token })
}
