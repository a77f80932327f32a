//! Egress-only internet gateways: the way out of a VPC over IPv6, and none in.

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::state::id::{EgressOnlyInternetGatewayId, VpcId};
use crate::state::tag;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressOnlyInternetGateway {
    pub id: EgressOnlyInternetGatewayId,
    pub vpc: VpcId,
}

static GATEWAYS: Table<EgressOnlyInternetGateway> = Table::new("ec2/egress-only-internet-gateway");

pub fn find(
    from: &mut impl Reader,
    scope: &Scope,
    id: &EgressOnlyInternetGatewayId,
) -> Result<Option<EgressOnlyInternetGateway>> {
    GATEWAYS.get(from, scope, id)
}

pub fn get(
    from: &mut impl Reader,
    scope: &Scope,
    id: &EgressOnlyInternetGatewayId,
) -> Result<EgressOnlyInternetGateway> {
    find(from, scope, id)?.ok_or_else(|| errors::egress_only_gateway_not_found(id))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<EgressOnlyInternetGateway>> {
    GATEWAYS.all(from, scope, ())
}

pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &VpcId) -> Result<EgressOnlyInternetGateway> {
    let id = EgressOnlyInternetGatewayId::fresh(tx.ctx().ids());
    let gateway = EgressOnlyInternetGateway { id, vpc: vpc.clone() };
    GATEWAYS.put(tx, scope, &gateway.id, &gateway)?;
    Ok(gateway)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &EgressOnlyInternetGatewayId) -> Result<()> {
    tag::forget(tx, scope, id)?;
    GATEWAYS.delete(tx, scope, id)
}
