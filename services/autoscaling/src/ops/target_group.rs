//! What sends traffic to a group's instances: target groups by ARN, and whatever are traffic sources.

use api_autoscaling as api;
use kernel::{Ctx, Result};

use super::{change, get_group, nudge_instances};
use crate::controllers::target::{self, Fares};
use crate::errors;
use crate::rules::{group as rules, page};
use crate::state::group::{Group, is_classic};
use crate::state::instance::{self, Instance};

/// Target groups of one request, and of one group (API reference; user guide, "Quotas").
const GROUPS_MAX: usize = 10;
const ATTACHED_MAX: usize = 50;

async fn nudge_all(ctx: &Ctx, name: &str) -> Result<()> {
    let scope = *ctx.scope();
    let all = ctx.read(|snap| instance::of_group(snap, &scope, name)).await?;
    nudge_instances(ctx, &all);
    Ok(())
}

pub(super) async fn attach(
    ctx: &Ctx,
    name: &str,
    arns: &[String],
    add: impl Fn(&mut Group) + Send + Sync,
) -> Result<()> {
    if arns.len() > GROUPS_MAX {
        return Err(errors::validation(format!("At most {GROUPS_MAX} of them can be specified.")));
    }
    target::check(ctx, arns).await?;
    change(ctx, name, |_, group| {
        add(group);
        if group.sources().len() > ATTACHED_MAX {
            return Err(errors::limit(format!(
                "A group can have at most {ATTACHED_MAX} sources of traffic."
            )));
        }
        Ok(())
    })
    .await?;
    nudge_all(ctx, name).await
}

pub(super) async fn detach(ctx: &Ctx, name: &str, arns: &[String]) -> Result<()> {
    change(ctx, name, |_, group| {
        let known = group.sources();
        if let Some(other) = arns.iter().find(|arn| !known.contains(arn)) {
            return Err(errors::validation(format!(
                "Trying to remove {} that are not part of the group: {other}",
                if is_classic(other) { "Load Balancers" } else { "Target Groups" }
            )));
        }
        let asked = &mut group.asked.0;
        asked.target_group_arns.get_or_insert_with(Vec::new).retain(|arn| !arns.contains(arn));
        asked.load_balancer_names.get_or_insert_with(Vec::new).retain(|name| !arns.contains(name));
        asked.traffic_sources.get_or_insert_with(Vec::new).retain(|one| !arns.contains(&one.identifier));
        Ok(())
    })
    .await?;
    nudge_all(ctx, name).await
}

pub async fn attach_load_balancer_target_groups(
    ctx: &Ctx,
    input: api::AttachLoadBalancerTargetGroupsType,
) -> Result<api::AttachLoadBalancerTargetGroupsResultType> {
    let arns = input.target_group_arns;
    attach(ctx, &input.auto_scaling_group_name, &arns, |group| {
        let new: Vec<String> = {
            let known = group.sources();
            arns.iter().filter(|arn| !known.contains(arn)).cloned().collect()
        };
        group.asked.0.target_group_arns.get_or_insert_with(Vec::new).extend(new);
    })
    .await?;
    Ok(api::AttachLoadBalancerTargetGroupsResultType::default())
}

pub async fn detach_load_balancer_target_groups(
    ctx: &Ctx,
    input: api::DetachLoadBalancerTargetGroupsType,
) -> Result<api::DetachLoadBalancerTargetGroupsResultType> {
    detach(ctx, &input.auto_scaling_group_name, &input.target_group_arns).await?;
    Ok(api::DetachLoadBalancerTargetGroupsResultType::default())
}

pub async fn attach_traffic_sources(
    ctx: &Ctx,
    input: api::AttachTrafficSourcesType,
) -> Result<api::AttachTrafficSourcesResultType> {
    input.traffic_sources.iter().try_for_each(rules::check_traffic_source)?;
    let arns: Vec<String> = input.traffic_sources.iter().map(|one| one.identifier.clone()).collect();
    attach(ctx, &input.auto_scaling_group_name, &arns, |group| {
        let known = group.sources();
        let new = input.traffic_sources.iter().filter(|one| !known.contains(&one.identifier)).cloned();
        group.asked.0.traffic_sources.get_or_insert_with(Vec::new).extend(new);
    })
    .await?;
    Ok(api::AttachTrafficSourcesResultType::default())
}

pub async fn detach_traffic_sources(
    ctx: &Ctx,
    input: api::DetachTrafficSourcesType,
) -> Result<api::DetachTrafficSourcesResultType> {
    let arns: Vec<String> = input.traffic_sources.into_iter().map(|one| one.identifier).collect();
    detach(ctx, &input.auto_scaling_group_name, &arns).await?;
    Ok(api::DetachTrafficSourcesResultType::default())
}

/// How far a group has come with a target group (API reference, LoadBalancerTargetGroupState).
async fn state(ctx: &Ctx, arn: &str, instances: &[Instance]) -> Result<String> {
    let mut serving = false;
    let mut counted = 0;
    for one in instances.iter().filter(|one| one.is_in_service()) {
        let Some(id) = one.id.as_deref() else { continue };
        if !one.registered.iter().any(|known| known == arn) {
            return Ok("Adding".to_owned());
        }
        counted += 1;
        serving |= matches!(target::fares(ctx, arn, id).await?, Fares::Healthy);
    }
    Ok(if serving {
        "InService"
    } else if counted > 0 {
        "Added"
    } else {
        "Adding"
    }
    .to_owned())
}

pub(super) async fn states(ctx: &Ctx, name: &str) -> Result<Vec<(String, String)>> {
    let scope = *ctx.scope();
    let read = ctx.read(|snap| Ok((get_group(snap, &scope, name)?, instance::of_group(snap, &scope, name)?)));
    let (group, instances) = read.await?;
    let wanted = group.sources();
    let mut found = Vec::new();
    for arn in &wanted {
        found.push((arn.clone(), state(ctx, arn, &instances).await?));
    }
    let leaving: std::collections::BTreeSet<&String> =
        instances.iter().filter(|one| one.is_in_service()).flat_map(|one| &one.registered).collect();
    let leaving = leaving.into_iter().filter(|arn| !wanted.contains(arn));
    found.extend(leaving.map(|arn| (arn.clone(), "Removing".to_owned())));
    Ok(found)
}

pub async fn describe_load_balancer_target_groups(
    ctx: &Ctx,
    input: api::DescribeLoadBalancerTargetGroupsRequest,
) -> Result<api::DescribeLoadBalancerTargetGroupsResponse> {
    let mut all = states(ctx, &input.auto_scaling_group_name).await?;
    all.retain(|(source, _)| !is_classic(source));
    let page = (input.next_token, input.max_records);
    let (page, next_token) = page::cut(ctx, "DescribeLoadBalancerTargetGroups", all, page)?;
    let view = |(arn, state)| api::LoadBalancerTargetGroupState {
        load_balancer_target_group_arn: Some(arn),
        state: Some(state),
    };
    let load_balancer_target_groups = Some(page.into_iter().map(view).collect());
    Ok(api::DescribeLoadBalancerTargetGroupsResponse { load_balancer_target_groups, next_token })
}

pub async fn describe_traffic_sources(
    ctx: &Ctx,
    input: api::DescribeTrafficSourcesRequest,
) -> Result<api::DescribeTrafficSourcesResponse> {
    let mut all = states(ctx, &input.auto_scaling_group_name).await?;
    let kind = |source: &str| if is_classic(source) { "elb" } else { "elbv2" };
    if let Some(wanted) = input.traffic_source_type.as_deref() {
        all.retain(|(source, _)| kind(source) == wanted);
    }
    let page = (input.next_token, input.max_records);
    let (page, next_token) = page::cut(ctx, "DescribeTrafficSources", all, page)?;
    let view = |(arn, state): (String, String)| api::TrafficSourceState {
        r#type: Some(kind(&arn).to_owned()),
        traffic_source: Some(arn.clone()),
        identifier: Some(arn),
        state: Some(state),
    };
    let traffic_sources = Some(page.into_iter().map(view).collect());
    Ok(api::DescribeTrafficSourcesResponse { traffic_sources, next_token })
}
