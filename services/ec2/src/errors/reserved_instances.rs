//! Reserved instances.

use kernel::{Error, Kind};

pub fn offering_not_found(id: &str) -> Error {
    let message = format!("The Reserved Instances offering ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidReservedInstancesOfferingId", message)
}

pub fn reserved_not_found(id: &str) -> Error {
    let message = format!("The Reserved Instances ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidReservedInstancesId", message)
}
