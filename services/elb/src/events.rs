//! What classic load balancers tell the house.

use kernel::{Event, Result, Scope, Tx};
use serde_json::json;

use crate::state::load_balancer::LoadBalancer;

pub const SOURCE: &str = "aws.elasticloadbalancing";
/// Within the house: the certificates that a load balancer uses from now on, for who keeps them.
pub const CERTIFICATES: &str = "Load Balancer Certificates";

/// Tells which certificates a load balancer names.
pub fn tell_certificates(tx: &mut Tx<'_, '_>, scope: &Scope, of: &LoadBalancer) -> Result<()> {
    let mut certificates: Vec<&String> =
        of.listeners.iter().filter_map(|one| one.certificate.as_ref()).collect();
    certificates.sort();
    certificates.dedup();
    let arn = of.arn(scope);
    let detail = json!({ "resource": arn, "certificates": certificates });
    let event = Event::new(tx.ctx(), SOURCE, CERTIFICATES, vec![arn], detail).in_private();
    tx.publish(&Event { scope: *scope, ..event })
}
