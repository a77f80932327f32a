//! Route tables: where a subnet's packets go.

use ipnet::IpNet;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::vpc as rules;
use crate::state::id::{
    EgressOnlyInternetGatewayId, InterfaceId, InternetGatewayId, NatGatewayId, PeeringId,
    RouteTableAssociationId, RouteTableId, SubnetId, VpcId,
};
use crate::state::tag;
use crate::state::vpc::Vpc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    pub id: RouteTableId,
    pub vpc: VpcId,
    pub routes: Vec<Route>,
    pub associations: Vec<Association>,
}

impl RouteTable {
    /// Subnets without a table of their own follow the main one.
    pub fn is_main(&self) -> bool {
        self.associations.iter().any(|association| association.subnet.is_none())
    }

    pub fn routes_subnet(&self, subnet: &SubnetId) -> bool {
        self.associations.iter().any(|association| association.subnet.as_ref() == Some(subnet))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub destination: IpNet,
    pub target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    Local,
    InternetGateway(InternetGatewayId),
    EgressOnlyInternetGateway(EgressOnlyInternetGatewayId),
    NatGateway(NatGatewayId),
    Peering(PeeringId),
    Interface(InterfaceId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    pub id: RouteTableAssociationId,
    /// `None` for the association that makes the table its VPC's main one.
    pub subnet: Option<SubnetId>,
}

static TABLES: Table<RouteTable> = Table::new("ec2/route-table");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &RouteTableId) -> Result<Option<RouteTable>> {
    TABLES.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<RouteTable>> {
    TABLES.all(from, scope, ())
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &RouteTableId) -> Result<RouteTable> {
    find(from, scope, id)?.ok_or_else(|| errors::route_table_not_found(id))
}

/// Of one VPC.
pub fn of_vpc(from: &mut impl Reader, scope: &Scope, vpc: &VpcId) -> Result<Vec<RouteTable>> {
    Ok(all(from, scope)?.into_iter().filter(|table| table.vpc == *vpc).collect())
}

/// The table that has this association.
pub fn get_by_association(
    from: &mut impl Reader,
    scope: &Scope,
    id: &RouteTableAssociationId,
) -> Result<RouteTable> {
    let has = |table: &RouteTable| table.associations.iter().any(|association| association.id == *id);
    all(from, scope)?.into_iter().find(has).ok_or_else(|| errors::route_table_association_not_found(id))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, table: &RouteTable) -> Result<()> {
    TABLES.put(tx, scope, &table.id, table)
}

/// A new table that knows the VPC's own ranges.
pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &Vpc) -> Result<RouteTable> {
    let local = |cidr| Route { destination: cidr, target: Target::Local };
    let table = RouteTable {
        id: RouteTableId::fresh(tx.ctx().ids()),
        vpc: vpc.id.clone(),
        routes: vpc.all_cidrs().map(local).collect(),
        associations: Vec::new(),
    };
    put(tx, scope, &table)?;
    Ok(table)
}

/// Gives every table of a VPC the local routes of its ranges, and of no others.
pub fn put_local(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &Vpc) -> Result<()> {
    for mut table in of_vpc(tx, scope, &vpc.id)? {
        table.routes.retain(|route| route.target != Target::Local);
        let local = vpc.all_cidrs().map(|cidr| Route { destination: cidr, target: Target::Local });
        table.routes.splice(0..0, local);
        put(tx, scope, &table)?;
    }
    Ok(())
}

/// Lets the subnet follow the main table.
pub fn disassociate_subnet(tx: &mut Tx<'_, '_>, scope: &Scope, subnet: &SubnetId) -> Result<()> {
    for mut table in all(tx, scope)?.into_iter().filter(|table| table.routes_subnet(subnet)) {
        table.associations.retain(|association| association.subnet.as_ref() != Some(subnet));
        put(tx, scope, &table)?;
    }
    Ok(())
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &RouteTableId) -> Result<()> {
    tag::forget(tx, scope, id)?;
    TABLES.delete(tx, scope, id)
}

pub(super) fn insert_main(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    vpc: &Vpc,
    gateway: Option<&InternetGatewayId>,
) -> Result<RouteTable> {
    let ids = tx.ctx().ids();
    let mut routes = vec![Route { destination: vpc.cidr.into(), target: Target::Local }];
    routes.extend(gateway.map(|gateway| Route {
        destination: rules::ANYWHERE.into(),
        target: Target::InternetGateway(gateway.clone()),
    }));
    let main = Association { id: RouteTableAssociationId::fresh(ids), subnet: None };
    let table =
        RouteTable { id: RouteTableId::fresh(ids), vpc: vpc.id.clone(), routes, associations: vec![main] };
    TABLES.put(tx, scope, &table.id, &table)?;
    Ok(table)
}
