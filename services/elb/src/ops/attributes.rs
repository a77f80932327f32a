//! Attributes of load balancers.

use api_elb as api;
use kernel::{Ctx, Result};

use super::{change, get};
use crate::controllers::access_log;
use crate::errors;
use crate::rules::attribute as rules;

pub async fn describe_load_balancer_attributes(
    ctx: &Ctx,
    input: api::DescribeLoadBalancerAttributesInput,
) -> Result<api::DescribeLoadBalancerAttributesOutput> {
    let scope = *ctx.scope();
    let one = ctx.read(|snap| get(snap, &scope, &input.load_balancer_name)).await?;
    let load_balancer_attributes = Some(rules::shown(&one.attributes));
    Ok(api::DescribeLoadBalancerAttributesOutput { load_balancer_attributes })
}

/// Answers with what the request named.
pub async fn modify_load_balancer_attributes(
    ctx: &Ctx,
    input: api::ModifyLoadBalancerAttributesInput,
) -> Result<api::ModifyLoadBalancerAttributesOutput> {
    let (scope, given) = (*ctx.scope(), input.load_balancer_attributes);
    let mut wanted = ctx.read(|snap| get(snap, &scope, &input.load_balancer_name)).await?;
    rules::set(&mut wanted.attributes, &given)?;
    if let Some(log) = wanted.attributes.log.as_ref().filter(|_| given.access_log.is_some()) {
        access_log::check(ctx, &wanted, log)
            .await
            .map_err(|refusal| errors::closed_bucket(&log.bucket).because(refusal))?;
    }
    let changed =
        change(ctx, &input.load_balancer_name, |_, one| rules::set(&mut one.attributes, &given)).await?;
    let all = rules::shown(&changed.attributes);
    let named = api::LoadBalancerAttributes {
        cross_zone_load_balancing: all
            .cross_zone_load_balancing
            .filter(|_| given.cross_zone_load_balancing.is_some()),
        access_log: all.access_log.filter(|_| given.access_log.is_some()),
        connection_draining: all.connection_draining.filter(|_| given.connection_draining.is_some()),
        connection_settings: all.connection_settings.filter(|_| given.connection_settings.is_some()),
        additional_attributes: all.additional_attributes.filter(|_| given.additional_attributes.is_some()),
    };
    Ok(api::ModifyLoadBalancerAttributesOutput {
        load_balancer_name: Some(changed.name),
        load_balancer_attributes: Some(named),
    })
}
