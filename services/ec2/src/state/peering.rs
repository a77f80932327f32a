//! Peering connections: two VPCs, perhaps of two accounts or regions, whose routes may lead to each other.

use ipnet::{Ipv4Net, Ipv6Net};
use kernel::house::HOUSE_SCOPE;
use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::state::id::{PeeringId, VpcId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peering {
    pub id: PeeringId,
    pub requester: Side,
    pub accepter: Side,
    pub status: Status,
    /// Until when it can be accepted.
    pub expires_at: Millis,
    /// Since when it is what it is.
    pub since: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    pub scope: Scope,
    pub vpc: VpcId,
    /// When the connection was last acted on.
    pub cidrs: Vec<Ipv4Net>,
    #[serde(default)]
    pub cidrs6: Vec<Ipv6Net>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Pending,
    Active,
    Rejected,
    Deleted,
    Failed,
}

impl Peering {
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// The other side, seen from a VPC of this one.
    pub fn other(&self, vpc: &VpcId) -> Option<&Side> {
        if self.requester.vpc == *vpc {
            Some(&self.accepter)
        } else if self.accepter.vpc == *vpc {
            Some(&self.requester)
        } else {
            None
        }
    }

    pub fn is_of(&self, scope: &Scope) -> bool {
        self.requester.scope == *scope || self.accepter.scope == *scope
    }
}

/// In the scope of the house: a connection is its two sides' alike.
static PEERINGS: Table<Peering> = Table::new("ec2/vpc-peering-connection");

/// A connection that `scope` has a side of.
pub fn find(from: &mut impl Reader, scope: &Scope, id: &PeeringId) -> Result<Option<Peering>> {
    Ok(PEERINGS.get(from, &HOUSE_SCOPE, id)?.filter(|peering| peering.is_of(scope)))
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &PeeringId) -> Result<Peering> {
    find(from, scope, id)?.ok_or_else(|| errors::peering_not_found(id))
}

/// Connections that `scope` has a side of.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Peering>> {
    let mut peerings = everybodys(from)?;
    peerings.retain(|peering| peering.is_of(scope));
    Ok(peerings)
}

pub fn everybodys(from: &mut impl Reader) -> Result<Vec<Peering>> {
    PEERINGS.all(from, &HOUSE_SCOPE, ())
}

/// The active connections of a VPC, each with its other side.
pub fn of_vpc(from: &mut impl Reader, vpc: &VpcId) -> Result<Vec<(PeeringId, Side)>> {
    let active = everybodys(from)?.into_iter().filter(Peering::is_active);
    Ok(active.filter_map(|peering| Some((peering.id.clone(), peering.other(vpc)?.clone()))).collect())
}

pub fn put(tx: &mut Tx<'_, '_>, peering: &Peering) -> Result<()> {
    PEERINGS.put(tx, &HOUSE_SCOPE, &peering.id, peering)
}

pub fn forget(tx: &mut Tx<'_, '_>, id: &PeeringId) -> Result<()> {
    PEERINGS.delete(tx, &HOUSE_SCOPE, id)
}
