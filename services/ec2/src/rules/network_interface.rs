//! What interfaces are called, how many groups they wear, and which filters find them.

use kernel::Scope;

use crate::rules::region::{private_dns_name, public_dns_name};
use crate::state::network_interface::NetworkInterface;

/// AWS's default quota, "Security groups per network interface".
pub const GROUPS_MAX: usize = 5;

/// A MAC address of ten hexadecimal digits: locally administered, unicast.
pub fn mac(digits: &str) -> String {
    let mut mac = "0a".to_owned();
    for (at, digit) in digits.chars().take(10).enumerate() {
        if at % 2 == 0 {
            mac.push(':');
        }
        mac.push(digit);
    }
    mac
}

/// The bytes of a MAC address as [`mac`] writes it.
pub fn mac_bytes(mac: &str) -> [u8; 6] {
    let mut bytes = [0; 6];
    for (byte, digits) in bytes.iter_mut().zip(mac.split(':')) {
        *byte = u8::from_str_radix(digits, 16).unwrap_or(0);
    }
    bytes
}

pub const STATUS: &str = "in-use";
pub const ATTACHED: &str = "attached";

pub const FILTERS: &[&str] = &[
    "addresses.association.public-ip",
    "addresses.primary",
    "addresses.private-ip-address",
    "association.ip-owner-id",
    "association.public-dns-name",
    "association.public-ip",
    "attachment.attachment-id",
    "attachment.delete-on-termination",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.instance-owner-id",
    "attachment.status",
    "availability-zone",
    "description",
    "group-id",
    "interface-type",
    "mac-address",
    "network-interface-id",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "requester-managed",
    "source-dest-check",
    "status",
    "subnet-id",
    "vpc-id",
];

/// What an interface has under the name of a filter.
pub fn values(interface: &NetworkInterface, scope: &Scope, name: &str) -> Vec<String> {
    let region = scope.region.as_str();
    let attachment = &interface.attachment;
    let public = interface.public_ip;
    vec![match name {
        "addresses.association.public-ip" | "association.public-ip" => {
            return public.iter().map(ToString::to_string).collect();
        }
        "association.ip-owner-id" => return public.iter().map(|_| "amazon".to_owned()).collect(),
        "association.public-dns-name" => {
            return public.iter().map(|address| public_dns_name(region, *address)).collect();
        }
        "group-id" => return interface.groups.iter().map(ToString::to_string).collect(),
        "addresses.primary" | "source-dest-check" => "true".to_owned(),
        "addresses.private-ip-address" | "private-ip-address" => interface.private_ip.to_string(),
        "attachment.attachment-id" => attachment.id.to_string(),
        "attachment.delete-on-termination" => attachment.delete_on_termination.to_string(),
        "attachment.device-index" => attachment.device_index.to_string(),
        "attachment.instance-id" => attachment.instance.to_string(),
        "attachment.instance-owner-id" | "owner-id" => scope.account.to_string(),
        "attachment.status" => ATTACHED.to_owned(),
        "availability-zone" => interface.zone.clone(),
        "description" => interface.description.clone(),
        "interface-type" => "interface".to_owned(),
        "mac-address" => interface.mac.clone(),
        "network-interface-id" => interface.id.to_string(),
        "private-dns-name" => private_dns_name(region, interface.private_ip),
        "requester-managed" => "false".to_owned(),
        "status" => STATUS.to_owned(),
        "subnet-id" => interface.subnet.to_string(),
        "vpc-id" => interface.vpc.to_string(),
        _ => return Vec::new(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_reads_back() {
        let mac = mac("0123456789");
        assert_eq!(mac, "0a:01:23:45:67:89");
        assert_eq!(mac_bytes(&mac), [0x0a, 0x01, 0x23, 0x45, 0x67, 0x89]);
    }
}
