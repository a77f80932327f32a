//! Where load balancers are: subnets, zones, security groups.

use api_elb as api;
use kernel::{Ctx, Result};

use super::{change, get, network};
use crate::errors;
use crate::rules::load_balancer as rules;
use crate::state::load_balancer::{LoadBalancer, Zone};

async fn vpc_of(ctx: &Ctx, name: &str) -> Result<String> {
    let scope = *ctx.scope();
    Ok(ctx.read(|snap| get(snap, &scope, name)).await?.vpc)
}

pub async fn apply_security_groups_to_load_balancer(
    ctx: &Ctx,
    input: api::ApplySecurityGroupsToLoadBalancerInput,
) -> Result<api::ApplySecurityGroupsToLoadBalancerOutput> {
    let vpc = vpc_of(ctx, &input.load_balancer_name).await?;
    if input.security_groups.is_empty() {
        return Err(errors::configuration("At least one security group must be specified"));
    }
    rules::check_groups(&input.security_groups)?;
    let (groups, source) = network::security_groups(ctx, &vpc, input.security_groups).await?;
    change(ctx, &input.load_balancer_name, |_, one| {
        one.security_groups.clone_from(&groups);
        one.source_group.clone_from(&source);
        Ok(())
    })
    .await?;
    Ok(api::ApplySecurityGroupsToLoadBalancerOutput { security_groups: Some(groups) })
}

/// More places, each of the load balancer's VPC.
async fn enter(ctx: &Ctx, name: &str, found: Vec<(Zone, String)>) -> Result<LoadBalancer> {
    change(ctx, name, |_, one| {
        for (zone, vpc) in &found {
            if *vpc != one.vpc {
                return Err(errors::invalid_subnet(format!("{} is not of the VPC {}", zone.subnet, one.vpc)));
            }
            if !one.zones.contains(zone) {
                one.zones.push(zone.clone());
            }
        }
        one.zones.sort();
        rules::check_zones(&one.zones)
    })
    .await
}

async fn leave(ctx: &Ctx, name: &str, is_left: impl Fn(&Zone) -> bool + Send + Sync) -> Result<LoadBalancer> {
    change(ctx, name, |_, one| {
        one.zones.retain(|zone| !is_left(zone));
        if one.zones.is_empty() {
            return Err(errors::configuration("A load balancer must be attached to at least one subnet"));
        }
        Ok(())
    })
    .await
}

fn subnets(of: LoadBalancer) -> Option<Vec<String>> {
    Some(of.zones.into_iter().map(|zone| zone.subnet).collect())
}

fn zones(of: LoadBalancer) -> Option<Vec<String>> {
    Some(of.zones.into_iter().map(|zone| zone.zone).collect())
}

pub async fn attach_load_balancer_to_subnets(
    ctx: &Ctx,
    input: api::AttachLoadBalancerToSubnetsInput,
) -> Result<api::AttachLoadBalancerToSubnetsOutput> {
    vpc_of(ctx, &input.load_balancer_name).await?;
    let mut found = Vec::new();
    for id in &input.subnets {
        found.push(network::subnet(ctx, id).await?);
    }
    let one = enter(ctx, &input.load_balancer_name, found).await?;
    Ok(api::AttachLoadBalancerToSubnetsOutput { subnets: subnets(one) })
}

pub async fn detach_load_balancer_from_subnets(
    ctx: &Ctx,
    input: api::DetachLoadBalancerFromSubnetsInput,
) -> Result<api::DetachLoadBalancerFromSubnetsOutput> {
    let one = leave(ctx, &input.load_balancer_name, |zone| input.subnets.contains(&zone.subnet)).await?;
    Ok(api::DetachLoadBalancerFromSubnetsOutput { subnets: subnets(one) })
}

pub async fn enable_availability_zones_for_load_balancer(
    ctx: &Ctx,
    input: api::AddAvailabilityZonesInput,
) -> Result<api::AddAvailabilityZonesOutput> {
    let scope = *ctx.scope();
    let one = ctx.read(|snap| get(snap, &scope, &input.load_balancer_name)).await?;
    let mut found = Vec::new();
    for name in &input.availability_zones {
        if !one.zones.iter().any(|zone| zone.zone == *name) {
            found.push(network::default_subnet(ctx, name).await?);
        }
    }
    let one = enter(ctx, &input.load_balancer_name, found).await?;
    Ok(api::AddAvailabilityZonesOutput { availability_zones: zones(one) })
}

pub async fn disable_availability_zones_for_load_balancer(
    ctx: &Ctx,
    input: api::RemoveAvailabilityZonesInput,
) -> Result<api::RemoveAvailabilityZonesOutput> {
    let wanted = &input.availability_zones;
    let one = leave(ctx, &input.load_balancer_name, |zone| wanted.contains(&zone.zone)).await?;
    Ok(api::RemoveAvailabilityZonesOutput { availability_zones: zones(one) })
}
