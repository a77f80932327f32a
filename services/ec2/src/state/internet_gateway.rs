//! Internet gateways: what joins a VPC to the world.

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::state::id::{InternetGatewayId, VpcId};
use crate::state::tag;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternetGateway {
    pub id: InternetGatewayId,
    pub vpc: Option<VpcId>,
}

static GATEWAYS: Table<InternetGateway> = Table::new("ec2/internet-gateway");

pub fn find(
    from: &mut impl Reader,
    scope: &Scope,
    id: &InternetGatewayId,
) -> Result<Option<InternetGateway>> {
    GATEWAYS.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<InternetGateway>> {
    GATEWAYS.all(from, scope, ())
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &InternetGatewayId) -> Result<InternetGateway> {
    find(from, scope, id)?.ok_or_else(|| errors::internet_gateway_not_found(id))
}

/// The gateway of a VPC: there is one at most.
pub fn find_of_vpc(from: &mut impl Reader, scope: &Scope, vpc: &VpcId) -> Result<Option<InternetGateway>> {
    Ok(all(from, scope)?.into_iter().find(|gateway| gateway.vpc.as_ref() == Some(vpc)))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, gateway: &InternetGateway) -> Result<()> {
    GATEWAYS.put(tx, scope, &gateway.id, gateway)
}

pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<InternetGateway> {
    let gateway = InternetGateway { id: InternetGatewayId::fresh(tx.ctx().ids()), vpc: None };
    put(tx, scope, &gateway)?;
    Ok(gateway)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InternetGatewayId) -> Result<()> {
    tag::forget(tx, scope, id)?;
    GATEWAYS.delete(tx, scope, id)
}

pub(super) fn insert_attached(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &VpcId) -> Result<InternetGateway> {
    let gateway = InternetGateway { id: InternetGatewayId::fresh(tx.ctx().ids()), vpc: Some(vpc.clone()) };
    GATEWAYS.put(tx, scope, &gateway.id, &gateway)?;
    Ok(gateway)
}
