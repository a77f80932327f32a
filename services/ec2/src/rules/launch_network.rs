//! Where a launch shall live: its network interfaces, new ones and such that are there.

use std::net::Ipv4Addr;

use api_ec2::{
    InstanceIpv6Address, InstanceNetworkInterfaceSpecification, Placement, PrivateIpAddressSpecification,
};
use kernel::Result;

use super::network_interface::{ADDRESSES_MAX, DEVICES_MAX};
use crate::errors;
use crate::state::id::{GroupId, Id, InterfaceId, SubnetId};
use crate::state::ipv6;

/// Where it shall live.
#[derive(Debug, PartialEq, Eq)]
pub struct Network {
    pub zone: Option<String>,
    pub first: Interface,
    /// By their device indexes.
    pub further: Vec<(i32, Interface)>,
}

/// An interface of a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    New(New),
    Existing(InterfaceId),
}

/// An interface that a launch makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct New {
    pub subnet: Option<SubnetId>,
    pub groups: Vec<GroupId>,
    pub group_names: Vec<String>,
    /// The first one first; any free one where there is none.
    pub private_ips: Vec<Ipv4Addr>,
    /// How many free ones besides those.
    pub more: usize,
    pub associate_public: Option<bool>,
    pub ipv6: ipv6::Wish,
    pub description: String,
    /// It stays when its instance ends.
    pub stays: bool,
}

impl Network {
    pub fn all(&self) -> impl Iterator<Item = &Interface> {
        std::iter::once(&self.first).chain(self.further.iter().map(|(_, interface)| interface))
    }

    /// # Errors
    /// `InvalidInterface.IpAddressLimitExceeded`.
    pub fn check_addresses(&self, instance_type: &str) -> Result<()> {
        for interface in self.all() {
            let Interface::New(new) = interface else { continue };
            let count = new.private_ips.len().max(1) + new.more;
            if count > ADDRESSES_MAX {
                return Err(errors::addresses_at_launch(count, ADDRESSES_MAX, instance_type));
            }
        }
        Ok(())
    }

    /// Whether it can be had once only.
    pub fn is_fixed(&self) -> bool {
        self.all().any(|interface| match interface {
            Interface::New(New { private_ips, ipv6, .. }) => {
                !private_ips.is_empty() || matches!(ipv6, ipv6::Wish::These(these) if !these.is_empty())
            }
            Interface::Existing(_) => true,
        })
    }
}

/// The parts of a request that say where.
pub struct Where {
    pub interfaces: Option<Vec<InstanceNetworkInterfaceSpecification>>,
    pub subnet: Option<String>,
    pub groups: Option<Vec<String>>,
    pub group_names: Option<Vec<String>>,
    pub private_ip: Option<String>,
    pub ipv6: (Option<Vec<InstanceIpv6Address>>, Option<i32>),
    pub placement: Option<Placement>,
}

/// # Errors
/// The refusals that AWS has for such a place.
pub fn check(given: Where) -> Result<Network> {
    let zone = zone_of(given.placement);
    let interfaces = given.interfaces.unwrap_or_default();
    if interfaces.is_empty() {
        let only = New {
            subnet: given.subnet.map(check_subnet).transpose()?,
            groups: check_groups(given.groups)?,
            group_names: given.group_names.unwrap_or_default(),
            private_ips: given.private_ip.map(check_address).transpose()?.into_iter().collect(),
            ipv6: check_ipv6((given.ipv6.0, given.ipv6.1))?,
            ..New::default()
        };
        return Ok(Network { zone, first: Interface::New(only), further: Vec::new() });
    }
    let top_level = [
        (given.subnet.is_some(), "subnet ID"),
        (given.groups.is_some() || given.group_names.is_some(), "security groups"),
        (given.private_ip.is_some(), "private address"),
        (given.ipv6.0.is_some() || given.ipv6.1.is_some(), "IPv6 address"),
    ];
    if let Some((_, what)) = top_level.iter().find(|(is_given, _)| *is_given) {
        return Err(errors::combination(format!(
            "Network interfaces and an instance-level {what} may not be specified on the same request"
        )));
    }
    if interfaces.len() > 1 && interfaces.iter().any(|one| one.associate_public_ip_address.is_some()) {
        let message = "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.";
        return Err(errors::combination(message));
    }
    let mut all = std::collections::BTreeMap::new();
    for one in interfaces {
        let index = one.device_index.ok_or_else(|| {
            errors::invalid_parameter_value("Each network interface requires a device index.")
        })?;
        if !(0..=DEVICES_MAX).contains(&index) {
            return Err(errors::invalid_value(index, "deviceIndex"));
        }
        if all.insert(index, check_interface(one)?).is_some() {
            let message = format!("There are several network interfaces with the device index {index}.");
            return Err(errors::invalid_parameter_value(message));
        }
    }
    let no_first = || errors::invalid_parameter_value("A network interface requires the device index 0.");
    let first = all.remove(&0).ok_or_else(no_first)?;
    Ok(Network { zone, first, further: all.into_iter().collect() })
}

fn check_interface(one: InstanceNetworkInterfaceSpecification) -> Result<Interface> {
    if let Some(id) = &one.network_interface_id {
        let is_more = one.subnet_id.is_some()
            || one.groups.is_some()
            || one.private_ip_address.is_some()
            || one.private_ip_addresses.is_some()
            || one.secondary_private_ip_address_count.is_some()
            || one.ipv6_addresses.is_some()
            || one.ipv6_address_count.is_some()
            || one.description.is_some()
            || one.associate_public_ip_address.is_some();
        if is_more || one.delete_on_termination == Some(true) {
            let message = "A network interface may not specify both a network interface ID and what a new one shall be.";
            return Err(errors::combination(message));
        }
        let id = InterfaceId::parse(id).ok_or_else(|| errors::interface_malformed(id))?;
        return Ok(Interface::Existing(id));
    }
    let more = match (one.secondary_private_ip_address_count, &one.private_ip_addresses) {
        (Some(_), Some(_)) => {
            let message = "Give either secondaryPrivateIpAddressCount or privateIpAddresses.";
            return Err(errors::combination(message));
        }
        (count, _) => usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX).min(ADDRESSES_MAX + 1),
    };
    Ok(Interface::New(New {
        private_ips: private_ips(one.private_ip_address, one.private_ip_addresses)?,
        more,
        subnet: one.subnet_id.map(check_subnet).transpose()?,
        groups: check_groups(one.groups)?,
        group_names: Vec::new(),
        associate_public: one.associate_public_ip_address,
        ipv6: check_ipv6((one.ipv6_addresses, one.ipv6_address_count))?,
        description: one.description.unwrap_or_default(),
        stays: one.delete_on_termination == Some(false),
    }))
}

/// The addresses of an interface, out of both places where they may be given, the primary one first.
///
/// # Errors
/// For two primary ones, and for what is no address.
pub fn private_ips(
    first: Option<String>,
    listed: Option<Vec<PrivateIpAddressSpecification>>,
) -> Result<Vec<Ipv4Addr>> {
    let mut listed = listed.unwrap_or_default();
    listed.sort_by_key(|address| address.primary != Some(true));
    let primaries = listed.iter().filter(|address| address.primary == Some(true)).count();
    if primaries + usize::from(first.is_some()) > 1 {
        return Err(errors::combination("Only one primary private IP address can be specified."));
    }
    let listed = listed.into_iter().map(|one| one.private_ip_address);
    let given = first.map(Some).into_iter().chain(listed);
    given.map(|address| check_address(address.ok_or_else(|| errors::missing("PrivateIpAddress"))?)).collect()
}

fn check_ipv6((given, count): (Option<Vec<InstanceIpv6Address>>, Option<i32>)) -> Result<ipv6::Wish> {
    let addresses: Vec<String> = given.into_iter().flatten().filter_map(|one| one.ipv6_address).collect();
    super::ipv6::check_wish(&addresses, count)
}

fn zone_of(placement: Option<Placement>) -> Option<String> {
    placement.and_then(|placement| placement.availability_zone).filter(|zone| !zone.is_empty())
}

fn check_subnet(text: String) -> Result<SubnetId> {
    SubnetId::parse(&text).ok_or_else(|| errors::subnet_not_found(text))
}

/// # Errors
/// `InvalidGroupId.Malformed`.
pub fn check_groups(given: Option<Vec<String>>) -> Result<Vec<GroupId>> {
    let groups = given.unwrap_or_default().into_iter();
    groups.map(|text| GroupId::parse(&text).ok_or_else(|| errors::group_malformed(&text))).collect()
}

fn check_address(text: String) -> Result<Ipv4Addr> {
    text.parse().map_err(|_| errors::invalid_because(text, "address", "Invalid IPv4 address."))
}

#[cfg(test)]
mod tests {
    use api_ec2::PrivateIpAddressSpecification;

    use super::*;

    fn given(interfaces: Vec<InstanceNetworkInterfaceSpecification>) -> Where {
        Where {
            interfaces: Some(interfaces),
            subnet: None,
            groups: None,
            group_names: None,
            private_ip: None,
            ipv6: (None, None),
            placement: None,
        }
    }

    fn at(index: i32) -> InstanceNetworkInterfaceSpecification {
        InstanceNetworkInterfaceSpecification { device_index: Some(index), ..Default::default() }
    }

    fn refusal(interfaces: Vec<InstanceNetworkInterfaceSpecification>) -> String {
        check(given(interfaces)).unwrap_err().code().to_owned()
    }

    #[test]
    fn interfaces_have_indexes_of_their_own_from_zero_on() {
        let found = check(given(vec![at(2), at(0)])).unwrap();
        assert_eq!(found.further.len(), 1);
        assert_eq!(found.further[0].0, 2);
        for bad in
            [vec![at(1)], vec![at(0), at(0)], vec![at(0), at(15)], vec![at(-1)], vec![Default::default()]]
        {
            assert_eq!(refusal(bad), "InvalidParameterValue");
        }
        let public =
            InstanceNetworkInterfaceSpecification { associate_public_ip_address: Some(true), ..at(0) };
        assert_eq!(refusal(vec![public, at(1)]), "InvalidParameterCombination");
    }

    #[test]
    fn what_is_there_is_only_named() {
        let id = Some("eni-0123456789abcdef0".to_owned());
        let there = || InstanceNetworkInterfaceSpecification { network_interface_id: id.clone(), ..at(0) };
        assert!(check(given(vec![there()])).unwrap().is_fixed());
        for more in [
            InstanceNetworkInterfaceSpecification { description: Some("x".to_owned()), ..there() },
            InstanceNetworkInterfaceSpecification { delete_on_termination: Some(true), ..there() },
        ] {
            assert_eq!(refusal(vec![more]), "InvalidParameterCombination");
        }
    }

    #[test]
    fn the_primary_address_comes_first() {
        let listed = |text: &str, primary: bool| PrivateIpAddressSpecification {
            private_ip_address: Some(text.to_owned()),
            primary: Some(primary),
        };
        let both = Some(vec![listed("10.0.0.5", false), listed("10.0.0.6", true)]);
        let one = InstanceNetworkInterfaceSpecification { private_ip_addresses: both, ..at(0) };
        let Interface::New(new) = check(given(vec![one.clone()])).unwrap().first else { panic!("a new one") };
        assert_eq!(new.private_ips, [Ipv4Addr::new(10, 0, 0, 6), Ipv4Addr::new(10, 0, 0, 5)]);
        let twice = InstanceNetworkInterfaceSpecification {
            private_ip_address: Some("10.0.0.7".to_owned()),
            ..one.clone()
        };
        assert_eq!(refusal(vec![twice]), "InvalidParameterCombination");
        let counted =
            InstanceNetworkInterfaceSpecification { secondary_private_ip_address_count: Some(1), ..one };
        assert_eq!(refusal(vec![counted]), "InvalidParameterCombination");
    }
}
