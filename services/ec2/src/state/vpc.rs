//! Virtual networks, and the default one that every account finds in every region.

use ipnet::Ipv4Net;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::vpc as rules;
use crate::state::id::{CidrAssociationId, DhcpOptionsId, VpcId};
use crate::state::{dhcp_options, internet_gateway, network_acl, route_table, security_group, subnet};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    pub id: VpcId,
    pub cidr: Ipv4Net,
    pub cidr_association: CidrAssociationId,
    pub dhcp_options: DhcpOptionsId,
    pub is_default: bool,
    /// Instances with a public address get a public name.
    pub dns_hostnames: bool,
    /// The resolver at base+2 answers.
    pub dns_support: bool,
}

static VPCS: Table<Vpc> = Table::new("ec2/vpc");
/// The scope's default VPC. Apart from the VPC, so that one that is deleted does not come back by itself.
static DEFAULT: Table<VpcId> = Table::new("ec2/default-vpc");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &VpcId) -> Result<Option<Vpc>> {
    VPCS.get(from, scope, id)
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &VpcId) -> Result<Vpc> {
    find(from, scope, id)?.ok_or_else(|| errors::vpc_not_found(id))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Vpc>> {
    super::all(&VPCS, from, scope, ())
}

/// Of every account, with their scopes.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Vpc)>> {
    super::all_scopes(&VPCS, from)
}

/// Whether the scope has been given its default VPC, be it deleted since.
pub fn has_default(from: &mut impl Reader, scope: &Scope) -> Result<bool> {
    Ok(DEFAULT.get(from, scope, ())?.is_some())
}

/// The default VPC of the scope, made with all that belongs to it when the scope is first used.
pub fn ensure_default(tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<Vpc> {
    if let Some(id) = DEFAULT.get(tx, scope, ())? {
        return get(tx, scope, &id);
    }
    let ids = tx.ctx().ids();
    let vpc = Vpc {
        id: VpcId::fresh(ids),
        cidr: rules::DEFAULT_CIDR,
        cidr_association: CidrAssociationId::fresh(ids),
        dhcp_options: dhcp_options::insert_default(tx, scope)?.id,
        is_default: true,
        dns_hostnames: true,
        dns_support: true,
    };
    VPCS.put(tx, scope, &vpc.id, &vpc)?;
    DEFAULT.put(tx, scope, (), &vpc.id)?;
    let gateway = internet_gateway::insert_attached(tx, scope, &vpc.id)?;
    route_table::insert_main(tx, scope, &vpc, Some(&gateway.id))?;
    let subnets = subnet::insert_defaults(tx, scope, &vpc.id)?;
    network_acl::insert_default(tx, scope, &vpc.id, &subnets)?;
    security_group::insert_default(tx, scope, &vpc.id)?;
    Ok(vpc)
}
