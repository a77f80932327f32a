//! Filters of lists.

use kernel::{Error, Kind};

use super::invalid_parameter_value;

pub fn filter_invalid(name: &str) -> Error {
    invalid_parameter_value(format!("The filter '{name}' is invalid"))
}

pub fn filter_limit(max: usize) -> Error {
    let message = format!("The maximum number of filter values specified on a single call is {max}");
    Error::new(Kind::Limit, "FilterLimitExceeded", message)
}
