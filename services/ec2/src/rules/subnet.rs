//! Which addresses of a subnet can be given to interfaces.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use kernel::{Result, Scope};

use crate::errors;
use crate::rules::region::zone_id;
use crate::state::subnet::{Ipv6Association, Subnet};

/// Network, router, resolver, one kept for later (VPC user guide, "Subnet CIDR blocks").
const RESERVED_FIRST: u32 = 4;
/// Broadcast.
const RESERVED_LAST: u32 = 1;

/// The first address that can be assigned, and how many there are from it on.
pub fn assignable(range: Ipv4Net) -> (u32, u32) {
    let first = u32::from(range.network()).saturating_add(RESERVED_FIRST);
    let end = u32::from(range.broadcast()).saturating_sub(RESERVED_LAST);
    (first, end.saturating_add(1).saturating_sub(first))
}

pub fn check_assignable(range: Ipv4Net, address: Ipv4Addr) -> Result<()> {
    if !range.contains(&address) {
        return Err(errors::address_outside_subnet(address));
    }
    let (first, count) = assignable(range);
    let offset = u32::from(address).checked_sub(first);
    if offset.is_none_or(|offset| offset >= count) {
        return Err(errors::address_reserved(address));
    }
    Ok(())
}

pub const FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "availabilityZone",
    "availabilityZoneId",
    "available-ip-address-count",
    "cidr",
    "cidr-block",
    "cidrBlock",
    "customer-owned-ipv4-pool",
    "default-for-az",
    "defaultForAz",
    "enable-dns64",
    "enable-lni-at-device-index",
    "ipv6-cidr-block-association.association-id",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.state",
    "ipv6-native",
    "map-customer-owned-ip-on-launch",
    "map-public-ip-on-launch",
    "outpost-arn",
    "owner-id",
    "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
    "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
    "private-dns-name-options-on-launch.hostname-type",
    "state",
    "subnet-arn",
    "subnet-id",
    "vpc-id",
];

/// What a subnet with so many `free` addresses has under the name of a filter.
pub fn values(subnet: &Subnet, free: u32, scope: &Scope, name: &str) -> Vec<String> {
    let of6 = |word: fn(&Ipv6Association) -> String| subnet.ipv6.iter().map(word).collect();
    vec![match name {
        "availability-zone" | "availabilityZone" => subnet.zone.clone(),
        "availability-zone-id" | "availabilityZoneId" => zone_id(scope.region.as_str(), &subnet.zone),
        "available-ip-address-count" => free.to_string(),
        "cidr" | "cidr-block" | "cidrBlock" => subnet.cidr.to_string(),
        "default-for-az" | "defaultForAz" => subnet.default_for_az.to_string(),
        "enable-dns64" | "ipv6-native" | "map-customer-owned-ip-on-launch" => "false".to_owned(),
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record" => {
            subnet.names.a_record.to_string()
        }
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => {
            subnet.names.aaaa_record.to_string()
        }
        "ipv6-cidr-block-association.association-id" => return of6(|block| block.id.to_string()),
        "ipv6-cidr-block-association.ipv6-cidr-block" => return of6(|block| block.cidr.to_string()),
        "ipv6-cidr-block-association.state" => return of6(|_| "associated".to_owned()),
        "map-public-ip-on-launch" => subnet.map_public_ip_on_launch.to_string(),
        "owner-id" => scope.account.to_string(),
        "private-dns-name-options-on-launch.hostname-type" => {
            super::private_name::hostname_type(subnet.names).to_owned()
        }
        "state" => "available".to_owned(),
        "subnet-arn" => scope.arn("ec2", format_args!("subnet/{}", subnet.id)),
        "subnet-id" => subnet.id.to_string(),
        "vpc-id" => subnet.vpc.to_string(),
        _ => return Vec::new(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_addresses_of_a_subnet_are_reserved() {
        let range: Ipv4Net = "10.0.0.0/28".parse().unwrap();
        assert_eq!(assignable(range), (u32::from(Ipv4Addr::new(10, 0, 0, 4)), 11));
        for (last, fits) in [(0, false), (3, false), (4, true), (14, true), (15, false), (16, false)] {
            let address = Ipv4Addr::new(10, 0, 0, last);
            assert_eq!(check_assignable(range, address).is_ok(), fits, "{address}");
        }
    }
}
