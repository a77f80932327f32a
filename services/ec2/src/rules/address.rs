//! How many elastic addresses there may be, what they cost, and which filters find them.

use kernel::{Millis, Scope, Usage};

use crate::state::address::Address;
use crate::state::automatic_address::Automatic;
use crate::state::network_interface::NetworkInterface;

/// AWS's default quota, "EC2-VPC Elastic IPs".
pub const ADDRESSES_MAX: usize = 5;

/// The usage line of what the address is since [`Address::since`]: every public address costs, in use or idle
/// (Amazon VPC pricing, "Public IPv4 Address").
pub fn usage(address: &Address, now: Millis) -> Usage {
    let kind =
        if address.association.is_some() { "PublicIPv4:InUseAddress" } else { "PublicIPv4:IdleAddress" };
    Usage {
        service: "ec2".to_owned(),
        usage_type: kind.to_owned(),
        resource: address.id.to_string(),
        start_at: address.since,
        end_at: now,
        quantity: u64::try_from((now - address.since) / 1_000).unwrap_or(0),
        unit: "Seconds".to_owned(),
    }
}

/// The line of an address that an interface was given by itself: it costs what an elastic one costs.
pub fn usage_of_automatic(one: &Automatic, now: Millis) -> Usage {
    Usage {
        service: "ec2".to_owned(),
        usage_type: "PublicIPv4:InUseAddress".to_owned(),
        resource: one.interface.to_string(),
        start_at: one.since,
        end_at: now,
        quantity: u64::try_from((now - one.since) / 1_000).unwrap_or(0),
        unit: "Seconds".to_owned(),
    }
}

pub const FILTERS: &[&str] = &[
    "allocation-id",
    "association-id",
    "domain",
    "instance-id",
    "network-border-group",
    "network-interface-id",
    "network-interface-owner-id",
    "private-ip-address",
    "public-ip",
];

/// What an address on `interface` has under the name of a filter.
pub fn values(
    address: &Address,
    interface: Option<&NetworkInterface>,
    scope: &Scope,
    name: &str,
) -> Vec<String> {
    let association = address.association.as_ref();
    let value = match name {
        "allocation-id" => Some(address.id.to_string()),
        "association-id" => association.map(|it| it.id.to_string()),
        "domain" => Some("vpc".to_owned()),
        "instance-id" => interface.and_then(|it| it.instance()).map(ToString::to_string),
        "network-border-group" => Some(scope.region.to_string()),
        "network-interface-id" => association.map(|it| it.interface.to_string()),
        "network-interface-owner-id" => association.map(|_| scope.account.to_string()),
        "private-ip-address" => association.map(|it| it.private_ip.to_string()),
        "public-ip" => Some(address.public_ip.to_string()),
        _ => None,
    };
    value.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use kernel::ids::{Ids, SystemIds};

    use super::*;
    use crate::state::address::Association;
    use crate::state::id::{AddressAssociationId, AllocationId, InterfaceId};

    #[test]
    fn a_public_address_costs_whether_it_is_used_or_not() {
        let ids = Ids(&SystemIds);
        let mut address = Address {
            id: AllocationId::fresh(ids),
            public_ip: "198.18.0.9".parse().unwrap(),
            association: None,
            since: 1_000,
        };
        let idle = usage(&address, 3_601_000);
        assert_eq!((idle.usage_type.as_str(), idle.quantity), ("PublicIPv4:IdleAddress", 3_600));
        address.association = Some(Association {
            id: AddressAssociationId::fresh(ids),
            interface: InterfaceId::fresh(ids),
            private_ip: "10.0.0.9".parse().unwrap(),
        });
        assert_eq!(usage(&address, 2_000).usage_type, "PublicIPv4:InUseAddress");
    }
}
