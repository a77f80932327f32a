//! What a default VPC looks like (VPC user guide, "Default VPCs").

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use kernel::{Error, Result, Scope};

use crate::errors;

use crate::state::vpc::{Ipv6Association, Vpc};

pub const DEFAULT_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 16);
/// One per zone.
pub const DEFAULT_SUBNETS: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 20),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 16, 0), 20),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 32, 0), 20),
];
pub const ANYWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);

/// AWS's default quota, "VPCs per Region", raised to what its console lets one ask for without a human.
pub const VPCS_MAX: usize = 100;
/// Of a default subnet.
pub const DEFAULT_SUBNET_PREFIX: u8 = 20;
/// A VPC's ranges (VPC user guide, "VPC CIDR blocks"), and a subnet's.
const PREFIXES: std::ops::RangeInclusive<u8> = 16..=28;
/// AWS's default quota, "IPv4 CIDR blocks per VPC".
pub const CIDRS_MAX: usize = 5;
/// AWS's default quota, "Subnets per VPC".
pub const SUBNETS_MAX: usize = 200;

/// Whether two ranges have an address in common.
pub fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// The range of a VPC or subnet. Bits beyond the prefix are dropped, as AWS does.
///
/// # Errors
/// When it is none (`parameter` names it), or too large or small: `out_of_range`.
pub fn check_cidr(text: &str, parameter: &str, out_of_range: fn(&str) -> Error) -> Result<Ipv4Net> {
    let cidr = text.parse::<Ipv4Net>().map_err(|_| errors::cidr_invalid(text, parameter))?;
    if PREFIXES.contains(&cidr.prefix_len()) { Ok(cidr.trunc()) } else { Err(out_of_range(text)) }
}

pub const FILTERS: &[&str] = &[
    "cidr",
    "cidr-block",
    "cidr-block-association.association-id",
    "cidr-block-association.cidr-block",
    "cidr-block-association.state",
    "dhcp-options-id",
    "ipv6-cidr-block-association.association-id",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.ipv6-pool",
    "ipv6-cidr-block-association.state",
    "is-default",
    "isDefault",
    "owner-id",
    "state",
    "vpc-id",
];

/// The VPC's DHCP options, as they are shown.
pub fn dhcp_options(vpc: &Vpc) -> String {
    vpc.dhcp_options.as_ref().map_or_else(|| super::dhcp_options::NONE.to_owned(), ToString::to_string)
}

/// What a VPC has under the name of a filter.
pub fn values(vpc: &Vpc, scope: &Scope, name: &str) -> Vec<String> {
    let ranges = vpc.ranges();
    let of6 = |word: fn(&Ipv6Association) -> String| vpc.ipv6.iter().map(word).collect();
    vec![match name {
        "cidr" | "cidr-block" => vpc.cidr.to_string(),
        "cidr-block-association.cidr-block" => return ranges.map(|(_, cidr)| cidr.to_string()).collect(),
        "cidr-block-association.association-id" => return ranges.map(|(id, _)| id.to_string()).collect(),
        "cidr-block-association.state" => return ranges.map(|_| "associated".to_owned()).collect(),
        "ipv6-cidr-block-association.association-id" => return of6(|block| block.id.to_string()),
        "ipv6-cidr-block-association.ipv6-cidr-block" => return of6(|block| block.cidr.to_string()),
        "ipv6-cidr-block-association.ipv6-pool" => return of6(|_| super::ipv6::POOL.to_owned()),
        "ipv6-cidr-block-association.state" => return of6(|_| "associated".to_owned()),
        "dhcp-options-id" => dhcp_options(vpc),
        "is-default" | "isDefault" => vpc.is_default.to_string(),
        "owner-id" => scope.account.to_string(),
        "state" => "available".to_owned(),
        "vpc-id" => vpc.id.to_string(),
        _ => return Vec::new(),
    }]
}
