//! Images.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{invalid_parameter_value, listed, malformed};
use crate::state::id::ImageId;

pub fn images_not_found(ids: &[String]) -> Error {
    let message = match ids {
        [id] => format!("The image id '[{id}]' does not exist"),
        ids => format!("The image ids '[{}]' do not exist", listed(ids)),
    };
    Error::new(Kind::NotFound, "InvalidAMIID.NotFound", message)
}

pub fn image_malformed(text: &str) -> Error {
    malformed::<ImageId>("InvalidAMIID.Malformed", text)
}

pub fn image_unavailable(id: impl Display) -> Error {
    let message = format!("The image ID '{id}' is not available");
    Error::new(Kind::Conflict, "InvalidAMIID.Unavailable", message)
}

pub fn image_name_malformed() -> Error {
    let message = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', \
                   '.', '-', '/' and '_'";
    Error::new(Kind::Invalid, "InvalidAMIName.Malformed", message)
}

pub fn image_name_taken(name: &str, id: impl Display) -> Error {
    let message = format!("AMI name {name} is already in use by AMI {id}");
    Error::new(Kind::Conflict, "InvalidAMIName.Duplicate", message)
}

pub fn image_not_yours(id: impl Display) -> Error {
    Error::new(Kind::Denied, "AuthFailure", format!("Not authorized for image:{id}"))
}

pub fn image_without_root(device: &str) -> Error {
    let message = format!("No snapshot is given for the root device {device}.");
    Error::new(Kind::Invalid, "InvalidBlockDeviceMapping", message)
}

pub fn deprecation_past() -> Error {
    invalid_parameter_value("The deprecation date of an image cannot be in the past.")
}

pub fn deprecation_too_far(latest: &str) -> Error {
    invalid_parameter_value(format!("The deprecation date of this image cannot be later than {latest}."))
}

pub fn public_image_deprecated(id: impl Display) -> Error {
    let message =
        format!("The deprecation of the public image {id} cannot be cancelled. Make it private first.");
    Error::new(Kind::Conflict, "OperationNotPermitted", message)
}

pub fn image_protected(id: impl Display) -> Error {
    let message = format!("The image {id} is protected from deregistration. Disable its protection first.");
    Error::new(Kind::Conflict, "OperationNotPermitted", message)
}

/// Who a permission is given to, or taken from.
pub fn share_item_invalid(value: &str) -> Error {
    let message = format!("Invalid attribute item value \"{value}\" for an account id or the group all.");
    Error::new(Kind::Invalid, "InvalidAMIAttributeItemValue", message)
}
