//! Every error this service answers with, in S3's words (S3 API reference, list of error codes).

pub mod access_point;
mod bucket;
pub mod checksum;
mod detail;
pub mod select;

use kernel::{Error, Kind};

pub use bucket::*;
pub use detail::Detail;

fn of(kind: Kind, code: &'static str, status: u16, message: impl Into<String>) -> Error {
    Error::new(kind, code, message).status_is(status)
}

/// Says that value where there is one.
fn said(value: impl Into<String>) -> Option<String> {
    Some(value.into())
}

pub fn no_such_key(key: &str) -> Error {
    behind_marker(key, Detail::default())
}

/// The same of a key whose latest version is a delete marker, with the headers that tell so.
pub fn behind_marker(key: &str, headers: Detail) -> Error {
    let detail = Detail { key: said(key), ..headers };
    of(Kind::NotFound, "NoSuchKey", 404, "The specified key does not exist.").with_fields(detail)
}

pub fn no_such_version(key: &str, version_id: &str) -> Error {
    let detail = Detail { key: said(key), version_id: said(version_id), ..Detail::default() };
    of(Kind::NotFound, "NoSuchVersion", 404, "The specified version does not exist.").with_fields(detail)
}

pub fn no_such_upload(id: &str) -> Error {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                   aborted or completed.";
    let detail = Detail { upload_id: said(id), ..Detail::default() };
    of(Kind::NotFound, "NoSuchUpload", 404, message).with_fields(detail)
}

/// What a `HEAD` names is not there: such answers have no body, and no code but the status.
pub fn not_found() -> Error {
    of(Kind::NotFound, "404", 404, "Not Found")
}

pub fn method_not_allowed() -> Error {
    let message = "The specified method is not allowed against this resource.";
    of(Kind::Invalid, "MethodNotAllowed", 405, message)
}

/// A delete marker was asked for as if it were an object, with the headers that tell so: it can be deleted only.
pub fn is_delete_marker(headers: Detail) -> Error {
    let detail = Detail { resource_type: said("DeleteMarker"), allow: said("DELETE"), ..headers };
    method_not_allowed().with_fields(detail)
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

/// An archived object is read before it was restored.
pub fn archived(storage_class: &str) -> Error {
    let message = "The operation is not valid for the object's storage class";
    of_class(message, storage_class)
}

pub fn not_archived(storage_class: &str) -> Error {
    of_class("Restore is not allowed for the object's current storage class", storage_class)
}

fn of_class(message: &str, storage_class: &str) -> Error {
    let detail = Detail { storage_class: said(storage_class), ..Detail::default() };
    of(Kind::Denied, "InvalidObjectState", 403, message).with_fields(detail)
}

pub fn restore_under_way() -> Error {
    of(Kind::Conflict, "RestoreAlreadyInProgress", 409, "Object restore is already in progress")
}

pub fn no_lock_of_object() -> Error {
    let message = "The specified object does not have a ObjectLock configuration";
    of(Kind::NotFound, "NoSuchObjectLockConfiguration", 404, message)
}

pub fn locked() -> Error {
    of(Kind::Denied, "AccessDenied", 403, "Access Denied because object protected by object lock.")
}

pub fn access_denied() -> Error {
    of(Kind::Denied, "AccessDenied", 403, "Access Denied")
}

pub fn key_too_long(size: usize, most: usize) -> Error {
    of(Kind::Invalid, "KeyTooLongError", 400, "Your key is too long").with_fields(too_large(size, most))
}

fn too_large(size: usize, most: usize) -> Detail {
    Detail { size: said(size.to_string()), max_size_allowed: said(most.to_string()), ..Detail::default() }
}

pub fn metadata_too_large(size: usize, most: usize) -> Error {
    let message = "Your metadata headers exceed the maximum allowed metadata size";
    of(Kind::Limit, "MetadataTooLarge", 400, message).with_fields(too_large(size, most))
}

/// Bytes that are too many, of which `most` may come.
pub fn entity_too_large(size: u64, most: u64) -> Error {
    let message = "Your proposed upload exceeds the maximum allowed size";
    let detail = Detail {
        proposed_size: said(size.to_string()),
        max_size_allowed: said(most.to_string()),
        ..Detail::default()
    };
    of(Kind::Limit, "EntityTooLarge", 400, message).with_fields(detail)
}

/// A file that is shorter than its form lets it be.
pub fn entity_too_small(size: u64, least: u64) -> Error {
    too_small(size, least, Detail::default())
}

/// A part that is not the last, by its number and tag.
pub fn part_too_small(size: u64, least: u64, part: (u32, &str)) -> Error {
    let (number, etag) = (said(part.0.to_string()), said(part.1));
    too_small(size, least, Detail { part_number: number, e_tag: etag, ..Detail::default() })
}

fn too_small(size: u64, least: u64, detail: Detail) -> Error {
    let message = "Your proposed upload is smaller than the minimum allowed size";
    let sizes = (said(size.to_string()), said(least.to_string()));
    let detail = Detail { proposed_size: sizes.0, min_size_allowed: sizes.1, ..detail };
    of(Kind::Invalid, "EntityTooSmall", 400, message).with_fields(detail)
}

const BAD_PART: &str = "One or more of the specified parts could not be found.  The part may not have been uploaded, or \
                        the specified entity tag may not match the part's entity tag.";

/// A part that a client lists, and that is not there so.
pub fn invalid_part(upload: &str, number: u32, etag: &str) -> Error {
    let detail = Detail {
        upload_id: said(upload),
        part_number: said(number.to_string()),
        e_tag: said(etag),
        ..Detail::default()
    };
    of(Kind::Invalid, "InvalidPart", 400, BAD_PART).with_fields(detail)
}

/// The parts of an upload that is completed already were others.
pub fn other_parts(upload: &str) -> Error {
    let detail = Detail { upload_id: said(upload), ..Detail::default() };
    of(Kind::Invalid, "InvalidPart", 400, BAD_PART).with_fields(detail)
}

pub fn invalid_part_order() -> Error {
    let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
    of(Kind::Invalid, "InvalidPartOrder", 400, message)
}

pub fn invalid_part_number(number: i32) -> Error {
    let message = "Part number must be an integer between 1 and 10000, inclusive";
    argument("partNumber", &number.to_string(), message)
}

pub fn invalid_version(id: &str) -> Error {
    argument("versionId", id, "Invalid version id specified")
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

/// A parameter or header whose value cannot be.
pub fn argument(name: &str, value: &str, message: impl Into<String>) -> Error {
    let detail = Detail { argument_name: said(name), argument_value: said(value), ..Detail::default() };
    invalid_argument(message).with_fields(detail)
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

/// Bytes that come with another MD5 than they have; both in base64.
pub fn bad_md5(expected: &str, calculated: &str) -> Error {
    let detail =
        Detail { expected_digest: said(expected), calculated_digest: said(calculated), ..Detail::default() };
    let message = "The Content-MD5 you specified did not match what we received.";
    of(Kind::Invalid, "BadDigest", 400, message).with_fields(detail)
}

pub fn invalid_range(requested: &str, size: u64) -> Error {
    let detail = Detail {
        range_requested: said(requested),
        actual_object_size: said(size.to_string()),
        content_range: said(format!("bytes */{size}")),
        ..Detail::default()
    };
    of(Kind::Invalid, "InvalidRange", 416, "The requested range is not satisfiable").with_fields(detail)
}

/// `condition` is the header that did not hold.
pub fn precondition_failed(condition: &str) -> Error {
    let message = "At least one of the pre-conditions you specified did not hold";
    let detail = Detail { condition: said(condition), ..Detail::default() };
    of(Kind::Conflict, "PreconditionFailed", 412, message).with_fields(detail)
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

/// The header `x-amz-tagging` names a tag twice.
pub fn tags_twice(header: &str) -> Error {
    let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without \
                   tag name duplicates.";
    argument("x-amz-tagging", header, message)
}

pub fn invalid_storage_class() -> Error {
    let message = "The storage class you specified is not valid";
    of(Kind::Invalid, "InvalidStorageClass", 400, message)
}

/// A header that S3 does not know where it stands, or not with that value.
pub fn unserved_header(name: &str) -> Error {
    let detail = Detail { header: said(name), ..Detail::default() };
    let message = "A header you provided implies functionality that is not implemented";
    of(Kind::Unsupported, "NotImplemented", 501, message).with_fields(detail)
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
