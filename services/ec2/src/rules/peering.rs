//! The life of a peering connection (VPC peering guide, "VPC peering connection lifecycle"), and its filters.

use kernel::{Millis, Result, Scope};

use crate::errors;
use crate::state::peering::{Peering, Side, Status};

/// How long a request can be accepted.
pub const EXPIRES_MS: Millis = 7 * 86_400_000;
/// How long one that ended is still shown: to whoever deleted, failed or rejected it alike.
const SHOWN_MS: Millis = 2 * 3_600_000;

/// AWS's name of its state.
pub fn code(peering: &Peering, now: Millis) -> &'static str {
    match peering.status {
        Status::Pending if now >= peering.expires_at => "expired",
        Status::Pending => "pending-acceptance",
        Status::Active => "active",
        Status::Rejected => "rejected",
        Status::Deleted => "deleted",
        Status::Failed => "failed",
    }
}

pub fn message(peering: &Peering, now: Millis) -> String {
    match code(peering, now) {
        "active" => "Active".to_owned(),
        "pending-acceptance" => format!("Pending Acceptance by {}", peering.accepter.scope.account),
        "rejected" => "Inactive".to_owned(),
        "failed" => "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range".to_owned(),
        "expired" => "Expired".to_owned(),
        _ => "Deleted".to_owned(),
    }
}

pub fn is_forgotten(peering: &Peering, now: Millis) -> bool {
    match peering.status {
        Status::Active => false,
        Status::Pending => now - peering.expires_at > SHOWN_MS,
        Status::Rejected | Status::Deleted | Status::Failed => now - peering.since > SHOWN_MS,
    }
}

pub const FILTERS: &[&str] = &[
    "accepter-vpc-info.cidr-block",
    "accepter-vpc-info.owner-id",
    "accepter-vpc-info.vpc-id",
    "expiration-time",
    "requester-vpc-info.cidr-block",
    "requester-vpc-info.owner-id",
    "requester-vpc-info.vpc-id",
    "status-code",
    "status-message",
    "vpc-peering-connection-id",
];

/// What a connection has under the name of a filter.
pub fn values(peering: &Peering, now: Millis, name: &str) -> Vec<String> {
    if let Some(name) = name.strip_prefix("accepter-vpc-info.") {
        return side_values(&peering.accepter, name);
    }
    if let Some(name) = name.strip_prefix("requester-vpc-info.") {
        return side_values(&peering.requester, name);
    }
    vec![match name {
        "expiration-time" => super::instant::iso_millis(peering.expires_at),
        "status-code" => code(peering, now).to_owned(),
        "status-message" => message(peering, now),
        "vpc-peering-connection-id" => peering.id.to_string(),
        _ => return Vec::new(),
    }]
}

fn side_values(side: &Side, name: &str) -> Vec<String> {
    match name {
        "cidr-block" => side.cidrs.iter().map(ToString::to_string).collect(),
        "owner-id" => vec![side.scope.account.to_string()],
        "vpc-id" => vec![side.vpc.to_string()],
        _ => Vec::new(),
    }
}

/// Quotas of VPC peering: requests of an account and region that nobody has answered, and connections of a VPC.
const OUTSTANDING_MAX: usize = 25;
const ACTIVE_MAX: usize = 50;

/// # Errors
/// `OutstandingVpcPeeringConnectionLimitExceeded`.
pub fn check_outstanding(all: &[Peering], by: &Scope, now: Millis) -> Result<()> {
    let waits = |it: &&Peering| it.requester.scope == *by && code(it, now) == "pending-acceptance";
    match all.iter().filter(waits).count() < OUTSTANDING_MAX {
        true => Ok(()),
        false => Err(errors::peerings_outstanding(OUTSTANDING_MAX)),
    }
}

/// Whether both sides of one may have one more.
///
/// # Errors
/// `ActiveVpcPeeringConnectionPerVpcLimitExceeded`.
pub fn check_active(all: &[Peering], one: &Peering) -> Result<()> {
    for side in [&one.requester, &one.accepter] {
        let is_of = |it: &&Peering| it.is_active() && it.other(&side.vpc).is_some();
        if all.iter().filter(is_of).count() >= ACTIVE_MAX {
            return Err(errors::peerings_active(&side.vpc, ACTIVE_MAX));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kernel::ids::{Ids, SystemIds};

    use super::*;
    use crate::state::id::{PeeringId, VpcId};

    #[test]
    fn a_request_expires_and_what_ended_is_forgotten() {
        let ids = Ids(&SystemIds);
        let side = || Side {
            scope: kernel::house::HOUSE_SCOPE,
            vpc: VpcId::fresh(ids),
            cidrs: Vec::new(),
            cidrs6: Vec::new(),
        };
        let of = |status| Peering {
            id: PeeringId::fresh(ids),
            requester: side(),
            accepter: side(),
            status,
            expires_at: EXPIRES_MS,
            since: 0,
        };
        for (status, at, expected, forgotten) in [
            (Status::Pending, 0, "pending-acceptance", false),
            (Status::Pending, EXPIRES_MS, "expired", false),
            (Status::Pending, EXPIRES_MS + SHOWN_MS + 1, "expired", true),
            (Status::Active, EXPIRES_MS * 9, "active", false),
            (Status::Rejected, SHOWN_MS, "rejected", false),
            (Status::Deleted, SHOWN_MS + 1, "deleted", true),
            (Status::Failed, SHOWN_MS + 1, "failed", true),
        ] {
            let peering = of(status);
            assert_eq!(
                (code(&peering, at), is_forgotten(&peering, at)),
                (expected, forgotten),
                "{status:?} {at}"
            );
        }
    }
}
