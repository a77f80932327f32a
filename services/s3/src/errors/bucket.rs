//! What is refused about buckets, and what is set of them.

use kernel::{Error, Kind};

use super::{Detail, invalid_argument, invalid_request, of, said};

pub fn no_such_bucket(name: &str) -> Error {
    let message = "The specified bucket does not exist";
    of(Kind::NotFound, "NoSuchBucket", 404, message).with_fields(of_bucket(name))
}

pub fn no_such_tag_set() -> Error {
    of(Kind::NotFound, "NoSuchTagSet", 404, "The TagSet does not exist")
}

pub fn bad_bucket_name(name: &str) -> Error {
    let message = "The specified bucket is not valid.";
    of(Kind::Invalid, "InvalidBucketName", 400, message).with_fields(of_bucket(name))
}

pub fn bucket_exists(name: &str) -> Error {
    let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                   system. Please select a different name and try again.";
    of(Kind::Conflict, "BucketAlreadyExists", 409, message).with_fields(of_bucket(name))
}

/// An error that names its bucket, and nothing else.
fn of_bucket(name: &str) -> Detail {
    Detail { bucket_name: said(name), ..Detail::default() }
}

pub fn bucket_is_yours(name: &str) -> Error {
    let message = "Your previous request to create the named bucket succeeded and you already own it.";
    of(Kind::Conflict, "BucketAlreadyOwnedByYou", 409, message).with_fields(of_bucket(name))
}

pub fn malformed_policy(message: impl Into<String>) -> Error {
    of(Kind::Invalid, "MalformedPolicy", 400, message)
}

pub fn no_such_policy(bucket: &str) -> Error {
    let message = "The bucket policy does not exist";
    of(Kind::NotFound, "NoSuchBucketPolicy", 404, message).with_fields(of_bucket(bucket))
}

/// A policy for everybody, on what blocks such.
pub fn public_policy(caller: &str, action: &str, arn: &str) -> Error {
    let message = format!(
        "User: {caller} is not authorized to perform: {action} on resource: \"{arn}\" because public \
         policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."
    );
    of(Kind::Denied, "AccessDenied", 403, message)
}

pub fn no_public_access_block() -> Error {
    let message = "The public access block configuration was not found";
    of(Kind::NotFound, "NoSuchPublicAccessBlockConfiguration", 404, message)
}

pub fn no_acls() -> Error {
    of(Kind::Invalid, "AccessControlListNotSupported", 400, "The bucket does not allow ACLs")
}

pub fn acl_with_ownership() -> Error {
    let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
    of(Kind::Invalid, "InvalidBucketAclWithObjectOwnership", 400, message)
}

pub fn no_such_lifecycle() -> Error {
    let message = "The lifecycle configuration does not exist";
    of(Kind::NotFound, "NoSuchLifecycleConfiguration", 404, message)
}

pub fn bad_destination() -> Error {
    invalid_argument("Unable to validate the following destination configurations")
}

pub fn bad_log_bucket(message: &str) -> Error {
    of(Kind::Invalid, "InvalidTargetBucketForLogging", 400, message)
}

pub fn log_bucket_elsewhere() -> Error {
    let message = "Cross S3 location logging not allowed.";
    of(Kind::Denied, "CrossLocationLoggingProhibitted", 403, message)
}

/// An inventory's destination that names no bucket.
pub fn inventory_to_no_bucket() -> Error {
    bad_inventory_bucket("Invalid bucket ARN")
}

pub fn inventory_to_nowhere() -> Error {
    bad_inventory_bucket("The specified destination bucket does not exist")
}

pub fn inventory_elsewhere() -> Error {
    bad_inventory_bucket("The destination bucket must be in the same AWS Region as the source bucket")
}

fn bad_inventory_bucket(message: &str) -> Error {
    of(Kind::Invalid, "InvalidS3DestinationBucket", 400, message)
}

pub fn no_such_configuration() -> Error {
    of(Kind::NotFound, "NoSuchConfiguration", 404, "The specified configuration does not exist.")
}

pub fn too_many_configurations() -> Error {
    let message = "You are attempting to create a new configuration but have already reached the 1,000-configuration limit.";
    of(Kind::Limit, "TooManyConfigurations", 400, message)
}

pub fn no_lock_configuration() -> Error {
    let message = "Object Lock configuration does not exist for this bucket";
    of(Kind::NotFound, "ObjectLockConfigurationNotFoundError", 404, message)
}

pub fn lock_without_versions() -> Error {
    let message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration";
    of(Kind::Conflict, "InvalidBucketState", 409, message)
}

pub fn versions_of_lock() -> Error {
    let message =
        "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.";
    of(Kind::Conflict, "InvalidBucketState", 409, message)
}

pub fn versions_of_replication() -> Error {
    let message =
        "A replication configuration is present on this bucket, so the versioning state cannot be changed.";
    of(Kind::Conflict, "InvalidBucketState", 409, message)
}

pub fn replication_without_versions() -> Error {
    invalid_request("Versioning must be 'Enabled' on the bucket to apply a replication configuration")
}

pub fn no_such_replication() -> Error {
    let message = "The replication configuration was not found";
    of(Kind::NotFound, "ReplicationConfigurationNotFoundError", 404, message)
}

pub fn no_ownership() -> Error {
    let message = "The bucket ownership controls were not found";
    of(Kind::NotFound, "OwnershipControlsNotFoundError", 404, message)
}

pub fn no_such_website() -> Error {
    let message = "The specified bucket does not have a website configuration";
    of(Kind::NotFound, "NoSuchWebsiteConfiguration", 404, message)
}

pub fn no_such_cors() -> Error {
    of(Kind::NotFound, "NoSuchCORSConfiguration", 404, "The CORS configuration does not exist")
}

pub fn no_origins() -> Error {
    of(Kind::Denied, "AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket.")
}

pub fn other_origin() -> Error {
    let message = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, \
                   request method / Access-Control-Request-Method or Access-Control-Request-Headers are not \
                   whitelisted by the resource's CORS spec.";
    of(Kind::Denied, "AccessForbidden", 403, message)
}

pub fn bucket_not_empty(name: &str) -> Error {
    let message = "The bucket you tried to delete is not empty";
    of(Kind::Conflict, "BucketNotEmpty", 409, message).with_fields(of_bucket(name))
}

pub fn too_many_buckets() -> Error {
    let message = "You have attempted to create more buckets than allowed";
    of(Kind::Limit, "TooManyBuckets", 400, message)
}

pub fn bad_location() -> Error {
    let message = "The specified location-constraint is not valid";
    of(Kind::Invalid, "InvalidLocationConstraint", 400, message)
}

pub fn illegal_location(region: &str) -> Error {
    let message = format!(
        "The {region} location constraint is incompatible for the region specific endpoint this request was sent to."
    );
    of(Kind::Invalid, "IllegalLocationConstraintException", 400, message)
}

/// The bucket lies in another region than the request was signed for.
pub fn other_region() -> Error {
    let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please \
                   send all future requests to this endpoint.";
    of(Kind::Invalid, "PermanentRedirect", 301, message)
}

/// An expected owner that can be none.
pub fn no_account(expected: &str) -> Error {
    let message =
        format!("The value of the expected bucket owner parameter must be an AWS Account ID... [{expected}]");
    of(Kind::Invalid, "InvalidBucketOwnerAWSAccountID", 400, message)
}

pub fn not_accelerated() -> Error {
    invalid_request("S3 Transfer Acceleration is not configured on this bucket")
}
