//! Permissions: what rules are made of.

use kernel::{Error, Kind};

use super::{combination, invalid_parameter_value, missing};

pub fn permission_duplicate(rule: &str) -> Error {
    let message = format!("the specified rule \"{rule}\" already exists");
    Error::new(Kind::Conflict, "InvalidPermission.Duplicate", message)
}

pub fn permission_not_found() -> Error {
    let message = "The specified rule does not exist in this security group.";
    Error::new(Kind::NotFound, "InvalidPermission.NotFound", message)
}

pub fn permission_twice() -> Error {
    invalid_parameter_value("The same permission must not appear multiple times")
}

pub fn permissions_twice_given() -> Error {
    combination("The parameter ipPermissions cannot be used with the parameters of a single permission")
}

pub fn permission_without_peer() -> Error {
    missing("ipRanges, ipv6Ranges or groups")
}

pub fn protocol_unknown(protocol: &str) -> Error {
    invalid_parameter_value(format!("Invalid value '{protocol}' for IP protocol. Unknown protocol."))
}

pub fn ports_missing() -> Error {
    let message = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
    invalid_parameter_value(message)
}

pub fn port_out_of_range(port: i32) -> Error {
    invalid_parameter_value(format!("TCP/UDP port ({port}) out of range"))
}

pub fn port_range_reversed(from: i32, to: i32) -> Error {
    invalid_parameter_value(format!("Invalid TCP/UDP port range ({from}:{to})"))
}

pub fn icmp_type_out_of_range(value: i32) -> Error {
    invalid_parameter_value(format!("ICMP type ({value}) out of range"))
}

pub fn icmp_code_out_of_range(value: i32) -> Error {
    invalid_parameter_value(format!("ICMP code ({value}) out of range"))
}

pub fn icmp_code_without_type() -> Error {
    invalid_parameter_value("ICMP code cannot be given when the type is -1 (any)")
}

pub fn cidr_malformed(cidr: &str) -> Error {
    invalid_parameter_value(format!("CIDR block {cidr} is malformed"))
}
