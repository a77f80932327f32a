//! Images.

use kernel::{Error, Kind};

use super::{listed, malformed};
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
