//! VPC endpoints: ways from a VPC to services of the cloud that need no public address.

use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::state::id::{EndpointId, GroupId, InterfaceId, RouteTableId, SubnetId, VpcId};
use crate::state::tag;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcEndpoint {
    pub id: EndpointId,
    pub vpc: VpcId,
    /// The service's word: `s3`.
    pub word: String,
    pub kind: Kind,
    /// As it was given; without one, everything passes.
    pub policy: Option<String>,
    /// What makes its names nobody else's.
    pub suffix: String,
    pub created_at: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Routes of these tables lead to it.
    Gateway {
        tables: Vec<RouteTableId>,
        /// Sets it apart from the VPC's other ones, from 0.
        number: u8,
    },
    /// It has an interface in each of these subnets, and they all wear these groups.
    Interface {
        places: Vec<Place>,
        groups: Vec<GroupId>,
        private_dns: bool,
        #[serde(default)]
        stack: Stack,
    },
}

/// The families of addresses of an interface endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// Each of its interfaces has an address of IPv6 beside that of IPv4.
    pub is_dual: bool,
    pub records: Records,
}

/// What its names stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Records {
    #[default]
    Ipv4,
    Ipv6,
    Dualstack,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub subnet: SubnetId,
    pub interface: InterfaceId,
}

impl VpcEndpoint {
    /// The service's own name means this endpoint in its VPC.
    pub fn has_private_dns(&self) -> bool {
        matches!(self.kind, Kind::Interface { private_dns: true, .. })
    }

    /// Of a gateway endpoint: IPv4.
    pub fn stack(&self) -> Stack {
        match self.kind {
            Kind::Interface { stack, .. } => stack,
            Kind::Gateway { .. } => Stack::default(),
        }
    }

    pub fn places(&self) -> &[Place] {
        match &self.kind {
            Kind::Interface { places, .. } => places,
            Kind::Gateway { .. } => &[],
        }
    }

    pub fn tables(&self) -> &[RouteTableId] {
        match &self.kind {
            Kind::Gateway { tables, .. } => tables,
            Kind::Interface { .. } => &[],
        }
    }
}

static ENDPOINTS: Table<VpcEndpoint> = Table::new("ec2/vpc-endpoint");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &EndpointId) -> Result<Option<VpcEndpoint>> {
    ENDPOINTS.get(from, scope, id)
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &EndpointId) -> Result<VpcEndpoint> {
    find(from, scope, id)?.ok_or_else(|| errors::endpoint_not_found(id))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<VpcEndpoint>> {
    ENDPOINTS.all(from, scope, ())
}

/// Of every account, with their scopes.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, VpcEndpoint)>> {
    ENDPOINTS.all_scopes(from)
}

/// Of one VPC.
pub fn of_vpc(from: &mut impl Reader, scope: &Scope, vpc: &VpcId) -> Result<Vec<VpcEndpoint>> {
    Ok(all(from, scope)?.into_iter().filter(|endpoint| endpoint.vpc == *vpc).collect())
}

/// Those a route table leads to.
pub fn of_table(from: &mut impl Reader, scope: &Scope, table: &RouteTableId) -> Result<Vec<VpcEndpoint>> {
    Ok(all(from, scope)?.into_iter().filter(|endpoint| endpoint.tables().contains(table)).collect())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, endpoint: &VpcEndpoint) -> Result<()> {
    ENDPOINTS.put(tx, scope, &endpoint.id, endpoint)
}

/// Lets a table that goes lead nowhere.
pub fn leave_table(tx: &mut Tx<'_, '_>, scope: &Scope, table: &RouteTableId) -> Result<()> {
    for mut endpoint in of_table(tx, scope, table)? {
        if let Kind::Gateway { tables, .. } = &mut endpoint.kind {
            tables.retain(|known| known != table);
        }
        put(tx, scope, &endpoint)?;
    }
    Ok(())
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &EndpointId) -> Result<()> {
    tag::forget(tx, scope, id)?;
    ENDPOINTS.delete(tx, scope, id)
}
