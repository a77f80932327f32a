//! How routes are shown and filtered.

use kernel::Scope;

use crate::state::route_table::{RouteTable, Target};

pub const FILTERS: &[&str] = &[
    "association.gateway-id",
    "association.main",
    "association.route-table-association-id",
    "association.route-table-id",
    "association.subnet-id",
    "owner-id",
    "route-table-id",
    "route.destination-cidr-block",
    "route.gateway-id",
    "route.origin",
    "route.state",
    "vpc-id",
];

/// What AWS shows as a route's gateway.
pub fn gateway(target: &Target) -> String {
    match target {
        Target::Local => "local".to_owned(),
        Target::InternetGateway(id) => id.to_string(),
    }
}

/// Which operation made a route.
pub fn origin(target: &Target) -> &'static str {
    match target {
        Target::Local => "CreateRouteTable",
        Target::InternetGateway(_) => "CreateRoute",
    }
}

/// What a table has under the name of a filter.
pub fn values(table: &RouteTable, scope: &Scope, name: &str) -> Vec<String> {
    let associations = table.associations.iter();
    let routes = table.routes.iter();
    match name {
        "association.main" => associations.map(|a| a.subnet.is_none().to_string()).collect(),
        "association.route-table-association-id" => associations.map(|a| a.id.to_string()).collect(),
        "association.route-table-id" => associations.map(|_| table.id.to_string()).collect(),
        "association.subnet-id" => {
            associations.filter_map(|a| Some(a.subnet.as_ref()?.to_string())).collect()
        }
        "owner-id" => vec![scope.account.to_string()],
        "route-table-id" => vec![table.id.to_string()],
        "route.destination-cidr-block" => routes.map(|r| r.destination.to_string()).collect(),
        "route.gateway-id" => routes.map(|r| gateway(&r.target)).collect(),
        "route.origin" => routes.map(|r| origin(&r.target).to_owned()).collect(),
        "route.state" => routes.map(|_| "active".to_owned()).collect(),
        "vpc-id" => vec![table.vpc.to_string()],
        _ => Vec::new(),
    }
}
