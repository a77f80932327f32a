//! Every error this service answers with, in AWS's words.

use api_cloudwatch::error;
use kernel::{Error, Kind};

/// `InvalidParameterValue` in the words given.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_PARAMETER_VALUE_EXCEPTION, message)
}

pub fn invalid_value(value: &str, parameter: &str) -> Error {
    invalid(format!("The value {value} for parameter {parameter} is invalid."))
}

pub fn unsupported_statistic(value: &str, parameter: &str) -> Error {
    invalid(format!("The value {value} for parameter {parameter} is not supported."))
}

pub fn collection_too_big(parameter: &str, max: usize) -> Error {
    invalid(format!("The collection {parameter} must not have a size greater than {max}."))
}

/// `MissingParameter` in the words given.
pub fn missing(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::MISSING_REQUIRED_PARAMETER_EXCEPTION, message)
}

/// `InvalidParameterCombination` in the words given.
pub fn combination(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_PARAMETER_COMBINATION_EXCEPTION, message)
}

pub fn exclusive(one: &str, other: &str) -> Error {
    combination(format!(
        "The parameters {one} and {other} are mutually exclusive and you have specified both."
    ))
}

pub fn too_many_datapoints(wanted: i64, max: i64) -> Error {
    combination(format!(
        "You have requested up to {wanted} datapoints, which exceeds the limit of {max}. \
         You may reduce the datapoints requested by increasing Period, or decreasing the time range."
    ))
}

/// `ValidationError` in the words given.
pub fn validation(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::VALIDATION_ERROR, message)
}

pub fn bad_next_token() -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_NEXT_TOKEN, "Request parameter NextToken is invalid")
}

/// More samples wait to be put in order than memory is set aside for.
pub fn too_fast() -> Error {
    Error::new(Kind::Throttled, "Throttling", "Rate exceeded")
}

pub fn too_many_metrics(max: u64) -> Error {
    Error::new(Kind::Limit, "LimitExceeded", format!("This house keeps at most {max} metrics."))
}

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("a {0} of metrics cannot be read")]
pub struct Damaged(pub &'static str);

impl From<Damaged> for Error {
    fn from(damaged: Damaged) -> Self {
        Self::internal(damaged)
    }
}
