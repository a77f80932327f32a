//! Route tables: where a subnet's packets go.

use ipnet::Ipv4Net;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::vpc as rules;
use crate::state::id::{InternetGatewayId, RouteTableAssociationId, RouteTableId, SubnetId, VpcId};
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
    pub destination: Ipv4Net,
    pub target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    Local,
    InternetGateway(InternetGatewayId),
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
    super::all(&TABLES, from, scope, ())
}

pub(super) fn insert_main(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    vpc: &Vpc,
    gateway: Option<&InternetGatewayId>,
) -> Result<RouteTable> {
    let ids = tx.ctx().ids();
    let mut routes = vec![Route { destination: vpc.cidr, target: Target::Local }];
    routes.extend(gateway.map(|gateway| Route {
        destination: rules::ANYWHERE,
        target: Target::InternetGateway(gateway.clone()),
    }));
    let main = Association { id: RouteTableAssociationId::fresh(ids), subnet: None };
    let table =
        RouteTable { id: RouteTableId::fresh(ids), vpc: vpc.id.clone(), routes, associations: vec![main] };
    TABLES.put(tx, scope, &table.id, &table)?;
    Ok(table)
}
