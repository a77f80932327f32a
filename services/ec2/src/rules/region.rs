//! Regions, their zones, and the names of hosts in them.

use std::net::Ipv4Addr;

/// `name,short,opt-in`: AWS's regions (AWS account management reference, "AWS Regions").
const REGIONS: &str = price::REGIONS;
/// The zones every region has here.
const ZONES: [char; 3] = ['a', 'b', 'c'];

/// A region of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub name: &'static str,
    /// What its zones' ids begin with: `use1`.
    pub short: &'static str,
    /// Accounts must ask for it before they may use it. Here they need not.
    pub opt_in: bool,
}

/// A zone as a region shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// `us-east-1a`
    pub name: String,
    /// `use1-az1`
    pub id: String,
}

pub fn all() -> impl Iterator<Item = Region> {
    REGIONS.lines().filter_map(|line| {
        let mut fields = line.split(',');
        let (name, short, status) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Region { name, short, opt_in: status == "opt-in" })
    })
}

/// A region of the list, or one that is not: any well-formed name is served.
pub fn zones(region: &str) -> Vec<Zone> {
    let known = all().find(|known| known.name == region);
    let short = known.map_or_else(|| shorten(region), |known| known.short.to_owned());
    let zone = |(at, letter)| Zone { name: format!("{region}{letter}"), id: format!("{short}-az{}", at + 1) };
    ZONES.into_iter().enumerate().map(zone).collect()
}

/// The id of the zone of this name.
pub fn zone_id(region: &str, zone: &str) -> String {
    zones(region).into_iter().find(|known| known.name == zone).map(|known| known.id).unwrap_or_default()
}

/// `us-east-1` → `use1`: first two letters, first of the middle, the number.
fn shorten(region: &str) -> String {
    let mut parts = region.split('-');
    let head: String = parts.next().unwrap_or_default().chars().take(2).collect();
    let rest: String = parts
        .filter_map(|part| {
            part.chars().next().map(|c| if c.is_ascii_digit() { part.to_owned() } else { c.to_string() })
        })
        .collect();
    head + &rest
}

/// The domain of private names: `ec2.internal` in the oldest region.
pub fn private_domain(region: &str) -> String {
    if region == "us-east-1" { "ec2.internal".to_owned() } else { format!("{region}.compute.internal") }
}

/// `ip-172-31-5-6.ec2.internal`
pub fn private_dns_name(region: &str, address: Ipv4Addr) -> String {
    format!("ip-{}.{}", dashed(address), private_domain(region))
}

/// The domain of public names.
pub fn public_domain(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    if region == "us-east-1" { format!("compute-1.{suffix}") } else { format!("{region}.compute.{suffix}") }
}

/// `ec2-198-18-5-6.compute-1.amazonaws.com`
pub fn public_dns_name(region: &str, address: Ipv4Addr) -> String {
    format!("ec2-{}.{}", dashed(address), public_domain(region))
}

fn dashed(address: Ipv4Addr) -> String {
    address.to_string().replace('.', "-")
}

pub const REGION_FILTERS: &[&str] = &["endpoint", "opt-in-status", "region-name"];

/// What a region has under the name of a filter.
pub fn region_values(region: &Region, name: &str) -> Vec<String> {
    vec![match name {
        "endpoint" => endpoint(region.name),
        "opt-in-status" => opt_in_status(region).to_owned(),
        "region-name" => region.name.to_owned(),
        _ => return Vec::new(),
    }]
}

/// Where AWS serves a region; here the clients' endpoint serves them all.
pub fn endpoint(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("ec2.{region}.{suffix}")
}

pub fn opt_in_status(region: &Region) -> &'static str {
    if region.opt_in { "opted-in" } else { "opt-in-not-required" }
}

pub const ZONE_FILTERS: &[&str] = &[
    "group-long-name",
    "group-name",
    "message",
    "opt-in-status",
    "parent-zone-id",
    "parent-zone-name",
    "region-name",
    "state",
    "zone-id",
    "zone-name",
    "zone-type",
];

/// What a zone has under the name of a filter.
pub fn zone_values(zone: &Zone, region: &str, name: &str) -> Vec<String> {
    vec![match name {
        "group-name" => zone_group(region),
        "opt-in-status" => "opt-in-not-required".to_owned(),
        "region-name" => region.to_owned(),
        "state" => "available".to_owned(),
        "zone-id" => zone.id.clone(),
        "zone-name" => zone.name.clone(),
        "zone-type" => "availability-zone".to_owned(),
        _ => return Vec::new(),
    }]
}

/// The group of a region's zones: `us-east-1-zg-1`.
pub fn zone_group(region: &str) -> String {
    format!("{region}-zg-1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_reads_and_has_three_zones() {
        assert_eq!(all().count(), REGIONS.lines().count());
        assert!(all().count() > 30);
        for region in all() {
            assert!(region.name.parse::<kernel::Region>().is_ok(), "{}", region.name);
        }
        let zones = zones("us-east-1");
        assert_eq!(zones.first().map(|z| (z.name.as_str(), z.id.as_str())), Some(("us-east-1a", "use1-az1")));
        assert_eq!(zone_id("eu-north-9", "eu-north-9c"), "eun9-az3");
    }

    #[test]
    fn names_of_hosts_are_as_aws_forms_them() {
        let address = Ipv4Addr::new(198, 18, 0, 7);
        assert_eq!(private_dns_name("us-east-1", address), "ip-198-18-0-7.ec2.internal");
        assert_eq!(private_dns_name("eu-west-1", address), "ip-198-18-0-7.eu-west-1.compute.internal");
        assert_eq!(public_dns_name("us-east-1", address), "ec2-198-18-0-7.compute-1.amazonaws.com");
        let name = "ec2-198-18-0-7.eu-west-1.compute.amazonaws.com";
        assert_eq!(public_dns_name("eu-west-1", address), name);
    }
}
