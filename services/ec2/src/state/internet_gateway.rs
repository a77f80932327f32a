//! Internet gateways: what joins a VPC to the world.

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::state::id::{InternetGatewayId, VpcId};

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
    super::all(&GATEWAYS, from, scope, ())
}

pub(super) fn insert_attached(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &VpcId) -> Result<InternetGateway> {
    let gateway = InternetGateway { id: InternetGatewayId::fresh(tx.ctx().ids()), vpc: Some(vpc.clone()) };
    GATEWAYS.put(tx, scope, &gateway.id, &gateway)?;
    Ok(gateway)
}
