//! What there is of a load balancer: written by its controller alone.

use kernel::{Reader, Result, Scope, Table, Tx};
use nodes::Node;
use serde::{Deserialize, Serialize};

/// The interfaces of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nodes {
    /// Whose they are: there may be another load balancer of that name by now.
    pub of: String,
    pub nodes: Vec<Node>,
}

static NODES: Table<Nodes> = Table::new("elb/nodes");

/// By the load balancer's name.
pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Nodes>> {
    NODES.get(from, scope, name)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str, nodes: &Nodes) -> Result<()> {
    NODES.put(tx, scope, name, nodes)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    NODES.delete(tx, scope, name)
}

/// Those of load balancers that are no more, too.
pub fn names_of_all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, String)>> {
    NODES.all_ids(from)
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Nodes)>> {
    NODES.all_scopes(from)
}
