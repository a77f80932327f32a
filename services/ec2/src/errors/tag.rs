//! Tags and tag specifications.

use kernel::{Error, Kind};

use super::invalid_parameter_value;

pub fn tag_key_empty() -> Error {
    invalid_parameter_value("Tag key cannot be empty")
}

pub fn tag_key_long(max: usize) -> Error {
    invalid_parameter_value(format!("Tag key exceeds the maximum length of {max} characters"))
}

pub fn tag_value_long(max: usize) -> Error {
    invalid_parameter_value(format!("Tag value exceeds the maximum length of {max} characters"))
}

pub fn tag_key_reserved() -> Error {
    invalid_parameter_value("Tag keys starting with 'aws:' are reserved for internal use")
}

pub fn tag_duplicate(key: &str) -> Error {
    invalid_parameter_value(format!("Duplicate tag key '{key}' specified."))
}

pub fn tag_limit() -> Error {
    let message = "The maximum number of Tags for a resource has been reached.";
    Error::new(Kind::Limit, "TagLimitExceeded", message)
}

pub fn tag_type_missing() -> Error {
    invalid_parameter_value("Tag specification resource type must have a value")
}

pub fn tag_type_not_allowed(resource_type: &str) -> Error {
    let message = format!("'{resource_type}' is not a valid taggable resource type for this operation.");
    invalid_parameter_value(message)
}

pub fn tag_type_twice() -> Error {
    invalid_parameter_value(
        "The same resource type may not be specified more than once in tag specifications.",
    )
}

pub fn tag_specification_empty() -> Error {
    invalid_parameter_value("Tag specification must have at least one tag")
}

/// An id of a resource that cannot bear tags, or of no resource at all.
pub fn tag_id_invalid(id: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidID", format!("The ID '{id}' is not valid"))
}
