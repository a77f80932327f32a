//! The refusals of checksums that are named and do not come, or are by another algorithm.

use kernel::Error;

use super::invalid_request;
use crate::rules::checksum::Algorithm;

/// An algorithm is named, and no checksum by it comes.
pub fn named_missing() -> Error {
    let message = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
                   headers were found.";
    invalid_request(message)
}

pub fn other_named() -> Error {
    invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid.")
}

/// A part whose checksum is not by its upload's algorithm, or is not there.
pub fn other(wanted: Algorithm, brought: Option<Algorithm>) -> Error {
    let name = |algorithm: Algorithm| algorithm.name().to_ascii_lowercase();
    invalid_request(format!(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        name(wanted),
        brought.map_or("null".to_owned(), name)
    ))
}

/// An upload is completed without the checksum of a part that its own is made of.
pub fn of_part_missing(wanted: Algorithm, part: u32) -> Error {
    invalid_request(format!(
        "The upload was created using a {} checksum. The complete request must include the checksum for each part. It \
         was missing for part {part} in the request.",
        wanted.name().to_ascii_lowercase()
    ))
}
