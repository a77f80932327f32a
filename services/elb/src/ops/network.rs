//! What is asked of EC2 about subnets, security groups and instances, in the service's own name.

use std::net::Ipv4Addr;

use api_ec2 as ec2;
use kernel::{Ctx, Result};

use crate::errors;
use crate::state::load_balancer::Zone;

fn filter(name: &str, values: &[&str]) -> ec2::Filter {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    ec2::Filter { name: Some(name.to_owned()), values: Some(values) }
}

fn place(of: ec2::Subnet) -> Option<(Zone, String)> {
    Some((Zone { subnet: of.subnet_id?, zone: of.availability_zone? }, of.vpc_id?))
}

/// A subnet, and its VPC.
///
/// # Errors
/// `SubnetNotFound`.
pub(crate) async fn subnet(ctx: &Ctx, id: &str) -> Result<(Zone, String)> {
    let request = ec2::DescribeSubnetsRequest { subnet_ids: Some(vec![id.to_owned()]), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeSubnets, request).await;
    let found = found.map_err(|error| match error.code() {
        "InvalidSubnetID.NotFound" | "InvalidSubnetID.Malformed" => errors::subnet_not_found(id),
        _ => error,
    })?;
    let subnet = found.subnets.unwrap_or_default().into_iter().next().and_then(place);
    subnet.ok_or_else(|| errors::subnet_not_found(id))
}

/// The default subnet of a zone, and its VPC.
///
/// # Errors
/// `ValidationError` where there is none.
pub(crate) async fn default_subnet(ctx: &Ctx, zone: &str) -> Result<(Zone, String)> {
    let filters = vec![filter("availability-zone", &[zone]), filter("default-for-az", &["true"])];
    let request = ec2::DescribeSubnetsRequest { filters: Some(filters), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeSubnets, request).await?;
    let subnet = found.subnets.unwrap_or_default().into_iter().next().and_then(place);
    subnet.ok_or_else(|| {
        errors::validation(format!("The availability zone {zone} is not valid, or has no default subnet"))
    })
}

/// Checks that the groups are of the VPC; without any, its default one. Gives them with the name of the first.
///
/// # Errors
/// `InvalidSecurityGroup`.
pub(crate) async fn security_groups(
    ctx: &Ctx,
    vpc: &str,
    given: Vec<String>,
) -> Result<(Vec<String>, String)> {
    let mut filters = vec![filter("vpc-id", &[vpc])];
    if given.is_empty() {
        filters.push(filter("group-name", &["default"]));
    }
    let request = ec2::DescribeSecurityGroupsRequest { filters: Some(filters), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeSecurityGroups, request).await?;
    let of_vpc: Vec<(String, String)> = found
        .security_groups
        .unwrap_or_default()
        .into_iter()
        .filter_map(|group| Some((group.group_id?, group.group_name.unwrap_or_default())))
        .collect();
    let name_of = |id: &String| of_vpc.iter().find(|(known, _)| known == id).map(|(_, name)| name.clone());
    let groups = match given.iter().find(|id| name_of(id).is_none()) {
        Some(missing) => return Err(errors::invalid_security_group(missing)),
        None if given.is_empty() => of_vpc.iter().map(|(id, _)| id.clone()).collect(),
        None => given,
    };
    let name = groups.first().and_then(name_of).unwrap_or_default();
    Ok((groups, name))
}

/// An instance as load balancers need it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) state: String,
}

/// Those that have an address.
///
/// # Errors
/// `InvalidInstance`.
pub(crate) async fn instances(ctx: &Ctx, ids: &[String]) -> Result<Vec<Found>> {
    let Some(first) = ids.first() else { return Ok(Vec::new()) };
    let request = ec2::DescribeInstancesRequest { instance_ids: Some(ids.to_vec()), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeInstances, request).await;
    let found = found.map_err(|error| match error.code() {
        // EC2 names those it does not know.
        code if code.starts_with("InvalidInstanceID") => {
            let unknown = ids.iter().find(|id| error.message().contains(id.as_str()));
            errors::invalid_instance(unknown.unwrap_or(first))
        }
        _ => error,
    })?;
    let reservations = found.reservations.unwrap_or_default().into_iter();
    let all = reservations.flat_map(|reservation| reservation.instances.unwrap_or_default());
    let read = |instance: ec2::Instance| {
        Some(Found {
            id: instance.instance_id?,
            vpc: instance.vpc_id.unwrap_or_default(),
            zone: instance.placement.and_then(|placement| placement.availability_zone).unwrap_or_default(),
            address: instance.private_ip_address?.parse().ok()?,
            state: instance.state?.name?,
        })
    };
    Ok(all.filter_map(read).collect())
}
