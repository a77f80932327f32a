//! What load balancing tells the house.

use kernel::{Event, Result, Scope, Tx};
use serde_json::json;

use crate::state::{listener, load_balancer};

pub const SOURCE: &str = "aws.elasticloadbalancing";
/// Within the house: the certificates that a load balancer uses from now on, for who keeps them.
pub const CERTIFICATES: &str = "Load Balancer Certificates";

/// Tells which certificates the listeners of a load balancer name, as they are in this transaction.
pub fn tell_certificates(tx: &mut Tx<'_, '_>, scope: &Scope, of: &str) -> Result<()> {
    let Some(balancer) = load_balancer::find(tx, scope, of)? else { return Ok(()) };
    let mut certificates: Vec<String> =
        listener::all(tx, scope, of)?.into_iter().flat_map(|one| one.certificates).collect();
    certificates.sort();
    certificates.dedup();
    let arn = balancer.arn(scope);
    let detail = json!({ "resource": arn, "certificates": certificates });
    let event = Event::new(tx.ctx(), SOURCE, CERTIFICATES, vec![arn], detail).in_private();
    tx.publish(&Event { scope: *scope, ..event })
}
