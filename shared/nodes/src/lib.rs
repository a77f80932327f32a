//! The network interfaces that something a service runs has in subnets of its owner: which are wanted, which there are,
//! and what is to be done next. They are asked of EC2 in the service's own name.

mod step;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
    /// Each has an address of IPv6 of its subnet besides.
    pub has_six: bool,
    /// They pass flows on under the addresses of others.
    pub carries: bool,
}

/// What there is in a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub subnet: String,
    pub zone: String,
    pub interface: String,
    pub private_ip: Ipv4Addr,
    pub public_ip: Option<Ipv4Addr>,
    #[serde(default)]
    pub ipv6: Option<Ipv6Addr>,
    #[serde(default)]
    pub carries: bool,
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
    /// Makes the interface of a place, or finds it where it was made before. Whatever becomes of its public address, it is
    /// known from then on.
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
        let found = describe(ctx, &id).await?;
        let (ipv6, public_ip) = (address_of(&found), public_of(&found));
        let private_ip = found.private_ip_address.and_then(|text| text.parse().ok());
        Ok(Node {
            subnet: place.subnet.clone(),
            zone: place.zone.clone(),
            interface: id,
            private_ip: private_ip.ok_or_else(|| Error::internal(Unsaid("an address")))?,
            public_ip,
            ipv6,
            carries: false,
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
            ipv6_address_count: self.has_six.then_some(1),
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
                allow_reassociation: Some(false),
                ..Default::default()
            };
            return ctx.call_as_service(ec2::op::AssociateAddress, request).await.map(drop);
        }
        if !self.is_public {
            return Ok(());
        }
        associate(ctx, id, true).await
    }

    fn place_of(&self, node: &Node) -> Option<&Place> {
        self.places.iter().find(|place| place.subnet == node.subnet)
    }

    /// The elastic address that the interface is to have.
    fn allocation(&self, node: &Node) -> Option<&String> {
        self.place_of(node)?.allocation.as_ref()
    }

    /// Gives an interface its public address, or takes one of its own back; either may have been done before.
    async fn set_public(&self, ctx: &Ctx, node: &Node) -> Result<Option<Ipv4Addr>> {
        if node.public_ip.is_some() {
            associate(ctx, &node.interface, false).await?;
            return Ok(None);
        }
        self.publish(ctx, self.place_of(node).unwrap_or(&Place::default()), &node.interface).await?;
        let given = public_of(&describe(ctx, &node.interface).await?);
        given.map(Some).ok_or_else(|| Error::internal(Unsaid("a public address")))
    }
}

/// Whether a VPC leads to the internet: without a gateway nothing in it can be reached from there.
///
/// # Errors
/// When EC2 cannot answer.
pub async fn has_gateway(ctx: &Ctx, vpc: &str) -> Result<bool> {
    let filter =
        ec2::Filter { name: Some("attachment.vpc-id".to_owned()), values: Some(vec![vpc.to_owned()]) };
    let request = ec2::DescribeInternetGatewaysRequest { filters: Some(vec![filter]), ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeInternetGateways, request).await?;
    Ok(found.internet_gateways.is_some_and(|found| !found.is_empty()))
}

/// Gives an interface a public address of its own, or takes it back.
async fn associate(ctx: &Ctx, id: &str, public: bool) -> Result<()> {
    let request = ec2::ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: id.to_owned(),
        associate_public_ip_address: Some(public),
        ..Default::default()
    };
    ctx.call_as_service(ec2::op::ModifyNetworkInterfaceAttribute, request).await
}

async fn describe(ctx: &Ctx, id: &str) -> Result<ec2::NetworkInterface> {
    let network_interface_ids = Some(vec![id.to_owned()]);
    let request = ec2::DescribeNetworkInterfacesRequest { network_interface_ids, ..Default::default() };
    let found = ctx.call_as_service(ec2::op::DescribeNetworkInterfaces, request).await?;
    Ok(found.network_interfaces.unwrap_or_default().into_iter().next().unwrap_or_default())
}

/// The address of IPv6 that an interface has.
fn address_of(described: &ec2::NetworkInterface) -> Option<Ipv6Addr> {
    described.ipv6_addresses.as_ref()?.first()?.ipv6_address.as_ref()?.parse().ok()
}

fn public_of(described: &ec2::NetworkInterface) -> Option<Ipv4Addr> {
    described.association.as_ref()?.public_ip.as_ref()?.parse().ok()
}

impl Node {
    /// What names lead to, by IPv4.
    pub fn known_as(&self, inside: bool) -> IpAddr {
        self.public_ip.filter(|_| !inside).unwrap_or(self.private_ip).into()
    }

    /// Lets it send and receive for others, or not.
    async fn set_carries(&self, ctx: &Ctx, carries: bool) -> Result<()> {
        let request = ec2::ModifyNetworkInterfaceAttributeRequest {
            network_interface_id: self.interface.clone(),
            source_dest_check: Some(ec2::AttributeBooleanValue { value: Some(!carries) }),
            ..Default::default()
        };
        ctx.call_as_service(ec2::op::ModifyNetworkInterfaceAttribute, request).await
    }

    /// Gives the interface an address of IPv6, which may have been done before.
    async fn assign_six(&self, ctx: &Ctx) -> Result<Ipv6Addr> {
        if address_of(&describe(ctx, &self.interface).await?).is_none() {
            let request = ec2::AssignIpv6AddressesRequest {
                network_interface_id: self.interface.clone(),
                ipv6_address_count: Some(1),
                ..Default::default()
            };
            ctx.call_as_service(ec2::op::AssignIpv6Addresses, request).await?;
        }
        let given = address_of(&describe(ctx, &self.interface).await?);
        given.ok_or_else(|| Error::internal(Unsaid("an address of IPv6")))
    }

    /// Takes it back, which may have been done before.
    async fn unassign_six(&self, ctx: &Ctx) -> Result<()> {
        let Some(given) = address_of(&describe(ctx, &self.interface).await?) else { return Ok(()) };
        let request = ec2::UnassignIpv6AddressesRequest {
            network_interface_id: self.interface.clone(),
            ipv6_addresses: Some(vec![given.to_string()]),
            ..Default::default()
        };
        ctx.call_as_service(ec2::op::UnassignIpv6Addresses, request).await.map(drop)
    }

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
