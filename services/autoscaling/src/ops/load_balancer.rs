//! Classic load balancers that a group's instances are registered with.

use api_autoscaling as api;
use kernel::{Ctx, Result};

use super::target_group::{attach, detach, states};
use crate::errors;
use crate::rules::page;
use crate::state::group::is_classic;

/// Names, and not ARNs.
fn check_names(names: &[String]) -> Result<()> {
    match names.iter().find(|name| name.contains(':')) {
        Some(other) => Err(errors::validation(format!("'{other}' is not the name of a load balancer."))),
        None => Ok(()),
    }
}

pub async fn attach_load_balancers(
    ctx: &Ctx,
    input: api::AttachLoadBalancersType,
) -> Result<api::AttachLoadBalancersResultType> {
    let names = input.load_balancer_names;
    check_names(&names)?;
    attach(ctx, &input.auto_scaling_group_name, &names, |group| {
        let known = group.sources();
        let new: Vec<String> = names.iter().filter(|name| !known.contains(name)).cloned().collect();
        group.asked.0.load_balancer_names.get_or_insert_with(Vec::new).extend(new);
    })
    .await?;
    Ok(api::AttachLoadBalancersResultType::default())
}

pub async fn detach_load_balancers(
    ctx: &Ctx,
    input: api::DetachLoadBalancersType,
) -> Result<api::DetachLoadBalancersResultType> {
    check_names(&input.load_balancer_names)?;
    detach(ctx, &input.auto_scaling_group_name, &input.load_balancer_names).await?;
    Ok(api::DetachLoadBalancersResultType::default())
}

pub async fn describe_load_balancers(
    ctx: &Ctx,
    input: api::DescribeLoadBalancersRequest,
) -> Result<api::DescribeLoadBalancersResponse> {
    let mut all = states(ctx, &input.auto_scaling_group_name).await?;
    all.retain(|(source, _)| is_classic(source));
    let (page, next_token) =
        page::cut(ctx, "DescribeLoadBalancers", all, (input.next_token, input.max_records))?;
    let view = |(name, state)| api::LoadBalancerState { load_balancer_name: Some(name), state: Some(state) };
    let load_balancers = Some(page.into_iter().map(view).collect());
    Ok(api::DescribeLoadBalancersResponse { load_balancers, next_token })
}
