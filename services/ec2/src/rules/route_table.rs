//! How routes are shown and filtered.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use kernel::Scope;

use crate::state::route_table::{Route, RouteTable, Target};

/// Addresses of AWS's own services, to which no route of one's own may lead (VPC user guide, "Route tables").
pub const RESERVED: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 168, 0), 22)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32)),
];

pub const FILTERS: &[&str] = &[
    "association.gateway-id",
    "association.main",
    "association.route-table-association-id",
    "association.route-table-id",
    "association.subnet-id",
    "owner-id",
    "route-table-id",
    "route.destination-cidr-block",
    "route.destination-ipv6-cidr-block",
    "route.destination-prefix-list-id",
    "route.egress-only-internet-gateway-id",
    "route.gateway-id",
    "route.instance-id",
    "route.nat-gateway-id",
    "route.origin",
    "route.state",
    "route.transit-gateway-id",
    "route.vpc-peering-connection-id",
    "vpc-id",
];

/// What AWS shows as a route's gateway, where it leads to one that goes by that name.
pub fn gateway(target: &Target) -> Option<String> {
    match target {
        Target::Local => Some("local".to_owned()),
        Target::InternetGateway(id) => Some(id.to_string()),
        _ => None,
    }
}

pub fn egress_only_gateway(target: &Target) -> Option<String> {
    if let Target::EgressOnlyInternetGateway(id) = target { Some(id.to_string()) } else { None }
}

/// The range a route is for, where that is one of IPv4.
pub fn destination(route: &Route) -> Option<String> {
    matches!(route.destination, IpNet::V4(_)).then(|| route.destination.to_string())
}

/// As [`destination`], of IPv6.
pub fn destination6(route: &Route) -> Option<String> {
    matches!(route.destination, IpNet::V6(_)).then(|| route.destination.to_string())
}

pub fn nat_gateway(target: &Target) -> Option<String> {
    if let Target::NatGateway(id) = target { Some(id.to_string()) } else { None }
}

pub fn peering(target: &Target) -> Option<String> {
    if let Target::Peering(id) = target { Some(id.to_string()) } else { None }
}

pub fn interface(target: &Target) -> Option<String> {
    if let Target::Interface(id) = target { Some(id.to_string()) } else { None }
}

/// `blackhole`, where the destination is among those that are `dead`.
pub fn state(route: &Route, dead: &[IpNet]) -> &'static str {
    if dead.contains(&route.destination) { "blackhole" } else { "active" }
}

/// AWS's default quotas, "Route tables per VPC" and "Routes per route table".
pub const TABLES_MAX: usize = 200;
pub const ROUTES_MAX: usize = 50;

/// Which operation made a route.
pub fn origin(target: &Target) -> &'static str {
    match target {
        Target::Local => "CreateRouteTable",
        _ => "CreateRoute",
    }
}

/// What a table has under the name of a filter.
pub fn values(table: &RouteTable, dead: &[IpNet], scope: &Scope, name: &str) -> Vec<String> {
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
        "route.destination-cidr-block" => routes.filter_map(destination).collect(),
        "route.destination-ipv6-cidr-block" => routes.filter_map(destination6).collect(),
        "route.egress-only-internet-gateway-id" => {
            routes.filter_map(|r| egress_only_gateway(&r.target)).collect()
        }
        "route.gateway-id" => routes.filter_map(|r| gateway(&r.target)).collect(),
        "route.nat-gateway-id" => routes.filter_map(|r| nat_gateway(&r.target)).collect(),
        "route.vpc-peering-connection-id" => routes.filter_map(|r| peering(&r.target)).collect(),
        "route.origin" => routes.map(|r| origin(&r.target).to_owned()).collect(),
        "route.state" => routes.map(|route| state(route, dead).to_owned()).collect(),
        "vpc-id" => vec![table.vpc.to_string()],
        _ => Vec::new(),
    }
}
