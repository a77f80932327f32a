//! What requests about access points, and through them, are refused with (S3 user guide, S3 Control API reference).

use kernel::{Error, Kind};

use super::of;

pub fn no_such_access_point() -> Error {
    of(Kind::NotFound, "NoSuchAccessPoint", 404, "The specified accesspoint does not exist")
}

pub fn no_such_policy() -> Error {
    of(Kind::NotFound, "NoSuchAccessPointPolicy", 404, "The specified accesspoint policy does not exist")
}

pub fn is_yours() -> Error {
    let message = "Your previous request to create the named accesspoint succeeded and you already own it.";
    of(Kind::Conflict, "AccessPointAlreadyOwnedByYou", 409, message)
}

/// As many as an account may have in a region.
pub fn too_many() -> Error {
    let message = "You have attempted to create more access points than allowed";
    of(Kind::Limit, "TooManyAccessPoints", 400, message)
}

pub fn bad_name() -> Error {
    super::invalid_request("The specified accesspoint name is not valid")
}

pub fn bad_account() -> Error {
    super::invalid_request("The specified account ID is not valid")
}

pub fn bad_network() -> Error {
    super::invalid_request("The specified VPC ID is not valid")
}

pub fn other_region() -> Error {
    super::invalid_request("The access point must be in the same Region as its bucket")
}

pub fn bad_token() -> Error {
    super::invalid_request("The next token is not valid")
}

pub fn bad_page() -> Error {
    super::invalid_request("The maximum number of results must be between 0 and 1000")
}

/// What is asked of a bucket, and not of access points.
pub fn not_through() -> Error {
    let message = "The specified method is not allowed against this resource.";
    of(Kind::Invalid, "MethodNotAllowed", 405, message)
}

/// A bucket is deleted that has some.
pub fn attached() -> Error {
    let message = "The bucket you tried to delete has access points attached. Delete your access points before \
                   deleting your bucket.";
    of(Kind::Conflict, "BucketHasAccessPointsAttached", 400, message)
}
