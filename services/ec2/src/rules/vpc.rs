//! What a default VPC looks like (VPC user guide, "Default VPCs").

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use kernel::Scope;

use crate::state::vpc::Vpc;

pub const DEFAULT_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 16);
/// One per zone.
pub const DEFAULT_SUBNETS: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 20),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 16, 0), 20),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 32, 0), 20),
];
pub const ANYWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);

pub const FILTERS: &[&str] = &[
    "cidr",
    "cidr-block",
    "cidr-block-association.association-id",
    "cidr-block-association.cidr-block",
    "cidr-block-association.state",
    "dhcp-options-id",
    "is-default",
    "isDefault",
    "owner-id",
    "state",
    "vpc-id",
];

/// What a VPC has under the name of a filter.
pub fn values(vpc: &Vpc, scope: &Scope, name: &str) -> Vec<String> {
    vec![match name {
        "cidr" | "cidr-block" | "cidr-block-association.cidr-block" => vpc.cidr.to_string(),
        "cidr-block-association.association-id" => vpc.cidr_association.to_string(),
        "cidr-block-association.state" => "associated".to_owned(),
        "dhcp-options-id" => vpc.dhcp_options.to_string(),
        "is-default" | "isDefault" => vpc.is_default.to_string(),
        "owner-id" => scope.account.to_string(),
        "state" => "available".to_owned(),
        "vpc-id" => vpc.id.to_string(),
        _ => return Vec::new(),
    }]
}
