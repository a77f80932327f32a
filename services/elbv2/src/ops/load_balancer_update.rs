//! Load balancers: other subnets, other security groups, other types of addresses.

use api_elbv2 as api;
use kernel::{Ctx, Result, Scope, Tx};

use super::load_balancer::{shown_zone, zones};
use super::{get_load_balancer, network, nudge};
use crate::errors;
use crate::rules::load_balancer as rules;
use crate::state::load_balancer::{Kind, LoadBalancer};
use crate::state::usage::Usage;
use crate::state::{listener, load_balancer, node, target_group};

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
    if found.kind == Kind::Network && found.security_groups.is_empty() {
        return Err(errors::configuration(
            "A Network Load Balancer that was made without security groups cannot have any later",
        ));
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
    let (scope, arn) = (*ctx.scope(), input.load_balancer_arn);
    let found = ctx.read(|snap| get_load_balancer(snap, &scope, &arn)).await?;
    let before = (found.kind, found.internal, &*found.zones);
    let subnets = zones(ctx, before, input.subnets, input.subnet_mappings).await?;
    if subnets.vpc != found.vpc {
        return Err(errors::invalid_subnet("All subnets must belong to the load balancer's VPC"));
    }
    let wish = input.ip_address_type;
    let (nodes, one) = ctx
        .write(|tx| {
            let mut one = get_load_balancer(tx, &scope, &arn)?;
            one.zones.clone_from(&subnets.zones);
            set_type(tx, &scope, &mut one, wish.as_deref(), subnets.have_six)?;
            load_balancer::put(tx, &scope, &one)?;
            Ok((node::get(tx, &scope, &one.id)?, one))
        })
        .await?;
    nudge(ctx, &one.id);
    let shown = one.zones.iter().map(|zone| shown_zone(&one, zone, &nodes)).collect();
    Ok(api::SetSubnetsOutput {
        availability_zones: Some(shown),
        ip_address_type: Some(one.address_type.word().to_owned()),
        ..Default::default()
    })
}

pub async fn set_ip_address_type(
    ctx: &Ctx,
    input: api::SetIpAddressTypeInput,
) -> Result<api::SetIpAddressTypeOutput> {
    let (scope, arn) = (*ctx.scope(), input.load_balancer_arn);
    let found = ctx.read(|snap| get_load_balancer(snap, &scope, &arn)).await?;
    let mut have_six = true;
    for zone in &found.zones {
        have_six &= network::subnet(ctx, &zone.subnet).await?.has_six;
    }
    let wish = Some(&*input.ip_address_type);
    let one = ctx
        .write(|tx| {
            let mut one = get_load_balancer(tx, &scope, &arn)?;
            if one.zones != found.zones {
                return Err(errors::configuration("The load balancer's subnets have just been changed"));
            }
            set_type(tx, &scope, &mut one, wish, have_six)?;
            load_balancer::put(tx, &scope, &one)?;
            Ok(one)
        })
        .await?;
    nudge(ctx, &one.id);
    Ok(api::SetIpAddressTypeOutput { ip_address_type: Some(one.address_type.word().to_owned()) })
}

/// Gives it the type of addresses that is wished for, or checks that its own is still fit.
fn set_type(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    one: &mut LoadBalancer,
    wish: Option<&str>,
    have_six: bool,
) -> Result<()> {
    if wish.is_some() {
        one.address_type = rules::check_address_type(wish, one.kind, one.internal)?;
    }
    let listeners = listener::all(tx, scope, &one.id)?;
    rules::check_six(one.address_type, have_six, listeners.iter().map(|listener| &*listener.protocol))?;
    if one.address_type.has_six() {
        return Ok(());
    }
    let usage = Usage::read(tx, scope)?;
    for group in target_group::all(tx, scope)? {
        if group.address_type.has_six() && usage.of(&group.id).any(|user| user == one.id) {
            let arn = group.arn(scope);
            return Err(errors::configuration(format!("Its target group '{arn}' has IPv6 addresses")));
        }
    }
    Ok(())
}
