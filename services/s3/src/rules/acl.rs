//! Access control lists, which are off: whose the bucket is owns all that is in it (S3 user guide, "Controlling
//! ownership of objects and disabling ACLs for your bucket").

use kernel::Result;

use crate::errors;

/// The object ownership that every bucket has.
pub const ENFORCED: &str = "BucketOwnerEnforced";

/// A canned list given with an object. Those that say what holds anyhow pass.
///
/// # Errors
/// *AccessControlListNotSupported*.
pub fn check(canned: Option<&str>) -> Result<()> {
    match canned {
        None | Some("private" | "bucket-owner-full-control") => Ok(()),
        Some(_) => Err(errors::no_acls()),
    }
}

/// A canned list given with a new bucket.
///
/// # Errors
/// *InvalidBucketAclWithObjectOwnership*.
pub fn check_of_bucket(canned: Option<&str>) -> Result<()> {
    match canned {
        None | Some("private") => Ok(()),
        Some(_) => Err(errors::acl_with_ownership()),
    }
}

/// # Errors
/// *NotImplemented* for an ownership under which lists would count.
pub fn check_ownership(given: Option<&str>) -> Result<()> {
    match given {
        None | Some(ENFORCED) => Ok(()),
        Some(other @ ("BucketOwnerPreferred" | "ObjectWriter")) => {
            Err(errors::not_supported("ObjectOwnership", other))
        }
        Some(_) => Err(errors::malformed_xml()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_that_change_nothing_pass() {
        assert!(check(Some("private")).is_ok() && check(Some("bucket-owner-full-control")).is_ok());
        assert_eq!(check(Some("public-read")).unwrap_err().code(), "AccessControlListNotSupported");
        let refused = check_of_bucket(Some("public-read")).unwrap_err();
        assert_eq!(refused.code(), "InvalidBucketAclWithObjectOwnership");
        assert!(check_ownership(Some(ENFORCED)).is_ok());
        assert_eq!(check_ownership(Some("ObjectWriter")).unwrap_err().code(), "NotImplemented");
        assert_eq!(check_ownership(Some("x")).unwrap_err().code(), "MalformedXML");
    }
}
