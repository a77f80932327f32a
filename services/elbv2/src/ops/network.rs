//! What is asked of EC2 about subnets, security groups and instances, in the service's own name.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use api_ec2 as ec2;
use ipnet::{IpNet, Ipv4Net};
use kernel::{Ctx, Result};

use crate::errors;

/// Of a subnet's addresses these first ones are nobody's, and its last one.
const KEPT_FIRST: u32 = 4;

/// A subnet as load balancers need it.
#[derive(Clone, Debug)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
    pub(crate) range: Option<Ipv4Net>,
    /// It has a range of IPv6.
    pub(crate) has_six: bool,
}

/// # Errors
/// `SubnetNotFound`.
pub(crate) async fn subnet(ctx: &Ctx, id: &str) -> Result<Subnet> {
    let request = ec2::DescribeSubnetsRequest { subnet_ids: Some(vec![id.to_owned()]), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeSubnets, request).await;
    let found = found.map_err(|error| match error.code() {
        "InvalidSubnetID.NotFound" | "InvalidSubnetID.Malformed" => errors::subnet_not_found(id),
        _ => error,
    })?;
    let subnet = found.subnets.unwrap_or_default().into_iter().next();
    let subnet = subnet.ok_or_else(|| errors::subnet_not_found(id))?;
    Ok(Subnet {
        id: id.to_owned(),
        vpc: subnet.vpc_id.unwrap_or_default(),
        zone: subnet.availability_zone.unwrap_or_default(),
        range: subnet.cidr_block.and_then(|range| range.parse().ok()),
        has_six: !ranges6(subnet.ipv6_cidr_block_association_set).is_empty(),
    })
}

/// Whether an address of the subnet can be had.
///
/// # Errors
/// `InvalidConfigurationRequest` where it is of another, one of those that AWS keeps (VPC user guide, "Subnet CIDR blocks"),
/// or somebody's.
pub(crate) async fn check_free(ctx: &Ctx, subnet: &Subnet, address: Ipv4Addr) -> Result<()> {
    let usable = |range: Ipv4Net| {
        let (first, last) = (u32::from(range.network()) + KEPT_FIRST, u32::from(range.broadcast()));
        (first..last).contains(&u32::from(address))
    };
    if !subnet.range.is_some_and(usable) {
        let message = format!("The address '{address}' cannot be had of the subnet '{}'", subnet.id);
        return Err(errors::configuration(message));
    }
    let filters =
        vec![filter("subnet-id", &subnet.id), filter("addresses.private-ip-address", &address.to_string())];
    let request = ec2::DescribeNetworkInterfacesRequest { filters: Some(filters), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeNetworkInterfaces, request).await?;
    match found.network_interfaces.unwrap_or_default().is_empty() {
        true => Ok(()),
        false => Err(errors::configuration(format!("The address '{address}' is in use"))),
    }
}

/// Whether an elastic address is there, and nobody's yet.
///
/// # Errors
/// `AllocationIdNotFound`, `ResourceInUse`.
pub(crate) async fn check_allocation(ctx: &Ctx, id: &str) -> Result<()> {
    let request =
        ec2::DescribeAddressesRequest { allocation_ids: Some(vec![id.to_owned()]), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeAddresses, request).await;
    let found = found.map_err(|error| match error.code() {
        code if code.starts_with("InvalidAllocationID") => errors::allocation_not_found(id),
        _ => error,
    })?;
    let address = found.addresses.unwrap_or_default().into_iter().next();
    let address = address.ok_or_else(|| errors::allocation_not_found(id))?;
    if address.association_id.is_some() { Err(errors::allocation_in_use(id)) } else { Ok(()) }
}

fn filter(name: &str, value: &str) -> ec2::Filter {
    ec2::Filter { name: Some(name.to_owned()), values: Some(vec![value.to_owned()]) }
}

/// Checks that the groups are of the VPC; without any, its default one.
///
/// # Errors
/// `InvalidSecurityGroup`.
pub(crate) async fn security_groups(ctx: &Ctx, vpc: &str, given: Vec<String>) -> Result<Vec<String>> {
    let mut filters = vec![filter("vpc-id", vpc)];
    if given.is_empty() {
        filters.push(filter("group-name", "default"));
    }
    let request = ec2::DescribeSecurityGroupsRequest { filters: Some(filters), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeSecurityGroups, request).await?;
    let of_vpc: Vec<String> =
        found.security_groups.unwrap_or_default().into_iter().filter_map(|group| group.group_id).collect();
    if given.is_empty() {
        return Ok(of_vpc);
    }
    match given.iter().find(|id| !of_vpc.contains(id)) {
        Some(missing) => Err(errors::invalid_security_group(missing)),
        None => Ok(given),
    }
}

/// Whether the VPC is there.
///
/// # Errors
/// `ValidationError`.
pub(crate) async fn check_vpc(ctx: &Ctx, id: &str) -> Result<()> {
    let request = ec2::DescribeVpcsRequest { vpc_ids: Some(vec![id.to_owned()]), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeVpcs, request).await;
    found.map(drop).map_err(|error| match error.code() {
        code if code.starts_with("InvalidVpcI") => {
            errors::validation(format!("The VPC ID '{id}' is not found"))
        }
        _ => error,
    })
}

fn ranges6(associations: Option<Vec<ec2::SubnetIpv6CidrBlockAssociation>>) -> Vec<IpNet> {
    let is_there = |one: &ec2::SubnetIpv6CidrBlockAssociation| {
        one.ipv6_cidr_block_state.as_ref().and_then(|state| state.state.as_deref()) == Some("associated")
    };
    let all = associations.unwrap_or_default().into_iter().filter(is_there);
    all.filter_map(|one| one.ipv6_cidr_block?.parse().ok()).collect()
}

/// The ranges of a VPC's subnets, of both families, each with its zone.
pub(crate) async fn zones_of(ctx: &Ctx, vpc: &str) -> Result<Vec<(IpNet, String)>> {
    let filters = Some(vec![filter("vpc-id", vpc)]);
    let request = ec2::DescribeSubnetsRequest { filters, ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeSubnets, request).await?;
    let zone = |subnet: ec2::Subnet| {
        let (four, zone) = (subnet.cidr_block?.parse().ok()?, subnet.availability_zone?);
        let six = ranges6(subnet.ipv6_cidr_block_association_set);
        Some(std::iter::once(four).chain(six).map(move |range| (range, zone.clone())))
    };
    Ok(found.subnets.unwrap_or_default().into_iter().filter_map(zone).flatten().collect())
}

/// The ranges of IPv6 from which a VPC is reached without an internet gateway: its own, and those of its peers.
pub(crate) async fn near(ctx: &Ctx, vpc: &str) -> Result<Vec<IpNet>> {
    let request = ec2::DescribeVpcsRequest { vpc_ids: Some(vec![vpc.to_owned()]), ..Default::default() };
    let own = ctx.call_as_service(ec2::op::DescribeVpcs, request).await?.vpcs.unwrap_or_default();
    let own = own.into_iter().flat_map(|one| one.ipv6_cidr_block_association_set.unwrap_or_default());
    let filters = Some(vec![filter("status-code", "active")]);
    let request = ec2::DescribeVpcPeeringConnectionsRequest { filters, ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeVpcPeeringConnections, request).await?;
    let found = found.vpc_peering_connections.unwrap_or_default().into_iter();
    let sides = found.filter_map(|one| Some([one.requester_vpc_info?, one.accepter_vpc_info?]));
    let joined = sides.filter(|sides| sides.iter().any(|side| side.vpc_id.as_deref() == Some(vpc)));
    let peers = joined.flatten().flat_map(|side| side.ipv6_cidr_block_set.unwrap_or_default());
    let all = own.map(|one| one.ipv6_cidr_block).chain(peers.map(|one| one.ipv6_cidr_block));
    let ranges: BTreeSet<IpNet> = all.filter_map(|range| range?.parse().ok()).collect();
    Ok(ranges.into_iter().collect())
}

/// An instance as a target.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
    pub(crate) private_ip: Ipv4Addr,
    /// The first of its first interface.
    pub(crate) ipv6: Option<Ipv6Addr>,
    pub(crate) state: String,
}

/// # Errors
/// `InvalidTarget`.
pub(crate) async fn instances(ctx: &Ctx, ids: Vec<String>) -> Result<Vec<Instance>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let names = ids.join(", ");
    let request = ec2::DescribeInstancesRequest { instance_ids: Some(ids), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeInstances, request).await;
    let found = found.map_err(|error| match error.code() {
        code if code.starts_with("InvalidInstanceID") => {
            errors::invalid_target(format!("The following targets are not valid instance IDs: '{names}'"))
        }
        _ => error,
    })?;
    let reservations = found.reservations.unwrap_or_default().into_iter();
    let all = reservations.flat_map(|reservation| reservation.instances.unwrap_or_default());
    let read = |instance: ec2::Instance| {
        Some(Instance {
            ipv6: six_of(&instance),
            id: instance.instance_id?,
            vpc: instance.vpc_id.unwrap_or_default(),
            zone: instance.placement.and_then(|placement| placement.availability_zone).unwrap_or_default(),
            private_ip: instance.private_ip_address?.parse().ok()?,
            state: instance.state?.name?,
        })
    };
    Ok(all.filter_map(read).collect())
}

fn six_of(instance: &ec2::Instance) -> Option<Ipv6Addr> {
    let is_first = |one: &&ec2::InstanceNetworkInterface| {
        one.attachment.as_ref().and_then(|attachment| attachment.device_index) == Some(0)
    };
    let first = instance.network_interfaces.iter().flatten().find(is_first)?;
    first.ipv6_addresses.as_ref()?.first()?.ipv6_address.as_ref()?.parse().ok()
}
