//! Subnets: a range of a VPC in one zone.

use ipnet::{Ipv4Net, Ipv6Net};
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::vpc::overlap;
use crate::rules::{region, vpc as rules};
use crate::state::id::{SubnetCidrAssociationId, SubnetId, VpcId};
use crate::state::{network_acl, route_table, tag};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    pub id: SubnetId,
    pub vpc: VpcId,
    pub cidr: Ipv4Net,
    /// `us-east-1a`
    pub zone: String,
    pub default_for_az: bool,
    pub map_public_ip_on_launch: bool,
    #[serde(default)]
    pub ipv6: Option<Ipv6Association>,
    /// New interfaces are given an address of it.
    #[serde(default)]
    pub assign_ipv6_address_on_creation: bool,
    /// Of instances that are launched into it and say nothing.
    #[serde(default)]
    pub names: NameOptions,
}

/// How an instance is named inside of its VPC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameOptions {
    /// By its id, not by its address.
    pub by_resource: bool,
    /// The name after its id has its address of IPv4.
    pub a_record: bool,
    /// And that of IPv6.
    pub aaaa_record: bool,
}

/// A subnet's block of IPv6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6Association {
    pub id: SubnetCidrAssociationId,
    pub cidr: Ipv6Net,
}

static SUBNETS: Table<Subnet> = Table::new("ec2/subnet");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &SubnetId) -> Result<Option<Subnet>> {
    SUBNETS.get(from, scope, id)
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &SubnetId) -> Result<Subnet> {
    find(from, scope, id)?.ok_or_else(|| errors::subnet_not_found(id))
}

/// In the order of their ids.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Subnet>> {
    SUBNETS.all(from, scope, ())
}

/// The subnet an instance is launched into when the request names none: the default one of `zone`, or of the first
/// zone.
///
/// # Errors
/// When there is no default VPC, or no such zone.
pub fn get_default(tx: &mut Tx<'_, '_>, scope: &Scope, zone: Option<&str>) -> Result<Subnet> {
    super::vpc::get_default(tx, scope)?;
    if let Some(zone) = zone
        && !region::zones(scope.region.as_str()).iter().any(|known| known.name == zone)
    {
        return Err(errors::zone_invalid(zone));
    }
    let defaults = all(tx, scope)?.into_iter().filter(|subnet| subnet.default_for_az);
    let fitting = defaults.filter(|subnet| zone.is_none_or(|zone| subnet.zone == zone));
    fitting.min_by(|a, b| a.zone.cmp(&b.zone)).ok_or_else(errors::no_default_subnet)
}

/// Of one VPC.
pub fn of_vpc(from: &mut impl Reader, scope: &Scope, vpc: &VpcId) -> Result<Vec<Subnet>> {
    Ok(all(from, scope)?.into_iter().filter(|subnet| subnet.vpc == *vpc).collect())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, subnet: &Subnet) -> Result<()> {
    SUBNETS.put(tx, scope, &subnet.id, subnet)
}

/// A new subnet under its VPC's default ACL.
pub fn insert(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    vpc: &VpcId,
    cidr: Ipv4Net,
    zone: String,
) -> Result<Subnet> {
    let subnet = Subnet {
        id: SubnetId::fresh(tx.ctx().ids()),
        vpc: vpc.clone(),
        cidr,
        zone,
        default_for_az: false,
        map_public_ip_on_launch: false,
        ipv6: None,
        assign_ipv6_address_on_creation: false,
        names: NameOptions::default(),
    };
    put(tx, scope, &subnet)?;
    network_acl::associate_default(tx, scope, &subnet)?;
    Ok(subnet)
}

/// The default subnet of a zone, at the first free place of the default VPC.
///
/// # Errors
/// When there is one, or no room, or no default VPC.
pub fn insert_default(tx: &mut Tx<'_, '_>, scope: &Scope, zone: &str) -> Result<Subnet> {
    let vpc = super::vpc::find_default(tx, scope)?;
    let vpc = vpc.ok_or_else(errors::default_subnet_without_vpc)?;
    let there = of_vpc(tx, scope, &vpc.id)?;
    if there.iter().any(|subnet| subnet.default_for_az && subnet.zone == zone) {
        return Err(errors::default_subnet_exists(zone));
    }
    let mut places = vpc.cidr.subnets(rules::DEFAULT_SUBNET_PREFIX).into_iter().flatten();
    let free = places.find(|place| !there.iter().any(|subnet| overlap(subnet.cidr, *place)));
    let cidr = free.ok_or_else(errors::no_room_for_subnet)?;
    let subnet = insert(tx, scope, &vpc.id, cidr, zone.to_owned())?;
    let subnet = Subnet { default_for_az: true, map_public_ip_on_launch: true, ..subnet };
    put(tx, scope, &subnet)?;
    Ok(subnet)
}

/// Forgets a subnet and what it was associated with. That nothing lives in it was checked.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &SubnetId) -> Result<()> {
    route_table::disassociate_subnet(tx, scope, id)?;
    network_acl::disassociate_subnet(tx, scope, id)?;
    tag::forget(tx, scope, id)?;
    SUBNETS.delete(tx, scope, id)
}

pub(super) fn insert_defaults(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &VpcId) -> Result<Vec<Subnet>> {
    let ids = tx.ctx().ids();
    let zones = region::zones(scope.region.as_str());
    let subnets = zones.into_iter().zip(rules::DEFAULT_SUBNETS).map(|(zone, cidr)| Subnet {
        id: SubnetId::fresh(ids),
        vpc: vpc.clone(),
        cidr,
        zone: zone.name,
        default_for_az: true,
        map_public_ip_on_launch: true,
        ipv6: None,
        assign_ipv6_address_on_creation: false,
        names: NameOptions::default(),
    });
    let subnets: Vec<_> = subnets.collect();
    for subnet in &subnets {
        SUBNETS.put(tx, scope, &subnet.id, subnet)?;
    }
    Ok(subnets)
}
