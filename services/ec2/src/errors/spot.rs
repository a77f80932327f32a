//! The spot market.

use std::fmt::Display;

use kernel::{Error, Kind};

use crate::state::id::SpotRequestId;
use price::Dollars;

pub fn spot_request_not_found(id: impl Display) -> Error {
    super::not_found("InvalidSpotInstanceRequestID.NotFound", "spot instance request", id)
}

pub fn spot_request_malformed(text: &str) -> Error {
    super::malformed::<SpotRequestId>("InvalidSpotInstanceRequestID.Malformed", text)
}

pub fn spot_price_low(given: Dollars, least: Dollars) -> Error {
    let message = format!(
        "Your Spot request price of {given} is lower than the minimum required Spot request fulfillment price of {least}."
    );
    Error::new(Kind::Invalid, "SpotMaxPriceTooLow", message)
}

pub fn spot_one_time(id: impl Display) -> Error {
    let message = format!(
        "You can't stop the Spot Instance '{id}' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests."
    );
    Error::new(Kind::Invalid, "UnsupportedOperation", message)
}

pub fn spot_not_startable(id: impl Display, request: impl Display) -> Error {
    let message = format!(
        "You can't start the Spot Instance '{id}' because the associated Spot Instance request '{request}' is not in an appropriate state to support start."
    );
    Error::new(Kind::Conflict, "IncorrectSpotRequestState", message)
}

pub fn spot_requests_too_many(most: i32) -> Error {
    let message = format!("A request may ask for {most} Spot Instances at the most.");
    Error::new(Kind::Limit, "RequestResourceCountExceeded", message)
}
