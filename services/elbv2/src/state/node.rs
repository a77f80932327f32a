//! What there is of a load balancer: written by its controller alone.

use kernel::{Reader, Result, Scope, Table, Tx};
use nodes::Node;
use serde::{Deserialize, Serialize};

/// The interfaces of a load balancer, and whether it has served yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nodes {
    pub nodes: Vec<Node>,
    pub active: bool,
    /// Why it does not serve, where it should.
    pub trouble: Option<String>,
}

static NODES: Table<Nodes> = Table::new("elbv2/nodes");

/// By the load balancer's id. Nothing where there is nothing yet.
pub fn get(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Nodes> {
    Ok(NODES.get(from, scope, id)?.unwrap_or_default())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str, nodes: &Nodes) -> Result<()> {
    NODES.put(tx, scope, id, nodes)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    NODES.delete(tx, scope, id)
}

/// Those of load balancers that are no more, too.
pub fn ids_of_all_scopes(from: &mut impl Reader, keys: &mut Vec<(Scope, String)>) -> Result<()> {
    keys.extend(NODES.all_ids(from)?);
    Ok(())
}
