//! Every error this service answers with (EC2 Instance Connect API reference).

use api_ec2_instance_connect::error;
use kernel::{Error, Kind};

pub fn arguments(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_ARGS_EXCEPTION, message)
}

pub fn no_such_instance(id: &str, zone: Option<&str>) -> Error {
    let place = zone.map(|zone| format!(" in {zone}")).unwrap_or_default();
    Error::modeled(
        Kind::NotFound,
        &error::EC2_INSTANCE_NOT_FOUND_EXCEPTION,
        format!("There is no instance {id}{place}."),
    )
}

pub fn instance_state(id: &str, state: &str) -> Error {
    let message = format!("Instance {id} is {state}. Only to one that is running can be connected.");
    Error::modeled(Kind::Conflict, &error::EC2_INSTANCE_STATE_INVALID_EXCEPTION, message)
}

pub fn instance_unavailable(id: &str) -> Error {
    let message = format!("Instance {id} does not answer at present. Wait a few minutes and try again.");
    Error::modeled(Kind::Conflict, &error::EC2_INSTANCE_UNAVAILABLE_EXCEPTION, message)
}

pub fn too_many_keys(id: &str) -> Error {
    let message = format!("Too many keys were sent to instance {id} within a minute. Wait and try again.");
    Error::modeled(Kind::Throttled, &error::THROTTLING_EXCEPTION, message)
}

pub fn console_access_disabled() -> Error {
    let message = "Your account may not use serial consoles. EnableSerialConsoleAccess lets it.";
    Error::modeled(Kind::Denied, &error::SERIAL_CONSOLE_ACCESS_DISABLED_EXCEPTION, message)
}

pub fn instance_type(name: &str) -> Error {
    let message = format!("The instance type {name} is not supported for connecting via the serial console.");
    Error::modeled(Kind::Invalid, &error::EC2_INSTANCE_TYPE_INVALID_EXCEPTION, message)
}
