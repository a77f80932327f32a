//! Flow logs.

use std::fmt::Display;

use kernel::{Error, Kind};

pub fn flow_log_not_found(id: impl Display) -> Error {
    let message = format!("These flow log ids in the input list are not found: [TotalCount: 1] {id}");
    Error::new(Kind::NotFound, "InvalidFlowLogId.NotFound", message)
}

pub fn flow_log_parameter(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "InvalidParameter", message)
}

pub fn flow_log_lacks(name: &str, destination: &str) -> Error {
    flow_log_parameter(format!("{name} can't be empty if LogDestinationType is {destination}."))
}

pub fn flow_log_exists() -> Error {
    let message = "Error. There is an existing Flow Log with the same configuration and log destination.";
    Error::new(Kind::Conflict, "FlowLogAlreadyExists", message)
}

pub fn flow_log_limit(most: usize) -> Error {
    let message = format!("A resource can have at most {most} flow logs");
    Error::new(Kind::Limit, "FlowLogsLimitExceeded", message)
}

/// Of one resource: what is in the answer's list.
pub fn log_destination_missing(bucket: &str) -> Error {
    flow_log_parameter(format!("LogDestination: {bucket} does not exist"))
}

pub fn log_destination_denied(bucket: &str) -> Error {
    flow_log_parameter(format!(
        "Access Denied for LogDestination: {bucket}. Please check LogDestination permission"
    ))
}
