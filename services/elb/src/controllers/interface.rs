//! Interfaces of load balancers in their subnets, asked of EC2 in the service's own name.

use api_ec2 as ec2;
use kernel::{Ctx, Error, Result};

use crate::state::load_balancer::{LoadBalancer, Zone};
use crate::state::node::Node;

/// What EC2 should have said and did not.
#[derive(Debug)]
struct Unsaid(&'static str);

impl std::fmt::Display for Unsaid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an interface was described without {}", self.0)
    }
}

impl std::error::Error for Unsaid {}

/// Makes the interface of a load balancer in a subnet, or finds it where it was made before. A load balancer that faces
/// the internet has a public address there.
pub async fn make(ctx: &Ctx, of: &LoadBalancer, zone: &Zone) -> Result<Node> {
    let token = format!("elb-{}-{}", of.id, zone.subnet);
    let made = match create(ctx, of, zone, token.clone()).await {
        // What this token made is gone, or was asked for otherwise: the subnet was left and is entered again.
        Err(error)
            if matches!(
                error.code(),
                "InvalidNetworkInterfaceID.NotFound" | "IdempotentParameterMismatch"
            ) =>
        {
            create(ctx, of, zone, format!("{token}-{}", ctx.now())).await?
        }
        outcome => outcome?,
    };
    let made = made.network_interface.unwrap_or_default();
    let id = made.network_interface_id.ok_or_else(|| Error::internal(Unsaid("an id")))?;
    if !of.internal {
        let request = ec2::ModifyNetworkInterfaceAttributeRequest {
            network_interface_id: id.clone(),
            associate_public_ip_address: Some(true),
            ..Default::default()
        };
        ctx.call_as_service(ec2::op::ModifyNetworkInterfaceAttribute, request).await?;
    }
    let request = ec2::DescribeNetworkInterfacesRequest {
        network_interface_ids: Some(vec![id.clone()]),
        ..Default::default()
    };
    let found = ctx.call_as_service(ec2::op::DescribeNetworkInterfaces, request).await?;
    let found = found.network_interfaces.unwrap_or_default().into_iter().next().unwrap_or_default();
    let private_ip = found.private_ip_address.and_then(|text| text.parse().ok());
    Ok(Node {
        subnet: zone.subnet.clone(),
        zone: zone.zone.clone(),
        interface: id,
        private_ip: private_ip.ok_or_else(|| Error::internal(Unsaid("an address")))?,
        public_ip: found.association.and_then(|association| association.public_ip?.parse().ok()),
        security_groups: of.security_groups.clone(),
    })
}

async fn create(
    ctx: &Ctx,
    of: &LoadBalancer,
    zone: &Zone,
    token: String,
) -> Result<ec2::CreateNetworkInterfaceResult> {
    let request = ec2::CreateNetworkInterfaceRequest {
        subnet_id: zone.subnet.clone(),
        groups: Some(of.security_groups.clone()),
        description: Some(format!("ELB {}", of.name)),
        client_token: Some(token),
        ..Default::default()
    };
    ctx.call_as_service(ec2::op::CreateNetworkInterface, request).await
}

/// Lets an interface go. One that is gone is fine.
pub async fn remove(ctx: &Ctx, node: &Node) -> Result<()> {
    let request = ec2::DeleteNetworkInterfaceRequest {
        network_interface_id: node.interface.clone(),
        ..Default::default()
    };
    match ctx.call_as_service(ec2::op::DeleteNetworkInterface, request).await {
        Err(error) if error.code() != "InvalidNetworkInterfaceID.NotFound" => Err(error),
        _ => Ok(()),
    }
}

pub async fn set_groups(ctx: &Ctx, node: &Node, groups: &[String]) -> Result<()> {
    let request = ec2::ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: node.interface.clone(),
        groups: Some(groups.to_vec()),
        ..Default::default()
    };
    ctx.call_as_service(ec2::op::ModifyNetworkInterfaceAttribute, request).await
}
