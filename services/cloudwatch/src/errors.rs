//! Every error this service answers with, in AWS's words.

use api_cloudwatch::{DashboardInvalidInputError, DashboardValidationMessage, error};
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

pub fn alarm_in_use(name: &str) -> Error {
    validation(format!("Cannot delete {name} as there are composite alarm(s) depending on it."))
}

pub fn no_such_alarm() -> Error {
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND, "Unknown alarm name")
}

pub fn no_such_dashboard(name: &str) -> Error {
    let message = format!("The specified dashboard does not exist. [{name}]");
    Error::modeled(Kind::NotFound, &error::DASHBOARD_NOT_FOUND_ERROR, message)
}

/// A body with all that is wrong in it.
pub fn bad_dashboard(found: Vec<DashboardValidationMessage>) -> Error {
    let one = |one: &DashboardValidationMessage| {
        let (path, message) = (one.data_path.as_deref(), one.message.as_deref());
        serde_json::json!({ "dataPath": path.unwrap_or_default(), "message": message.unwrap_or_default() })
    };
    let list = serde_json::Value::Array(found.iter().map(one).collect());
    let message =
        format!("The dashboard body is invalid, there are {} validation errors:\n{list:#}", found.len());
    let fields = DashboardInvalidInputError {
        dashboard_validation_messages: Some(found),
        ..DashboardInvalidInputError::default()
    };
    Error::modeled(Kind::Invalid, &error::DASHBOARD_INVALID_INPUT_ERROR, message).with_fields(fields)
}

/// Of an ARN.
pub fn no_such_resource(arn: &str) -> Error {
    let message = format!("The resource {arn} does not exist.");
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_detector() -> Error {
    let message = "The anomaly detector does not exist.";
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn too_many_detectors(max: usize) -> Error {
    let message = format!("The maximum limit of {max} anomaly detectors has been reached.");
    Error::modeled(Kind::Limit, &error::LIMIT_EXCEEDED_EXCEPTION, message)
}

pub fn bad_reason_data() -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_FORMAT_FAULT, "StateReasonData is not valid JSON")
}

pub fn too_many_alarms(max: usize) -> Error {
    let message = format!("The maximum limit of {max} alarms has been reached.");
    Error::modeled(Kind::Limit, &error::LIMIT_EXCEEDED_FAULT, message)
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
