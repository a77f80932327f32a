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

/// What no VPC may have: this network, loopback, link-local and multicast addresses (RFC 5735).
const NEVER: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
];

/// A VPC's range, as [`check_cidr`].
///
/// # Errors
/// As there, and for addresses that no VPC may have.
pub fn check_range(text: &str) -> Result<Ipv4Net> {
    let cidr = check_cidr(text, "cidrBlock", errors::vpc_range)?;
    if NEVER.iter().any(|never| never.contains(&cidr)) { Err(errors::vpc_range(text)) } else { Ok(cidr) }
}

/// The private ranges (RFC 1918).
const PRIVATE: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
];
/// Of interfaces that AWS makes for itself.
const OF_AWS: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 19, 0, 0), 16);

/// A further range of a VPC with the ranges `there`, the primary one first (VPC user guide, "IPv4 CIDR block
/// association restrictions").
///
/// # Errors
/// For one that the table there restricts.
pub fn check_further(there: &[Ipv4Net], new: Ipv4Net) -> Result<()> {
    let private = |cidr: &Ipv4Net| PRIVATE.iter().position(|range| range.contains(cidr));
    let home = there.first().and_then(private);
    let is_low = |cidr: &Ipv4Net, bits| Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), bits).contains(cidr);
    let is_restricted = OF_AWS.contains(&new)
        || private(&new).is_some_and(|range| home != Some(range))
        || DEFAULT_CIDR.contains(&new)
        || is_low(&new, 16) && there.iter().any(|known| is_low(known, 15));
    if is_restricted { Err(errors::cidr_restricted(new)) } else { Ok(()) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_nobodys_are_no_range_of_a_vpc() {
        for bad in
            ["0.0.0.0/16", "127.0.0.0/16", "169.254.0.0/16", "224.1.0.0/24", "10.0.0.0/8", "10.0.0.0/29"]
        {
            assert_eq!(check_range(bad).unwrap_err().code(), "InvalidVpc.Range", "{bad}");
        }
        for good in ["10.0.0.0/16", "1.2.3.0/24", "100.64.0.0/16", "198.19.0.0/16"] {
            assert!(check_range(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn further_ranges_are_of_the_kind_of_the_first() {
        let net = |text: &str| text.parse::<Ipv4Net>().unwrap();
        for (there, new, fits) in [
            ("10.2.0.0/16", "10.3.0.0/16", true),
            ("10.2.0.0/16", "10.0.0.0/24", true),
            ("10.1.0.0/16", "10.0.0.0/24", false),
            ("10.2.0.0/16", "172.16.0.0/16", false),
            ("10.2.0.0/16", "172.31.0.0/16", false),
            ("10.2.0.0/16", "192.168.0.0/24", false),
            ("10.2.0.0/16", "198.19.0.0/16", false),
            ("10.2.0.0/16", "100.64.0.0/16", true),
            ("10.2.0.0/16", "203.0.113.0/24", true),
            ("172.16.0.0/16", "172.17.0.0/16", true),
            ("172.16.0.0/16", "172.31.0.0/16", false),
            ("192.168.0.0/24", "192.168.1.0/24", true),
            ("100.64.0.0/16", "10.0.0.0/16", false),
            ("100.64.0.0/16", "203.0.113.0/24", true),
            ("198.19.0.0/16", "10.0.0.0/16", false),
            ("198.19.0.0/16", "100.64.0.0/16", true),
        ] {
            assert_eq!(check_further(&[net(there)], net(new)).is_ok(), fits, "{there} {new}");
        }
    }
}
