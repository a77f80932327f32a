//! Every error this service answers with, in S3's words (S3 API reference, list of error codes).

pub mod access_point;
pub mod checksum;
pub mod select;

use kernel::{Error, Kind};

fn of(kind: Kind, code: &'static str, status: u16, message: impl Into<String>) -> Error {
    Error::new(kind, code, message).status_is(status)
}

pub fn no_such_bucket() -> Error {
    of(Kind::NotFound, "NoSuchBucket", 404, "The specified bucket does not exist")
}

pub fn no_such_key() -> Error {
    of(Kind::NotFound, "NoSuchKey", 404, "The specified key does not exist.")
}

pub fn no_such_version() -> Error {
    of(Kind::NotFound, "NoSuchVersion", 404, "The specified version does not exist.")
}

pub fn no_such_upload() -> Error {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                   aborted or completed.";
    of(Kind::NotFound, "NoSuchUpload", 404, message)
}

pub fn no_such_tag_set() -> Error {
    of(Kind::NotFound, "NoSuchTagSet", 404, "The TagSet does not exist")
}

/// What a `HEAD` names is not there: such answers have no body, and no code but the status.
pub fn not_found() -> Error {
    of(Kind::NotFound, "404", 404, "Not Found")
}

/// A delete marker was asked for as if it were an object.
pub fn is_delete_marker() -> Error {
    let message = "The specified method is not allowed against this resource.";
    of(Kind::Invalid, "MethodNotAllowed", 405, message)
}

pub fn bad_bucket_name() -> Error {
    of(Kind::Invalid, "InvalidBucketName", 400, "The specified bucket is not valid.")
}

pub fn bucket_exists() -> Error {
    let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                   system. Please select a different name and try again.";
    of(Kind::Conflict, "BucketAlreadyExists", 409, message)
}

pub fn bucket_is_yours() -> Error {
    let message = "Your previous request to create the named bucket succeeded and you already own it.";
    of(Kind::Conflict, "BucketAlreadyOwnedByYou", 409, message)
}

pub fn malformed_policy(message: impl Into<String>) -> Error {
    of(Kind::Invalid, "MalformedPolicy", 400, message)
}

pub fn no_such_policy() -> Error {
    of(Kind::NotFound, "NoSuchBucketPolicy", 404, "The bucket policy does not exist")
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

/// A lock is asked for in a bucket that has none.
pub fn no_lock() -> Error {
    invalid_request("Bucket is missing Object Lock Configuration")
}

pub fn lock_without_sum() -> Error {
    let message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object \
                   Lock parameters";
    invalid_request(message)
}

pub fn bad_destination() -> Error {
    invalid_argument("Unable to validate the following destination configurations")
}

/// An archived object is read before it was restored.
pub fn archived() -> Error {
    let message = "The operation is not valid for the object's storage class";
    of(Kind::Denied, "InvalidObjectState", 403, message)
}

pub fn not_archived() -> Error {
    let message = "Restore is not allowed for the object's current storage class";
    of(Kind::Denied, "InvalidObjectState", 403, message)
}

pub fn restore_under_way() -> Error {
    of(Kind::Conflict, "RestoreAlreadyInProgress", 409, "Object restore is already in progress")
}

pub fn bad_log_bucket(message: &str) -> Error {
    of(Kind::Invalid, "InvalidTargetBucketForLogging", 400, message)
}

pub fn log_bucket_elsewhere() -> Error {
    let message = "Cross S3 location logging not allowed.";
    of(Kind::Denied, "CrossLocationLoggingProhibitted", 403, message)
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

pub fn no_lock_of_object() -> Error {
    let message = "The specified object does not have a ObjectLock configuration";
    of(Kind::NotFound, "NoSuchObjectLockConfiguration", 404, message)
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

pub fn locked() -> Error {
    of(Kind::Denied, "AccessDenied", 403, "Access Denied because object protected by object lock.")
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

pub fn bucket_not_empty() -> Error {
    of(Kind::Conflict, "BucketNotEmpty", 409, "The bucket you tried to delete is not empty")
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

pub fn access_denied() -> Error {
    of(Kind::Denied, "AccessDenied", 403, "Access Denied")
}

pub fn key_too_long() -> Error {
    of(Kind::Invalid, "KeyTooLongError", 400, "Your key is too long")
}

pub fn metadata_too_large() -> Error {
    let message = "Your metadata headers exceed the maximum allowed metadata size";
    of(Kind::Limit, "MetadataTooLarge", 400, message)
}

pub fn entity_too_large() -> Error {
    let message = "Your proposed upload exceeds the maximum allowed size";
    of(Kind::Limit, "EntityTooLarge", 400, message)
}

pub fn part_too_small() -> Error {
    let message = "Your proposed upload is smaller than the minimum allowed size";
    of(Kind::Invalid, "EntityTooSmall", 400, message)
}

pub fn invalid_part() -> Error {
    let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or \
                   the specified entity tag may not match the part's entity tag.";
    of(Kind::Invalid, "InvalidPart", 400, message)
}

pub fn invalid_part_order() -> Error {
    let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
    of(Kind::Invalid, "InvalidPartOrder", 400, message)
}

pub fn invalid_part_number() -> Error {
    let message = "Part number must be an integer between 1 and 10000, inclusive";
    of(Kind::Invalid, "InvalidArgument", 400, message)
}

pub fn invalid_version() -> Error {
    invalid_argument("Invalid version id specified")
}

/// A copy names a delete marker by its id.
pub fn copy_of_marker() -> Error {
    let message = "The source of a copy request may not specifically refer to a delete marker by version id.";
    invalid_request(message)
}

/// Who did not sign may not have answers changed.
pub fn anonymous_response_headers() -> Error {
    invalid_request("Request specific response headers cannot be used for anonymous GET requests.")
}

/// A `partNumber` beyond the parts an object was made of.
pub fn no_such_part() -> Error {
    let message = "The requested partnumber is not satisfiable";
    of(Kind::Invalid, "InvalidPartNumber", 416, message)
}

pub fn invalid_argument(message: impl Into<String>) -> Error {
    of(Kind::Invalid, "InvalidArgument", 400, message)
}

pub fn invalid_request(message: impl Into<String>) -> Error {
    of(Kind::Invalid, "InvalidRequest", 400, message)
}

pub fn malformed_xml() -> Error {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    of(Kind::Invalid, "MalformedXML", 400, message)
}

pub fn missing_length() -> Error {
    let message = "You must provide the Content-Length HTTP header.";
    of(Kind::Invalid, "MissingContentLength", 411, message)
}

pub fn incomplete_body() -> Error {
    let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
    of(Kind::Invalid, "IncompleteBody", 400, message)
}

pub fn timed_out() -> Error {
    let message =
        "Your socket connection to the server was not read from or written to within the timeout period.";
    of(Kind::Invalid, "RequestTimeout", 400, message)
}

pub fn invalid_digest() -> Error {
    of(Kind::Invalid, "InvalidDigest", 400, "The Content-MD5 you specified was invalid.")
}

/// `what` as in *The CRC32 you specified …*.
pub fn bad_digest(what: &str) -> Error {
    let message = format!("The {what} you specified did not match the calculated checksum.");
    of(Kind::Invalid, "BadDigest", 400, message)
}

pub fn invalid_range() -> Error {
    of(Kind::Invalid, "InvalidRange", 416, "The requested range is not satisfiable")
}

pub fn precondition_failed() -> Error {
    let message = "At least one of the pre-conditions you specified did not hold";
    of(Kind::Conflict, "PreconditionFailed", 412, message)
}

pub fn not_modified() -> Error {
    of(Kind::Invalid, "NotModified", 304, "")
}

pub fn conflicting_write() -> Error {
    let message =
        "The conditional request cannot succeed due to a conflicting operation against this resource.";
    of(Kind::Conflict, "ConditionalRequestConflict", 409, message)
}

pub fn invalid_tag(message: impl Into<String>) -> Error {
    of(Kind::Invalid, "InvalidTag", 400, message)
}

pub fn invalid_storage_class() -> Error {
    let message = "The storage class you specified is not valid";
    of(Kind::Invalid, "InvalidStorageClass", 400, message)
}

/// A parameter we know and do not honour, with the value given.
pub fn not_supported(what: &str, value: &str) -> Error {
    let message = format!("Cloudlet does not support {value} for {what} yet.");
    of(Kind::Unsupported, "NotImplemented", 501, message)
}

/// The store of bytes is full.
pub fn no_room() -> Error {
    let message = "The disk that keeps the objects is full.";
    of(Kind::Unavailable, "InsufficientStorage", 507, message)
}

/// A refusal of KMS, as S3 passes it on.
pub fn of_kms(refusal: Error) -> Error {
    let (code, status) = match refusal.code() {
        "AccessDeniedException" => ("AccessDenied", 403),
        "DisabledException" => ("KMS.DisabledException", 400),
        "InvalidKeyUsageException" => ("KMS.InvalidKeyUsageException", 400),
        "KMSInvalidStateException" => ("KMS.KMSInvalidStateException", 400),
        "NotFoundException" | "InvalidArnException" => ("KMS.NotFoundException", 400),
        _ => return refusal,
    };
    of(refusal.kind(), code, status, refusal.message().to_owned())
}

/// Stored bytes do not open any more: they are not served.
pub fn damaged(what: impl std::fmt::Display) -> Error {
    Error::internal(format!("stored bytes are damaged: {what}"))
}

pub fn too_many_tags(message: &str) -> Error {
    of(Kind::Invalid, "BadRequest", 400, message)
}

pub fn invalid_encryption_algorithm() -> Error {
    let message = "The encryption request that you specified is not valid. The valid value is AES256.";
    of(Kind::Invalid, "InvalidEncryptionAlgorithmError", 400, message)
}

/// The policy of a form does not read.
pub fn invalid_form_policy(why: &str) -> Error {
    of(Kind::Invalid, "InvalidPolicyDocument", 400, format!("Invalid Policy: {why}"))
}

/// A form brings what its policy does not let in.
pub fn against_form_policy(why: &str) -> Error {
    of(Kind::Denied, "AccessDenied", 403, format!("Invalid according to Policy: {why}"))
}

/// A field of a form that would mean something, and is not known in forms.
pub fn form_field(name: &str) -> Error {
    let message = format!("A form field you provided implies functionality that is not implemented: {name}");
    of(Kind::Unsupported, "NotImplemented", 501, message)
}
