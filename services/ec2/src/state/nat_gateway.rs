//! NAT gateways: an interface of its own, under whose addresses others leave.

use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::state::id::{InterfaceId, NatGatewayId, SubnetId, VpcId};
use crate::state::tag;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGateway {
    pub id: NatGatewayId,
    pub vpc: VpcId,
    pub subnet: SubnetId,
    pub interface: InterfaceId,
    /// As it was made: still shown when the interface is gone.
    pub shown: Shown,
    pub created_at: Millis,
    /// It is shown for a while after that.
    pub deleted_at: Option<Millis>,
}

/// Addresses as DescribeNatGateways tells them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    pub private_ip: std::net::Ipv4Addr,
    /// With its allocation; without one the gateway is a private one.
    pub public: Option<(std::net::Ipv4Addr, String)>,
}

static GATEWAYS: Table<NatGateway> = Table::new("ec2/nat-gateway");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &NatGatewayId) -> Result<Option<NatGateway>> {
    GATEWAYS.get(from, scope, id)
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &NatGatewayId) -> Result<NatGateway> {
    find(from, scope, id)?.ok_or_else(|| errors::nat_gateway_not_found(id))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<NatGateway>> {
    GATEWAYS.all(from, scope, ())
}

/// Of every account, with their scopes.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, NatGateway)>> {
    GATEWAYS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, gateway: &NatGateway) -> Result<()> {
    GATEWAYS.put(tx, scope, &gateway.id, gateway)
}

pub fn forget(tx: &mut Tx<'_, '_>, scope: &Scope, id: &NatGatewayId) -> Result<()> {
    tag::forget(tx, scope, id)?;
    GATEWAYS.delete(tx, scope, id)
}
