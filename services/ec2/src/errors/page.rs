//! Lists in pages.

use kernel::{Error, Kind};

use super::invalid_parameter_value;

pub fn max_results_low(given: i32, min: i32) -> Error {
    let message = format!(
        "Value ( {given} ) for parameter maxResults is invalid. Expecting a value greater than {min}."
    );
    invalid_parameter_value(message)
}

pub fn max_results_high(given: i32, max: i32) -> Error {
    let message = format!(
        "Value ( {given} ) for parameter maxResults is invalid. Expecting a value smaller than {max}."
    );
    invalid_parameter_value(message)
}

pub fn token_invalid(token: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidNextToken", format!("The token '{token}' is invalid"))
}
