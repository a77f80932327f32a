//! Launches.

use kernel::{Error, Kind};

use super::invalid_parameter_value;

pub fn launch_too_many() -> Error {
    let message = "You have requested more instances than one request may launch.";
    Error::new(Kind::Limit, "ResourceCountExceeded", message)
}

/// A machine with a kernel of its own, on a host that cannot have one.
pub fn no_micro_vm(why: &str) -> Error {
    let message =
        format!("The requested configuration is currently not supported: microvm. On this host, {why}");
    Error::new(Kind::Invalid, "Unsupported", message)
}

pub fn user_data_not_base64() -> Error {
    invalid_parameter_value("Invalid BASE64 encoding of user data.")
}

pub fn user_data_too_long(limit: usize) -> Error {
    invalid_parameter_value(format!("User data is limited to {limit} bytes"))
}

pub fn fixed_for_several() -> Error {
    super::combination("Fixed IP addresses are not supported when launching multiple instances.")
}
