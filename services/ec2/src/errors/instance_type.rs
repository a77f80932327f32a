//! Instance types.

use kernel::{Error, Kind};

use super::{invalid_parameter_value, listed};

pub fn instance_type_unknown(name: &str) -> Error {
    invalid_parameter_value(format!("Invalid value '{name}' for InstanceType."))
}

pub fn instance_types_unknown(names: &[String]) -> Error {
    let message = format!("The following supplied instance types do not exist: [{}]", listed(names));
    Error::new(Kind::Invalid, "InvalidInstanceType", message)
}

pub fn architecture_mismatch(instance_type: &str, architecture: &str, image: &str) -> Error {
    invalid_parameter_value(format!(
        "The architecture '{architecture}' of the specified instance type '{instance_type}' does not match the architecture '{image}' of the specified AMI."
    ))
}
