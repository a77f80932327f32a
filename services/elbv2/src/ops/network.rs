//! What is asked of EC2 about subnets, security groups and instances, in the service's own name.

use std::net::Ipv4Addr;

use api_ec2 as ec2;
use kernel::{Ctx, Result};

use crate::errors;

/// A subnet as load balancers need it.
#[derive(Clone, Debug)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
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
    })
}

/// Checks that the groups are of the VPC; without any, its default one.
///
/// # Errors
/// `InvalidSecurityGroup`.
pub(crate) async fn security_groups(ctx: &Ctx, vpc: &str, given: Vec<String>) -> Result<Vec<String>> {
    let filter = |name: &str, value: &str| ec2::Filter {
        name: Some(name.to_owned()),
        values: Some(vec![value.to_owned()]),
    };
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

/// The ranges of a VPC's subnets, each with its zone.
pub(crate) async fn zones_of(ctx: &Ctx, vpc: &str) -> Result<Vec<(ipnet::Ipv4Net, String)>> {
    let filter = ec2::Filter { name: Some("vpc-id".to_owned()), values: Some(vec![vpc.to_owned()]) };
    let request = ec2::DescribeSubnetsRequest { filters: Some(vec![filter]), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeSubnets, request).await?;
    let zone = |subnet: ec2::Subnet| Some((subnet.cidr_block?.parse().ok()?, subnet.availability_zone?));
    Ok(found.subnets.unwrap_or_default().into_iter().filter_map(zone).collect())
}

/// An instance as a target.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
    pub(crate) private_ip: Ipv4Addr,
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
            id: instance.instance_id?,
            vpc: instance.vpc_id.unwrap_or_default(),
            zone: instance.placement.and_then(|placement| placement.availability_zone).unwrap_or_default(),
            private_ip: instance.private_ip_address?.parse().ok()?,
            state: instance.state?.name?,
        })
    };
    Ok(all.filter_map(read).collect())
}
