//! Network ACLs: what may enter and leave a subnet, packet by packet.

use ipnet::Ipv4Net;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::network_acl as rules;
use crate::state::id::{NetworkAclAssociationId, NetworkAclId, SubnetId, VpcId};
use crate::state::subnet::Subnet;

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
    pub cidr: Ipv4Net,
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
    super::all(&ACLS, from, scope, ())
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
