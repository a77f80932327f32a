//! Load balancers: other subnets, other security groups.

use api_elbv2 as api;
use kernel::{Ctx, Result};

use super::load_balancer::{shown_zone, zones};
use super::{get_load_balancer, network, nudge};
use crate::errors;
use crate::rules::load_balancer as rules;
use crate::state::{load_balancer, node};

pub async fn set_security_groups(
    ctx: &Ctx,
    input: api::SetSecurityGroupsInput,
) -> Result<api::SetSecurityGroupsOutput> {
    let (scope, arn) = (*ctx.scope(), input.load_balancer_arn);
    let found = ctx.read(|snap| get_load_balancer(snap, &scope, &arn)).await?;
    rules::check_groups(&input.security_groups)?;
    if input.security_groups.is_empty() {
        return Err(errors::configuration("At least one security group must be specified"));
    }
    let groups = network::security_groups(ctx, &found.vpc, input.security_groups).await?;
    ctx.write(|tx| {
        let mut one = get_load_balancer(tx, &scope, &arn)?;
        one.security_groups.clone_from(&groups);
        load_balancer::put(tx, &scope, &one)
    })
    .await?;
    nudge(ctx, &found.id);
    Ok(api::SetSecurityGroupsOutput { security_group_ids: Some(groups), ..Default::default() })
}

pub async fn set_subnets(ctx: &Ctx, input: api::SetSubnetsInput) -> Result<api::SetSubnetsOutput> {
    rules::check_address_type(input.ip_address_type.as_deref())?;
    let (scope, arn) = (*ctx.scope(), input.load_balancer_arn);
    let found = ctx.read(|snap| get_load_balancer(snap, &scope, &arn)).await?;
    let (zones, vpc) = zones(ctx, found.kind, found.internal, input.subnets, input.subnet_mappings).await?;
    if vpc != found.vpc {
        return Err(errors::invalid_subnet("All subnets must belong to the load balancer's VPC"));
    }
    let write = ctx.write(|tx| {
        let mut one = get_load_balancer(tx, &scope, &arn)?;
        one.zones.clone_from(&zones);
        load_balancer::put(tx, &scope, &one)?;
        Ok((node::get(tx, &scope, &one.id)?, one))
    });
    let (nodes, one) = write.await?;
    nudge(ctx, &one.id);
    let shown = one.zones.iter().map(|zone| shown_zone(&one, zone, &nodes)).collect();
    Ok(api::SetSubnetsOutput {
        availability_zones: Some(shown),
        ip_address_type: Some("ipv4".to_owned()),
        ..Default::default()
    })
}

pub async fn set_ip_address_type(
    ctx: &Ctx,
    input: api::SetIpAddressTypeInput,
) -> Result<api::SetIpAddressTypeOutput> {
    let scope = *ctx.scope();
    ctx.read(|snap| get_load_balancer(snap, &scope, &input.load_balancer_arn)).await?;
    rules::check_address_type(Some(&input.ip_address_type))?;
    Ok(api::SetIpAddressTypeOutput { ip_address_type: Some(input.ip_address_type) })
}
