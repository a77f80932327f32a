//! Virtual networks, and the default one that every account finds in every region.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::vpc as rules;
use crate::state::id::{CidrAssociationId, DhcpOptionsId, VpcId};
use crate::state::{
    dhcp_options, internet_gateway, ipv6, network_acl, route_table, security_group, subnet, tag,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    pub id: VpcId,
    pub cidr: Ipv4Net,
    pub cidr_association: CidrAssociationId,
    /// None: its instances are told nothing.
    pub dhcp_options: Option<DhcpOptionsId>,
    pub is_default: bool,
    /// Instances with a public address get a public name.
    pub dns_hostnames: bool,
    /// The resolver at base+2 answers.
    pub dns_support: bool,
    /// Further ranges, in the order they were added.
    #[serde(default)]
    pub more: Vec<CidrAssociation>,
    /// Its blocks of IPv6.
    #[serde(default)]
    pub ipv6: Vec<Ipv6Association>,
}

/// One of a VPC's further ranges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CidrAssociation {
    pub id: CidrAssociationId,
    pub cidr: Ipv4Net,
}

/// One of a VPC's blocks of IPv6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6Association {
    pub id: CidrAssociationId,
    pub cidr: Ipv6Net,
}

impl Vpc {
    /// All its ranges, with the ids of their associations.
    pub fn ranges(&self) -> impl Iterator<Item = (&CidrAssociationId, Ipv4Net)> {
        let first = std::iter::once((&self.cidr_association, self.cidr));
        first.chain(self.more.iter().map(|more| (&more.id, more.cidr)))
    }

    /// Public addresses of the VPC have names, and its resolver knows the private ones.
    pub fn gives_names(&self) -> bool {
        self.dns_support && self.dns_hostnames
    }

    pub fn cidrs(&self) -> Vec<Ipv4Net> {
        self.ranges().map(|(_, cidr)| cidr).collect()
    }

    pub fn cidrs6(&self) -> Vec<Ipv6Net> {
        self.ipv6.iter().map(|block| block.cidr).collect()
    }

    /// Of both families: what routes inside.
    pub fn all_cidrs(&self) -> impl Iterator<Item = IpNet> {
        let of_six = self.ipv6.iter().map(|block| block.cidr.into());
        self.ranges().map(|(_, cidr)| cidr.into()).chain(of_six)
    }
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
    VPCS.all(from, scope, ())
}

/// Of every account, with their scopes.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Vpc)>> {
    VPCS.all_scopes(from)
}

/// Whether the scope has been given its default VPC, be it deleted since.
pub fn has_default(from: &mut impl Reader, scope: &Scope) -> Result<bool> {
    Ok(DEFAULT.get(from, scope, ())?.is_some())
}

/// Makes sure the scope has been given its default VPC, when it is first used. One that was deleted stays deleted.
pub fn ensure_default(tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()> {
    if has_default(tx, scope)? { Ok(()) } else { insert_default(tx, scope).map(drop) }
}

/// The default VPC of the scope.
///
/// # Errors
/// When it was deleted.
pub fn get_default(tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<Vpc> {
    find_default(tx, scope)?.ok_or_else(errors::no_default_vpc)
}

pub fn find_default(tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<Option<Vpc>> {
    ensure_default(tx, scope)?;
    let id = DEFAULT.get(tx, scope, ())?;
    Ok(id.map(|id| find(tx, scope, &id)).transpose()?.flatten())
}

fn blank(tx: &mut Tx<'_, '_>, cidr: Ipv4Net, dhcp_options: DhcpOptionsId) -> Vpc {
    let ids = tx.ctx().ids();
    Vpc {
        id: VpcId::fresh(ids),
        cidr,
        cidr_association: CidrAssociationId::fresh(ids),
        dhcp_options: Some(dhcp_options),
        is_default: false,
        dns_hostnames: false,
        dns_support: true,
        more: Vec::new(),
        ipv6: Vec::new(),
    }
}

/// A VPC with what comes with it: main route table, default ACL and default group.
///
/// # Errors
/// When the scope has too many VPCs.
pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, cidr: Ipv4Net) -> Result<Vpc> {
    ensure_default(tx, scope)?;
    if all(tx, scope)?.len() >= rules::VPCS_MAX {
        return Err(errors::vpc_limit());
    }
    let options = dhcp_options::ensure_default(tx, scope)?.id;
    let vpc = blank(tx, cidr, options);
    put(tx, scope, &vpc)?;
    route_table::insert_main(tx, scope, &vpc, None)?;
    network_acl::insert_default(tx, scope, &vpc.id, &[])?;
    security_group::insert_default(tx, scope, &vpc.id)?;
    Ok(vpc)
}

/// Writes a VPC that changed.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &Vpc) -> Result<()> {
    VPCS.put(tx, scope, &vpc.id, vpc)
}

/// Forgets a VPC with what came with it. That nothing else is in it was checked.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &VpcId) -> Result<()> {
    for table in route_table::all(tx, scope)?.into_iter().filter(|table| table.vpc == *id) {
        route_table::delete(tx, scope, &table.id)?;
    }
    for acl in network_acl::all(tx, scope)?.into_iter().filter(|acl| acl.vpc == *id) {
        network_acl::delete(tx, scope, &acl.id)?;
    }
    for group in security_group::all(tx, scope)?.into_iter().filter(|group| group.vpc == *id) {
        security_group::delete(tx, scope, &group)?;
    }
    for block in find(tx, scope, id)?.into_iter().flat_map(|vpc| vpc.ipv6) {
        ipv6::give_back(tx, block.cidr)?;
    }
    tag::forget(tx, scope, id)?;
    VPCS.delete(tx, scope, id)
}

/// The default VPC with all that belongs to it.
///
/// # Errors
/// When there is one.
pub fn insert_default(tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<Vpc> {
    if all(tx, scope)?.iter().any(|vpc| vpc.is_default) {
        return Err(errors::default_vpc_exists());
    }
    let options = dhcp_options::ensure_default(tx, scope)?.id;
    let vpc = Vpc { is_default: true, dns_hostnames: true, ..blank(tx, rules::DEFAULT_CIDR, options) };
    put(tx, scope, &vpc)?;
    DEFAULT.put(tx, scope, (), &vpc.id)?;
    let gateway = internet_gateway::insert_attached(tx, scope, &vpc.id)?;
    route_table::insert_main(tx, scope, &vpc, Some(&gateway.id))?;
    let subnets = subnet::insert_defaults(tx, scope, &vpc.id)?;
    network_acl::insert_default(tx, scope, &vpc.id, &subnets)?;
    security_group::insert_default(tx, scope, &vpc.id)?;
    Ok(vpc)
}
