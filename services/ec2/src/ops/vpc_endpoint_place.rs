//! Where an endpoint is: the route tables that lead to it, or its interfaces in subnets.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use api_ec2 as api;
use kernel::{Result, Scope, Tx};

use super::page::parse;
use crate::errors;
use crate::rules::vpc_endpoint as rules;
use crate::state::id::{GroupId, RouteTableId, SubnetId};
use crate::state::network_interface::{Kind as InterfaceKind, Wish};
use crate::state::tag::Tags;
use crate::state::vpc_endpoint::{Kind, Place, VpcEndpoint};
use crate::state::{ipv6, network_interface, route_table, subnet, vpc_endpoint};

/// Tables, subnets and groups that a request names.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) tables: Vec<RouteTableId>,
    subnets: Vec<AskedPlace>,
    groups: Vec<GroupId>,
}

/// A subnet, and the addresses wanted there.
#[derive(Debug)]
struct AskedPlace {
    subnet: SubnetId,
    ipv4: Option<Ipv4Addr>,
    ipv6: Option<Ipv6Addr>,
}

impl Asked {
    /// # Errors
    /// When something is named that endpoints of the kind do not have, or that cannot be.
    pub(super) fn read(
        kind: &str,
        tables: Option<Vec<String>>,
        subnets: Option<Vec<String>>,
        groups: Option<Vec<String>>,
        configured: Option<Vec<api::SubnetConfiguration>>,
    ) -> Result<Self> {
        if kind == rules::GATEWAY {
            rules::check_absent(subnets.as_ref(), "SubnetIds", kind)?;
            rules::check_absent(groups.as_ref(), "SecurityGroupIds", kind)?;
            rules::check_absent(configured.as_ref(), "SubnetConfigurations", kind)?;
        } else {
            rules::check_absent(tables.as_ref(), "RouteTableIds", kind)?;
        }
        let tables = tables.into_iter().flatten();
        let mut subnets: Vec<AskedPlace> = subnets
            .into_iter()
            .flatten()
            .map(|id| {
                let subnet = parse(&id, errors::subnet_not_found)?;
                Ok(AskedPlace { subnet, ipv4: None, ipv6: None })
            })
            .collect::<Result<_>>()?;
        for one in configured.into_iter().flatten() {
            let id = one.subnet_id.ok_or_else(|| errors::missing("SubnetConfiguration.SubnetId"))?;
            let subnet: SubnetId = parse(&id, errors::subnet_not_found)?;
            let (ipv4, ipv6) = (address(one.ipv4, "Ipv4")?, address(one.ipv6, "Ipv6")?);
            subnets.retain(|known| known.subnet != subnet);
            subnets.push(AskedPlace { subnet, ipv4, ipv6 });
        }
        Ok(Self {
            tables: tables.map(|id| parse(&id, errors::route_table_not_found)).collect::<Result<_>>()?,
            subnets,
            groups: groups
                .into_iter()
                .flatten()
                .map(|id| parse(&id, errors::group_not_found))
                .collect::<Result<_>>()?,
        })
    }
}

fn address<T: FromStr>(text: Option<String>, name: &str) -> Result<Option<T>> {
    text.map(|text| text.parse().map_err(|_| errors::invalid_value(text, name))).transpose()
}

/// Lets tables of the VPC lead to a gateway endpoint.
///
/// # Errors
/// When one is not there, is of another VPC, or leads to another endpoint of the service.
pub(super) fn add_tables(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    endpoint: &mut VpcEndpoint,
    added: &[RouteTableId],
) -> Result<()> {
    for id in added {
        if route_table::get(tx, scope, id)?.vpc != endpoint.vpc {
            return Err(errors::different_networks(id, &endpoint.vpc));
        }
        let others = vpc_endpoint::of_table(tx, scope, id)?;
        if others.iter().any(|other| other.id != endpoint.id && other.word == endpoint.word) {
            let list = rules::find(&endpoint.word).and_then(|it| it.prefix_list(scope.region.as_str()));
            let list = list.map(|list| list.to_string()).unwrap_or_default();
            return Err(errors::endpoint_route_exists(id, list));
        }
        if let Kind::Gateway { tables, .. } = &mut endpoint.kind
            && !tables.contains(id)
        {
            tables.push(id.clone());
        }
    }
    Ok(())
}

pub(super) fn remove_tables(endpoint: &mut VpcEndpoint, removed: &[RouteTableId]) {
    if let Kind::Gateway { tables, .. } = &mut endpoint.kind {
        tables.retain(|table| !removed.contains(table));
    }
}

/// Gives an interface endpoint more groups, and an interface in more subnets.
///
/// # Errors
/// When a subnet is of another VPC or in a zone the endpoint has one in, or has no address left.
pub(super) fn add_places(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    endpoint: &mut VpcEndpoint,
    added: &Asked,
) -> Result<()> {
    let description = format!("VPC Endpoint Interface {}", endpoint.id);
    let Kind::Interface { places, groups, stack, .. } = &mut endpoint.kind else { return Ok(()) };
    let fresh = added.groups.iter().filter(|id| !groups.contains(id)).cloned().collect::<Vec<_>>();
    groups.extend(fresh);
    let mut zones = Vec::new();
    for place in places.iter() {
        zones.push(subnet::get(tx, scope, &place.subnet)?.zone);
    }
    for AskedPlace { subnet: id, ipv4, ipv6 } in &added.subnets {
        if ipv6.is_some() && !stack.is_dual {
            return Err(errors::endpoint_parameter(
                "Ipv6 is for endpoints of the IP address type dualstack.",
            ));
        }
        if places.iter().any(|place| place.subnet == *id) {
            continue;
        }
        let subnet = subnet::get(tx, scope, id)?;
        if subnet.vpc != endpoint.vpc {
            return Err(errors::different_networks(id, &endpoint.vpc));
        }
        if zones.contains(&subnet.zone) {
            return Err(errors::endpoint_subnets_of_one_zone(id));
        }
        let wish = Wish {
            subnet: id.clone(),
            private_ips: ipv4.iter().copied().collect(),
            more: 0,
            groups: groups.clone(),
            description: description.clone(),
            kind: InterfaceKind::Endpoint,
            ipv6: ipv6.map_or(ipv6::Wish::Count(stack.is_dual.into()), |it| ipv6::Wish::These(vec![it])),
            tags: Tags::new(),
        };
        let interface = network_interface::insert(tx, scope, wish)?;
        *groups = interface.groups;
        places.push(Place { subnet: id.clone(), interface: interface.id });
        zones.push(subnet.zone);
    }
    wear(tx, scope, places, groups)
}

/// Takes an interface endpoint out of subnets, and groups from it.
///
/// # Errors
/// When no group would be left.
pub(super) fn remove_places(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    endpoint: &mut VpcEndpoint,
    removed: &Asked,
) -> Result<()> {
    let Kind::Interface { places, groups, .. } = &mut endpoint.kind else { return Ok(()) };
    for place in places.extract_if(.., |place| removed.subnets.iter().any(|one| one.subnet == place.subnet)) {
        network_interface::delete(tx, scope, &place.interface)?;
    }
    if removed.groups.is_empty() {
        return Ok(());
    }
    groups.retain(|group| !removed.groups.contains(group));
    if groups.is_empty() {
        return Err(errors::endpoint_parameter("An endpoint must keep at least one security group."));
    }
    wear(tx, scope, places, groups)
}

/// Gives each interface an address of IPv6 or takes all of them, as the endpoint's families have it.
///
/// # Errors
/// When a subnet has none to give.
pub(super) fn follow_stack(tx: &mut Tx<'_, '_>, scope: &Scope, endpoint: &VpcEndpoint) -> Result<()> {
    for place in endpoint.places() {
        let mut interface = network_interface::get(tx, scope, &place.interface)?;
        if endpoint.stack().is_dual && interface.ipv6.is_empty() {
            ipv6::assign(tx, scope, &mut interface, None)?;
        } else if !endpoint.stack().is_dual {
            for address in interface.ipv6.clone() {
                ipv6::unassign(tx, scope, &mut interface, address)?;
            }
        }
    }
    Ok(())
}

fn wear(tx: &mut Tx<'_, '_>, scope: &Scope, places: &[Place], groups: &[GroupId]) -> Result<()> {
    for place in places {
        network_interface::put_groups(tx, scope, &place.interface, groups.to_vec())?;
    }
    Ok(())
}
