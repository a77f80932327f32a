//! The network interfaces that something a service runs has in subnets of its owner: which are wanted, which there are,
//! and what is to be done next. They are asked of EC2 in the service's own name.

mod step;

use std::net::Ipv4Addr;

use api_ec2 as ec2;
use kernel::{Ctx, Error, Result};
use serde::{Deserialize, Serialize};

pub use step::{Change, Step};

/// Where an interface is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub subnet: String,
    pub zone: String,
    /// An elastic address of the owner's, by its allocation.
    pub allocation: Option<String>,
    /// An address of the subnet, where it matters which.
    pub private_ip: Option<Ipv4Addr>,
}

/// What is wanted: one interface in each place.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Tells what it is wanted for from everything else of the account: interfaces are found by it where they were made before.
    pub token: String,
    pub description: String,
    pub places: Vec<Place>,
    pub security_groups: Vec<String>,
    /// Each has a public address: the place's elastic one, or one of its own.
    pub is_public: bool,
}

/// What there is in a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub subnet: String,
    pub zone: String,
    pub interface: String,
    pub private_ip: Ipv4Addr,
    pub public_ip: Option<Ipv4Addr>,
    pub security_groups: Vec<String>,
}

/// What EC2 should have said and did not.
#[derive(Debug)]
struct Unsaid(&'static str);

impl std::fmt::Display for Unsaid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an interface was described without {}", self.0)
    }
}

impl std::error::Error for Unsaid {}

impl Wanted {
    /// Makes the interface of a place, or finds it where it was made before.
    async fn make(&self, ctx: &Ctx, place: &Place) -> Result<Node> {
        let token = format!("{}-{}", self.token, place.subnet);
        let made = match self.create(ctx, place, token.clone()).await {
            // What this token made is gone, or was asked for otherwise: the subnet was left and is entered again.
            Err(error)
                if matches!(
                    error.code(),
                    "InvalidNetworkInterfaceID.NotFound" | "IdempotentParameterMismatch"
                ) =>
            {
                self.create(ctx, place, format!("{token}-{}", ctx.now())).await?
            }
            outcome => outcome?,
        };
        let made = made.network_interface.unwrap_or_default();
        let id = made.network_interface_id.ok_or_else(|| Error::internal(Unsaid("an id")))?;
        self.publish(ctx, place, &id).await?;
        let request = ec2::DescribeNetworkInterfacesRequest {
            network_interface_ids: Some(vec![id.clone()]),
            ..Default::default()
        };
        let found = ctx.call_as_service(ec2::op::DescribeNetworkInterfaces, request).await?;
        let found = found.network_interfaces.unwrap_or_default().into_iter().next().unwrap_or_default();
        let private_ip = found.private_ip_address.and_then(|text| text.parse().ok());
        Ok(Node {
            subnet: place.subnet.clone(),
            zone: place.zone.clone(),
            interface: id,
            private_ip: private_ip.ok_or_else(|| Error::internal(Unsaid("an address")))?,
            public_ip: found.association.and_then(|association| association.public_ip?.parse().ok()),
            security_groups: self.security_groups.clone(),
        })
    }

    async fn create(
        &self,
        ctx: &Ctx,
        place: &Place,
        token: String,
    ) -> Result<ec2::CreateNetworkInterfaceResult> {
        let request = ec2::CreateNetworkInterfaceRequest {
            subnet_id: place.subnet.clone(),
            groups: Some(self.security_groups.clone()),
            description: Some(self.description.clone()),
            private_ip_address: place.private_ip.map(|address| address.to_string()),
            client_token: Some(token),
            ..Default::default()
        };
        ctx.call_as_service(ec2::op::CreateNetworkInterface, request).await
    }

    /// Gives an interface its public address, where it is to have one.
    async fn publish(&self, ctx: &Ctx, place: &Place, id: &str) -> Result<()> {
        if let Some(allocation) = &place.allocation {
            let request = ec2::AssociateAddressRequest {
                allocation_id: Some(allocation.clone()),
                network_interface_id: Some(id.to_owned()),
                ..Default::default()
            };
            return ctx.call_as_service(ec2::op::AssociateAddress, request).await.map(drop);
        }
        if !self.is_public {
            return Ok(());
        }
        let request = ec2::ModifyNetworkInterfaceAttributeRequest {
            network_interface_id: id.to_owned(),
            associate_public_ip_address: Some(true),
            ..Default::default()
        };
        ctx.call_as_service(ec2::op::ModifyNetworkInterfaceAttribute, request).await
    }
}

impl Node {
    /// Lets the interface go. One that is gone is fine.
    ///
    /// # Errors
    /// What else EC2 says.
    pub async fn remove(&self, ctx: &Ctx) -> Result<()> {
        let request = ec2::DeleteNetworkInterfaceRequest {
            network_interface_id: self.interface.clone(),
            ..Default::default()
        };
        match ctx.call_as_service(ec2::op::DeleteNetworkInterface, request).await {
            Err(error) if error.code() != "InvalidNetworkInterfaceID.NotFound" => Err(error),
            _ => Ok(()),
        }
    }

    /// Puts the interface into these groups, and no others.
    async fn set_groups(&self, ctx: &Ctx, groups: &[String]) -> Result<()> {
        let request = ec2::ModifyNetworkInterfaceAttributeRequest {
            network_interface_id: self.interface.clone(),
            groups: Some(groups.to_vec()),
            ..Default::default()
        };
        ctx.call_as_service(ec2::op::ModifyNetworkInterfaceAttribute, request).await
    }
}
