//! Filters of internet gateways.

use kernel::Scope;

use crate::state::internet_gateway::InternetGateway;

/// The state AWS shows for the attachment of an internet gateway.
pub const ATTACHED: &str = "available";

pub const FILTERS: &[&str] = &["attachment.state", "attachment.vpc-id", "internet-gateway-id", "owner-id"];

/// What a gateway has under the name of a filter.
pub fn values(gateway: &InternetGateway, scope: &Scope, name: &str) -> Vec<String> {
    match name {
        "attachment.state" => gateway.vpc.iter().map(|_| ATTACHED.to_owned()).collect(),
        "attachment.vpc-id" => gateway.vpc.iter().map(ToString::to_string).collect(),
        "internet-gateway-id" => vec![gateway.id.to_string()],
        "owner-id" => vec![scope.account.to_string()],
        _ => Vec::new(),
    }
}
