//! Operations on route tables.

use std::collections::BTreeMap;

use api_ec2 as api;
use ipnet::IpNet;
use kernel::tx::Reader;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, Once, check_dry_run, parse};
use super::vpc::ensure_default;
use crate::controllers::network;
use crate::errors;
use crate::rules::route_table as rules;
use crate::rules::tag::{of_one, shown};
use crate::state::id::{Id, InstanceId, RouteTableAssociationId, RouteTableId, SubnetId, VpcId};
use crate::state::route_table::{Association, Route, RouteTable, Target};
use crate::state::tag::Tags;
use crate::state::vpc_endpoint::VpcEndpoint;
use crate::state::{network_interface, reach, route_table, subnet, tag, vpc, vpc_endpoint};

pub async fn describe_route_tables(
    ctx: &Ctx,
    input: api::DescribeRouteTablesRequest,
) -> Result<api::DescribeRouteTablesResult> {
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeRouteTables", input.route_table_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        let mut tables = Vec::new();
        for table in route_table::all(snap, scope)? {
            let dead = dead(snap, scope, &table)?;
            let endpoints = vpc_endpoint::of_table(snap, scope, &table.id)?;
            let instances = instances(snap, scope, &table)?;
            tables.push(Seen { table, dead, endpoints, instances });
        }
        Ok((tables, tag::of_all::<RouteTableId>(snap, scope)?))
    });
    let (tables, tags) = read.await?;
    let values = |seen: &Seen, name: &str| match name {
        "route.instance-id" => seen.instances.values().map(ToString::to_string).collect(),
        "route.destination-prefix-list-id" => {
            seen.endpoints.iter().filter_map(|it| list(it, scope)).collect()
        }
        _ => rules::values(&seen.table, &seen.dead, scope, name),
    };
    let (tables, next_token) = listing.cut(
        ctx,
        tables,
        &tags,
        |seen| seen.table.id.as_str(),
        values,
        errors::route_table_not_found,
    )?;
    let show = |seen: &Seen| {
        let shown = show(&seen.table, &seen.dead, scope, tags.get(seen.table.id.as_str()));
        with_endpoints(with_instances(shown, &seen.instances, scope), &seen.endpoints, scope)
    };
    Ok(api::DescribeRouteTablesResult { route_tables: Some(tables.iter().map(show).collect()), next_token })
}

struct Seen {
    table: RouteTable,
    dead: Vec<IpNet>,
    /// Those its routes lead to.
    endpoints: Vec<VpcEndpoint>,
    /// By the interfaces that its routes lead to.
    instances: BTreeMap<String, InstanceId>,
}

fn instances(
    from: &mut impl Reader,
    scope: &Scope,
    table: &RouteTable,
) -> Result<BTreeMap<String, InstanceId>> {
    let mut found = BTreeMap::new();
    for route in &table.routes {
        if let Target::Interface(id) = &route.target
            && let Some(instance) =
                network_interface::find(from, scope, id)?.and_then(|it| it.instance().cloned())
        {
            found.insert(id.to_string(), instance);
        }
    }
    Ok(found)
}

fn with_instances(
    mut shown: api::RouteTable,
    instances: &BTreeMap<String, InstanceId>,
    scope: &Scope,
) -> api::RouteTable {
    for route in shown.routes.iter_mut().flatten() {
        if let Some(instance) = route.network_interface_id.as_ref().and_then(|id| instances.get(id)) {
            route.instance_id = Some(instance.to_string());
            route.instance_owner_id = Some(scope.account.to_string());
        }
    }
    shown
}

/// The prefix list that a route to a gateway endpoint is for.
fn list(endpoint: &VpcEndpoint, scope: &Scope) -> Option<String> {
    let service = crate::rules::vpc_endpoint::find(&endpoint.word)?;
    Some(service.prefix_list(scope.region.as_str())?.to_string())
}

/// The destinations whose targets lead nowhere now.
fn dead(from: &mut impl Reader, scope: &Scope, table: &RouteTable) -> Result<Vec<IpNet>> {
    let mut dead = Vec::new();
    for route in &table.routes {
        if route.target != Target::Local && reach::hop(from, scope, &table.vpc, &route.target)?.is_none() {
            dead.push(route.destination);
        }
    }
    Ok(dead)
}

fn with_endpoints(mut shown: api::RouteTable, endpoints: &[VpcEndpoint], scope: &Scope) -> api::RouteTable {
    let route = |endpoint: &VpcEndpoint| api::Route {
        destination_prefix_list_id: list(endpoint, scope),
        gateway_id: Some(endpoint.id.to_string()),
        origin: Some("CreateRoute".to_owned()),
        state: Some("active".to_owned()),
        ..api::Route::default()
    };
    shown.routes.get_or_insert_default().extend(endpoints.iter().map(route));
    shown
}

fn show(table: &RouteTable, dead: &[IpNet], scope: &Scope, tags: Option<&Tags>) -> api::RouteTable {
    let route = |route: &Route| api::Route {
        destination_cidr_block: rules::destination(route),
        destination_ipv6_cidr_block: rules::destination6(route),
        egress_only_internet_gateway_id: rules::egress_only_gateway(&route.target),
        gateway_id: rules::gateway(&route.target),
        nat_gateway_id: rules::nat_gateway(&route.target),
        vpc_peering_connection_id: rules::peering(&route.target),
        network_interface_id: rules::interface(&route.target),
        origin: Some(rules::origin(&route.target).to_owned()),
        state: Some(rules::state(route, dead).to_owned()),
        ..api::Route::default()
    };
    let association = |association: &Association| api::RouteTableAssociation {
        main: Some(association.subnet.is_none()),
        route_table_association_id: Some(association.id.to_string()),
        route_table_id: Some(table.id.to_string()),
        subnet_id: association.subnet.as_ref().map(ToString::to_string),
        association_state: Some(api::RouteTableAssociationState {
            state: Some("associated".to_owned()),
            status_message: None,
        }),
        ..api::RouteTableAssociation::default()
    };
    api::RouteTable {
        associations: Some(table.associations.iter().map(association).collect()),
        propagating_vgws: Some(Vec::new()),
        route_table_id: Some(table.id.to_string()),
        routes: Some(table.routes.iter().map(route).collect()),
        tags: Some(tags.and_then(shown).unwrap_or_default()),
        vpc_id: Some(table.vpc.to_string()),
        owner_id: Some(scope.account.to_string()),
    }
}

pub async fn create_route_table(
    ctx: &Ctx,
    input: api::CreateRouteTableRequest,
) -> Result<api::CreateRouteTableResult> {
    let vpc: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    let tags = of_one::<RouteTableId>(input.tag_specifications)?;
    let once = Once::new("CreateRouteTable", input.client_token.as_ref(), vpc.to_string());
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        if let Some(made) = once.find(tx)? {
            return route_table::get(tx, scope, &made);
        }
        let vpc = vpc::get(tx, scope, &vpc)?;
        if route_table::of_vpc(tx, scope, &vpc.id)?.len() >= rules::TABLES_MAX {
            return Err(errors::route_table_limit());
        }
        let table = route_table::insert(tx, scope, &vpc)?;
        tag::put(tx, scope, &table.id, tags.clone())?;
        once.remember(tx, &table.id)?;
        Ok(table)
    });
    let route_table = Some(show(&write.await?, &[], scope, Some(&tags)));
    Ok(api::CreateRouteTableResult { route_table, client_token: input.client_token })
}

pub async fn delete_route_table(ctx: &Ctx, input: api::DeleteRouteTableRequest) -> Result<()> {
    let id: RouteTableId = parse(&input.route_table_id, errors::route_table_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        if !route_table::get(tx, scope, &id)?.associations.is_empty() {
            return Err(errors::route_table_in_use(&id));
        }
        vpc_endpoint::leave_table(tx, scope, &id)?;
        route_table::delete(tx, scope, &id)
    })
    .await
}

fn associated() -> Option<api::RouteTableAssociationState> {
    Some(api::RouteTableAssociationState { state: Some("associated".to_owned()), status_message: None })
}

pub async fn associate_route_table(
    ctx: &Ctx,
    input: api::AssociateRouteTableRequest,
) -> Result<api::AssociateRouteTableResult> {
    let id: RouteTableId = parse(&input.route_table_id, errors::route_table_not_found)?;
    let text = input.subnet_id.ok_or_else(|| errors::missing("subnetId"))?;
    let subnet: SubnetId = parse(&text, errors::subnet_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut table = route_table::get(tx, scope, &id)?;
        let subnet = subnet::get(tx, scope, &subnet)?;
        if subnet.vpc != table.vpc {
            return Err(errors::different_networks(&id, &subnet.id));
        }
        // A repeated request finds what it made.
        if let Some(known) = table.associations.iter().find(|a| a.subnet.as_ref() == Some(&subnet.id)) {
            return Ok((known.id.clone(), subnet.vpc));
        }
        if route_table::of_vpc(tx, scope, &subnet.vpc)?.iter().any(|other| other.routes_subnet(&subnet.id)) {
            return Err(errors::route_table_associated(&subnet.id));
        }
        let new = RouteTableAssociationId::fresh(tx.ctx().ids());
        table.associations.push(Association { id: new.clone(), subnet: Some(subnet.id) });
        route_table::put(tx, scope, &table)?;
        Ok((new, subnet.vpc))
    });
    let (new, vpc) = write.await?;
    network::ensure_vpc(ctx, &vpc).await?;
    let association_id = Some(new.to_string());
    Ok(api::AssociateRouteTableResult { association_id, association_state: associated() })
}

pub async fn disassociate_route_table(ctx: &Ctx, input: api::DisassociateRouteTableRequest) -> Result<()> {
    let id: RouteTableAssociationId =
        parse(&input.association_id, errors::route_table_association_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut table = route_table::get_by_association(tx, scope, &id)?;
        if table.associations.iter().any(|a| a.id == id && a.subnet.is_none()) {
            return Err(errors::main_table_association(&id));
        }
        table.associations.retain(|association| association.id != id);
        route_table::put(tx, scope, &table)?;
        Ok(table.vpc)
    });
    let vpc = write.await?;
    network::ensure_vpc(ctx, &vpc).await
}

/// Moves an association, the main one too, to another table of the VPC.
pub async fn replace_route_table_association(
    ctx: &Ctx,
    input: api::ReplaceRouteTableAssociationRequest,
) -> Result<api::ReplaceRouteTableAssociationResult> {
    let old: RouteTableAssociationId =
        parse(&input.association_id, errors::route_table_association_not_found)?;
    let id: RouteTableId = parse(&input.route_table_id, errors::route_table_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut from = route_table::get_by_association(tx, scope, &old)?;
        let target = route_table::get(tx, scope, &id)?;
        if target.vpc != from.vpc {
            return Err(errors::different_networks(&id, &from.id));
        }
        let moved = from.associations.iter().find(|a| a.id == old).and_then(|a| a.subnet.clone());
        from.associations.retain(|association| association.id != old);
        route_table::put(tx, scope, &from)?;
        // Read again: it may be the same table.
        let mut table = route_table::get(tx, scope, &id)?;
        let new = RouteTableAssociationId::fresh(tx.ctx().ids());
        table.associations.push(Association { id: new.clone(), subnet: moved });
        route_table::put(tx, scope, &table)?;
        Ok((new, table.vpc))
    });
    let (new, vpc) = write.await?;
    network::ensure_vpc(ctx, &vpc).await?;
    let new_association_id = Some(new.to_string());
    Ok(api::ReplaceRouteTableAssociationResult { new_association_id, association_state: associated() })
}
