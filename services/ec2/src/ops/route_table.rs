//! Operations on route tables.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, check_dry_run};
use super::vpc::ensure_default;
use crate::errors;
use crate::rules::route_table as rules;
use crate::rules::tag::shown;
use crate::state::id::{Id, RouteTableId};
use crate::state::route_table::{Association, Route, RouteTable};
use crate::state::tag::Tags;
use crate::state::{route_table, tag};

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
    let read =
        ctx.read(|snap| Ok((route_table::all(snap, scope)?, tag::of_all::<RouteTableId>(snap, scope)?)));
    let (tables, tags) = read.await?;
    let values = |table: &RouteTable, name: &str| rules::values(table, scope, name);
    let (tables, next_token) =
        listing.cut(ctx, tables, &tags, |t| t.id.as_str(), values, errors::route_table_not_found)?;
    let show = |table: &RouteTable| show(table, scope, tags.get(table.id.as_str()));
    Ok(api::DescribeRouteTablesResult { route_tables: Some(tables.iter().map(show).collect()), next_token })
}

fn show(table: &RouteTable, scope: &Scope, tags: Option<&Tags>) -> api::RouteTable {
    let route = |route: &Route| api::Route {
        destination_cidr_block: Some(route.destination.to_string()),
        gateway_id: Some(rules::gateway(&route.target)),
        origin: Some(rules::origin(&route.target).to_owned()),
        state: Some("active".to_owned()),
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
