//! What interfaces are called, how many groups they wear, and which filters find them.

use kernel::Scope;

use crate::rules::region::{private_dns_name, public_dns_name, zone_id};
use crate::state::network_interface::{Kind, NetworkInterface};

/// AWS's default quota, "Security groups per network interface".
pub const GROUPS_MAX: usize = 5;
/// Private addresses of one interface: what the larger types have on AWS.
pub const ADDRESSES_MAX: usize = 15;
/// The highest device index: as many interfaces as the larger types have on AWS.
pub const DEVICES_MAX: i32 = 14;

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

/// `in-use` with an instance or a gateway.
pub fn status(interface: &NetworkInterface) -> &'static str {
    let is_used = interface.attachment.is_some() || interface.kind != Kind::Interface;
    if is_used { "in-use" } else { "available" }
}

/// AWS's word for whose interface it is.
pub fn kind(interface: &NetworkInterface) -> &'static str {
    match interface.kind {
        Kind::Managed if interface.description.starts_with("ELB net/") => "network_load_balancer",
        Kind::Interface | Kind::Managed => "interface",
        Kind::NatGateway => "nat_gateway",
        Kind::Endpoint => "vpc_endpoint",
    }
}

/// Whom AWS names as having asked for it, where it is a load balancer's.
pub fn requester(interface: &NetworkInterface) -> Option<&'static str> {
    (interface.kind == Kind::Managed && interface.description.starts_with("ELB ")).then_some("amazon-elb")
}

/// Who owns its public address: AWS, or the account where it is an elastic one.
pub fn address_owner(interface: &NetworkInterface, scope: &Scope) -> String {
    interface.elastic.as_ref().map_or_else(|| "amazon".to_owned(), |_| scope.account.to_string())
}

pub const ATTACHED: &str = "attached";

pub const FILTERS: &[&str] = &[
    "addresses.association.owner-id",
    "addresses.association.public-dns-name",
    "addresses.association.public-ip",
    "addresses.primary",
    "addresses.private-ip-address",
    "association.allocation-id",
    "association.association-id",
    "association.ip-owner-id",
    "association.public-dns-name",
    "association.public-ip",
    "attachment.attach-time",
    "attachment.attachment-id",
    "attachment.delete-on-termination",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.instance-owner-id",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "description",
    "group-id",
    "interface-type",
    "ipv6-addresses.ipv6-address",
    "mac-address",
    "network-interface-id",
    "operator.managed",
    "operator.principal",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "requester-id",
    "requester-managed",
    "source-dest-check",
    "status",
    "subnet-id",
    "tag-value",
    "vpc-id",
];

/// What an interface has under the name of a filter.
pub fn values(interface: &NetworkInterface, scope: &Scope, name: &str) -> Vec<String> {
    let region = scope.region.as_str();
    let public = interface.public_ip;
    if let Some(name) = name.strip_prefix("attachment.") {
        return attachment_value(interface, scope, name).into_iter().collect();
    }
    vec![match name {
        "addresses.association.public-ip" => {
            return interface.public_ips().map(|ip| ip.to_string()).collect();
        }
        "addresses.association.owner-id" => {
            return interface.public_ips().map(|_| address_owner(interface, scope)).collect();
        }
        "association.public-ip" => return public.iter().map(ToString::to_string).collect(),
        "association.allocation-id" => return interface.elastic.iter().map(ToString::to_string).collect(),
        "association.ip-owner-id" => return public.iter().map(|_| address_owner(interface, scope)).collect(),
        "association.public-dns-name" => {
            return public.iter().map(|address| public_dns_name(region, *address)).collect();
        }
        "group-id" => return interface.groups.iter().map(ToString::to_string).collect(),
        "addresses.primary" => {
            let further = interface.secondary.iter().map(|_| "false".to_owned());
            return std::iter::once("true".to_owned()).chain(further).collect();
        }
        "addresses.private-ip-address" => return interface.private_ips().map(|ip| ip.to_string()).collect(),
        "private-ip-address" => interface.private_ip.to_string(),
        "source-dest-check" => (!interface.forwards).to_string(),
        "owner-id" => scope.account.to_string(),
        "availability-zone" => interface.zone.clone(),
        "availability-zone-id" => zone_id(region, &interface.zone),
        "addresses.association.public-dns-name" => {
            return interface.public_ips().map(|ip| public_dns_name(region, ip)).collect();
        }
        "operator.managed" => "false".to_owned(),
        "description" => interface.description.clone(),
        "ipv6-addresses.ipv6-address" => return interface.ipv6.iter().map(ToString::to_string).collect(),
        "interface-type" => kind(interface).to_owned(),
        "mac-address" => interface.mac.clone(),
        "network-interface-id" => interface.id.to_string(),
        "private-dns-name" => private_dns_name(region, interface.private_ip),
        "requester-id" => return requester(interface).map(str::to_owned).into_iter().collect(),
        "requester-managed" => (interface.kind != Kind::Interface).to_string(),
        "status" => status(interface).to_owned(),
        "subnet-id" => interface.subnet.to_string(),
        "vpc-id" => interface.vpc.to_string(),
        _ => return Vec::new(),
    }]
}

fn attachment_value(interface: &NetworkInterface, scope: &Scope, name: &str) -> Option<String> {
    let attachment = interface.attachment.as_ref()?;
    Some(match name {
        "attach-time" => super::instant::iso(attachment.attached_at),
        "attachment-id" => attachment.id.to_string(),
        "delete-on-termination" => attachment.delete_on_termination.to_string(),
        "device-index" => attachment.device_index.to_string(),
        "instance-id" => attachment.instance.to_string(),
        "instance-owner-id" => scope.account.to_string(),
        "status" => ATTACHED.to_owned(),
        _ => return None,
    })
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
