//! Images stored in S3, and restored.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::invalid_parameter_value;

pub fn stored_image_unreadable() -> Error {
    invalid_parameter_value("The object is not an image that was stored by CreateStoreImageTask.")
}

pub fn stored_image_elsewhere(architecture: &str) -> Error {
    invalid_parameter_value(format!("The stored image is for {architecture}, which no instance here has."))
}

pub fn stored_image_damaged() -> Error {
    invalid_parameter_value("The stored image is damaged, or does not end where it should.")
}

pub fn image_too_large(id: impl Display, most: u64) -> Error {
    invalid_parameter_value(format!("The image {id} has more than {most} GiB of snapshots."))
}

pub fn image_stored_already(bucket: &str, key: &str) -> Error {
    let message = format!("The image is in the bucket {bucket} already, or on its way there: {key}");
    Error::new(Kind::Conflict, "IncorrectState", message)
}

pub fn image_tasks_too_many(most: u64) -> Error {
    let message =
        format!("There can be {most} GB of snapshot data in progress. Try again when tasks have completed.");
    Error::new(Kind::Limit, "ResourceLimitExceeded", message)
}

pub fn bucket_denied(why: &str) -> Error {
    Error::new(Kind::Denied, "UnauthorizedOperation", why.to_owned())
}

pub fn bucket_unusable(why: &str) -> Error {
    invalid_parameter_value(format!("The bucket or the object cannot be used: {why}"))
}
