//! Network ACLs: what may enter and leave a subnet, packet by packet.

use ipnet::IpNet;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::network_acl as rules;
use crate::state::id::{NetworkAclAssociationId, NetworkAclId, SubnetId, VpcId};
use crate::state::subnet::Subnet;
use crate::state::tag;
use crate::state::vpc::Vpc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAcl {
    pub id: NetworkAclId,
    pub vpc: VpcId,
    pub is_default: bool,
    pub entries: Vec<Entry>,
    pub associations: Vec<Association>,
}

/// One numbered rule; the lowest number that fits decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub number: i32,
    pub egress: bool,
    pub allow: bool,
    /// An IP protocol number, or `-1` for all.
    pub protocol: String,
    pub cidr: IpNet,
    /// From and to; of TCP and UDP.
    #[serde(default)]
    pub ports: Option<(u16, u16)>,
    /// Type and code, -1 for any; of ICMP and ICMPv6.
    #[serde(default)]
    pub icmp: Option<(i32, i32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    pub id: NetworkAclAssociationId,
    pub subnet: SubnetId,
}

static ACLS: Table<NetworkAcl> = Table::new("ec2/network-acl");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &NetworkAclId) -> Result<Option<NetworkAcl>> {
    ACLS.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<NetworkAcl>> {
    ACLS.all(from, scope, ())
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &NetworkAclId) -> Result<NetworkAcl> {
    find(from, scope, id)?.ok_or_else(|| errors::network_acl_not_found(id))
}

/// Of one VPC.
pub fn of_vpc(from: &mut impl Reader, scope: &Scope, vpc: &VpcId) -> Result<Vec<NetworkAcl>> {
    Ok(all(from, scope)?.into_iter().filter(|acl| acl.vpc == *vpc).collect())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, acl: &NetworkAcl) -> Result<()> {
    ACLS.put(tx, scope, &acl.id, acl)
}

/// A new ACL, which lets nothing pass.
pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &Vpc) -> Result<NetworkAcl> {
    let acl = NetworkAcl {
        id: NetworkAclId::fresh(tx.ctx().ids()),
        vpc: vpc.id.clone(),
        is_default: false,
        entries: rules::last_entries(!vpc.ipv6.is_empty()),
        associations: Vec::new(),
    };
    put(tx, scope, &acl)?;
    Ok(acl)
}

/// Lets the ACLs of a VPC that has IPv6 from now on speak of it: the default one lets it pass, unless it was changed.
pub fn begin_ipv6(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &VpcId) -> Result<()> {
    for mut acl in of_vpc(tx, scope, vpc)? {
        rules::begin_ipv6(&mut acl);
        put(tx, scope, &acl)?;
    }
    Ok(())
}

/// Puts a new subnet under its VPC's default ACL.
pub(super) fn associate_default(tx: &mut Tx<'_, '_>, scope: &Scope, subnet: &Subnet) -> Result<()> {
    let id = NetworkAclAssociationId::fresh(tx.ctx().ids());
    for mut acl in of_vpc(tx, scope, &subnet.vpc)?.into_iter().filter(|acl| acl.is_default) {
        acl.associations.push(Association { id: id.clone(), subnet: subnet.id.clone() });
        put(tx, scope, &acl)?;
    }
    Ok(())
}

/// Forgets which ACL a subnet is under.
pub(super) fn disassociate_subnet(tx: &mut Tx<'_, '_>, scope: &Scope, subnet: &SubnetId) -> Result<()> {
    let is_of = |association: &Association| association.subnet == *subnet;
    for mut acl in all(tx, scope)?.into_iter().filter(|acl| acl.associations.iter().any(is_of)) {
        acl.associations.retain(|association| !is_of(association));
        put(tx, scope, &acl)?;
    }
    Ok(())
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &NetworkAclId) -> Result<()> {
    tag::forget(tx, scope, id)?;
    ACLS.delete(tx, scope, id)
}

pub(super) fn insert_default(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    vpc: &VpcId,
    subnets: &[Subnet],
) -> Result<NetworkAcl> {
    let ids = tx.ctx().ids();
    let associate =
        |subnet: &Subnet| Association { id: NetworkAclAssociationId::fresh(ids), subnet: subnet.id.clone() };
    let acl = NetworkAcl {
        id: NetworkAclId::fresh(ids),
        vpc: vpc.clone(),
        is_default: true,
        entries: rules::default_entries(),
        associations: subnets.iter().map(associate).collect(),
    };
    ACLS.put(tx, scope, &acl.id, &acl)?;
    Ok(acl)
}
