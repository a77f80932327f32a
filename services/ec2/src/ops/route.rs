//! Operations on routes. A change is in force when it is answered.

use api_ec2 as api;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use kernel::{Ctx, Result, Scope, Tx};

use super::instance::{check_id, get};
use super::page::{check_dry_run, parse};
use crate::controllers::network;
use crate::errors;
use crate::rules::route_table as rules;
use crate::state::id::{
    EgressOnlyInternetGatewayId, InterfaceId, InternetGatewayId, NatGatewayId, PeeringId, RouteTableId, VpcId,
};
use crate::state::peering::Status;
use crate::state::route_table::{Route, RouteTable, Target};
use crate::state::{
    egress_only_internet_gateway, internet_gateway, nat_gateway, network_interface, peering, route_table, vpc,
};

/// What a request names as the target.
struct Wanted {
    local: bool,
    gateway: Option<String>,
    egress_only_gateway: Option<String>,
    nat_gateway: Option<String>,
    peering: Option<String>,
    interface: Option<String>,
    instance: Option<String>,
}

/// The one range a request names, of either family.
fn destination(four: Option<String>, six: Option<String>) -> Result<IpNet> {
    match (four, six) {
        (Some(_), Some(_)) => Err(errors::route_destinations()),
        (Some(text), None) => {
            let cidr = text.parse::<Ipv4Net>();
            cidr.map(|it| it.trunc().into()).map_err(|_| errors::cidr_invalid(&text, "destinationCidrBlock"))
        }
        (None, Some(text)) => {
            let cidr = text.parse::<Ipv6Net>();
            let invalid = |_| errors::cidr_invalid(&text, "destinationIpv6CidrBlock");
            cidr.map(|it| it.trunc().into()).map_err(invalid)
        }
        (None, None) => Err(errors::missing("destinationCidrBlock")),
    }
}

/// The target an input asks for.
macro_rules! wanted {
    ($input:expr, $local:expr) => {
        Wanted {
            local: $local,
            gateway: $input.gateway_id,
            egress_only_gateway: $input.egress_only_internet_gateway_id,
            nat_gateway: $input.nat_gateway_id,
            peering: $input.vpc_peering_connection_id,
            interface: $input.network_interface_id,
            instance: $input.instance_id,
        }
    };
}

pub async fn create_route(ctx: &Ctx, input: api::CreateRouteRequest) -> Result<api::CreateRouteResult> {
    let id: RouteTableId = parse(&input.route_table_id, errors::route_table_not_found)?;
    let to = destination(input.destination_cidr_block, input.destination_ipv6_cidr_block)?;
    let wanted = wanted!(input, false);
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    change(ctx, &id, |tx, table| {
        let route = Route { destination: to, target: target(tx, scope, table, &wanted)? };
        check_family(&route)?;
        check_outside(tx, scope, table, &route)?;
        match table.routes.iter().find(|known| known.destination == to) {
            // A repeated request finds what it made.
            Some(known) if *known == route => Ok(()),
            Some(_) => Err(errors::route_exists(to)),
            None if table.routes.len() >= rules::ROUTES_MAX => Err(errors::route_limit()),
            None => {
                table.routes.push(route);
                Ok(())
            }
        }
    })
    .await?;
    Ok(api::CreateRouteResult { r#return: Some(true) })
}

pub async fn replace_route(ctx: &Ctx, input: api::ReplaceRouteRequest) -> Result<()> {
    let id: RouteTableId = parse(&input.route_table_id, errors::route_table_not_found)?;
    let to = destination(input.destination_cidr_block, input.destination_ipv6_cidr_block)?;
    let wanted = wanted!(input, input.local_target == Some(true));
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    change(ctx, &id, |tx, table| {
        let target = target(tx, scope, table, &wanted)?;
        let route = table.routes.iter_mut().find(|known| known.destination == to);
        let route = route.ok_or_else(|| errors::route_to_replace_missing(to))?;
        if (route.target == Target::Local) != (target == Target::Local) {
            return Err(errors::unsupported(
                "Another target for a local route, or the local one for another route,",
            ));
        }
        route.target = target;
        check_family(route)
    })
    .await
}

pub async fn delete_route(ctx: &Ctx, input: api::DeleteRouteRequest) -> Result<()> {
    let id: RouteTableId = parse(&input.route_table_id, errors::route_table_not_found)?;
    let to = destination(input.destination_cidr_block, input.destination_ipv6_cidr_block)?;
    check_dry_run(input.dry_run)?;
    change(ctx, &id, |_, table| {
        match table.routes.iter().find(|route| route.destination == to) {
            None => return Err(errors::route_not_found(&id, to)),
            Some(route) if route.target == Target::Local => return Err(errors::route_local(to)),
            Some(_) => {}
        }
        table.routes.retain(|route| route.destination != to);
        Ok(())
    })
    .await
}

async fn change(
    ctx: &Ctx,
    id: &RouteTableId,
    change: impl Fn(&mut Tx<'_, '_>, &mut RouteTable) -> Result<()> + Send + Sync,
) -> Result<()> {
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut table = route_table::get(tx, scope, id)?;
        change(tx, &mut table)?;
        route_table::put(tx, scope, &table)?;
        Ok(table.vpc)
    });
    let vpc = write.await?;
    network::ensure_vpc(ctx, &vpc).await
}

/// # Errors
/// When the destination is AWS's own, or all in the VPC: its packets never leave the local route here.
fn check_outside(tx: &mut Tx<'_, '_>, scope: &Scope, table: &RouteTable, route: &Route) -> Result<()> {
    let to = route.destination;
    if rules::RESERVED.iter().any(|range| range.contains(&to)) {
        return Err(errors::route_reserved(to));
    }
    let vpc = vpc::get(tx, scope, &table.vpc)?;
    match (vpc.all_cidrs().any(|range| range.contains(&to)), &route.target) {
        (false, _) => Ok(()),
        (true, Target::Interface(_)) => {
            Err(errors::unsupported("A route of its own for a part of the VPC's addresses"))
        }
        (true, _) => Err(errors::route_inside(to)),
    }
}

/// # Errors
/// When the target carries only the other family.
fn check_family(route: &Route) -> Result<()> {
    match (&route.target, route.destination) {
        (Target::EgressOnlyInternetGateway(_), IpNet::V4(_)) | (Target::NatGateway(_), IpNet::V6(_)) => {
            Err(errors::route_family(route.destination))
        }
        _ => Ok(()),
    }
}

/// The one target a request names, which must be there and of the table's VPC.
fn target(tx: &mut Tx<'_, '_>, scope: &Scope, table: &RouteTable, wanted: &Wanted) -> Result<Target> {
    let named = [
        &wanted.gateway,
        &wanted.egress_only_gateway,
        &wanted.nat_gateway,
        &wanted.peering,
        &wanted.interface,
        &wanted.instance,
    ];
    if named.into_iter().flatten().count() + usize::from(wanted.local) != 1 {
        return Err(errors::route_target_missing());
    }
    let of_vpc = |is: Option<&VpcId>, what: &str| {
        if is == Some(&table.vpc) { Ok(()) } else { Err(errors::gateway_of_other_network(&table.id, what)) }
    };
    if let Some(text) = &wanted.gateway {
        if text == "local" {
            return Ok(Target::Local);
        }
        let id: InternetGatewayId = parse(text, errors::route_gateway_not_found)?;
        of_vpc(internet_gateway::get(tx, scope, &id)?.vpc.as_ref(), text)?;
        return Ok(Target::InternetGateway(id));
    }
    if let Some(text) = &wanted.egress_only_gateway {
        let id: EgressOnlyInternetGatewayId = parse(text, errors::egress_only_gateway_not_found)?;
        of_vpc(Some(&egress_only_internet_gateway::get(tx, scope, &id)?.vpc), text)?;
        return Ok(Target::EgressOnlyInternetGateway(id));
    }
    if let Some(text) = &wanted.nat_gateway {
        let id: NatGatewayId = parse(text, errors::route_nat_gateway_not_found)?;
        let gateway = nat_gateway::find(tx, scope, &id)?.filter(|gateway| gateway.deleted_at.is_none());
        let gateway = gateway.ok_or_else(|| errors::route_nat_gateway_not_found(&id))?;
        of_vpc(Some(&gateway.vpc), text)?;
        return Ok(Target::NatGateway(id));
    }
    if let Some(text) = &wanted.peering {
        let id: PeeringId = parse(text, errors::peering_not_found)?;
        let peering = peering::get(tx, scope, &id)?;
        if matches!(peering.status, Status::Deleted | Status::Rejected | Status::Failed) {
            return Err(errors::peering_not_found(&id));
        }
        of_vpc(peering.other(&table.vpc).map(|_| &table.vpc), text)?;
        return Ok(Target::Peering(id));
    }
    if let Some(text) = &wanted.interface {
        let id: InterfaceId = parse(text, errors::interface_not_found)?;
        of_vpc(Some(&network_interface::get(tx, scope, &id)?.vpc), text)?;
        return Ok(Target::Interface(id));
    }
    if let Some(text) = &wanted.instance {
        let instance = get(tx, scope, &check_id(text)?)?;
        of_vpc(Some(&instance.vpc), text)?;
        return Ok(Target::Interface(instance.interface));
    }
    Ok(Target::Local)
}
