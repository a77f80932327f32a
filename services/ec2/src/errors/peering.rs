//! VPC peering connections.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{not_found, nothing_named};
use crate::state::id::PeeringId;

pub fn peering_not_found(id: impl Display) -> Error {
    nothing_named::<PeeringId>("InvalidVpcPeeringConnectionId.Malformed", id, |id| {
        not_found("InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection", id)
    })
}

pub fn peering_state(id: impl Display, status: &str) -> Error {
    let message = format!("Invalid request for the connection {id}: it is {status}.");
    Error::new(Kind::Conflict, "InvalidStateTransition", message)
}

pub fn peering_not_deletable(id: impl Display, status: &str) -> Error {
    let message =
        format!("Invalid state transition for {id}, attempted to transition from {status} to deleting");
    Error::new(Kind::Conflict, "InvalidStateTransition", message)
}

pub fn peering_not_yours(account: impl Display, id: impl Display) -> Error {
    let message = format!("User ({account}) cannot act on peering {id}: it is the other side's to do");
    Error::new(Kind::Denied, "OperationNotPermitted", message)
}

pub fn peering_with_itself(vpc: impl Display) -> Error {
    let message = format!("VPC {vpc} cannot be peered with itself");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn peering_exists(id: impl Display) -> Error {
    let message = format!("A peering connection between these VPCs exists: {id}");
    Error::new(Kind::Conflict, "VpcPeeringConnectionAlreadyExists", message)
}

pub fn peering_overlaps() -> Error {
    let message = "The VPCs have overlapping CIDR blocks.";
    Error::new(Kind::Conflict, "OverlappingCidrBlock", message)
}

pub fn peerings_outstanding(most: usize) -> Error {
    let message = format!(
        "There are {most} peering requests of this account that are not answered, which is the most."
    );
    Error::new(Kind::Limit, "OutstandingVpcPeeringConnectionLimitExceeded", message)
}

pub fn peerings_active(vpc: impl Display, most: usize) -> Error {
    let message = format!("VPC {vpc} has {most} active peering connections, which is the most.");
    Error::new(Kind::Limit, "ActiveVpcPeeringConnectionPerVpcLimitExceeded", message)
}
