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

pub fn reserved_too_dear() -> Error {
    let message = "The cost of the total order is greater than the LimitPrice.";
    Error::new(Kind::Invalid, "LimitPriceExceeded", message)
}

pub fn reserved_limit(most: u32) -> Error {
    let message = format!(
        "Your current quota does not allow you to purchase more than {most} Reserved Instances a month here."
    );
    Error::new(Kind::Limit, "ReservedInstancesLimitExceeded", message)
}
