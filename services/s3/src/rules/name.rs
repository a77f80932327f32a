//! Names of buckets and keys (S3 user guide, "Bucket naming rules" and "Naming Amazon S3 objects").

use std::borrow::Cow;
use std::net::Ipv4Addr;

use kernel::Result;
use percent_encoding::percent_decode_str;

use super::access_point::Way;
use crate::errors;

/// Bytes of UTF-8 in a key at most.
pub const KEY_BYTES_MAX: usize = 1_024;

const RESERVED_HEADS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_TAILS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// # Errors
/// *InvalidBucketName*.
pub fn check_bucket(name: &str) -> Result<()> {
    let ends_well = |end: Option<u8>| end.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let good = (3..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
        && ends_well(name.bytes().next())
        && ends_well(name.bytes().last())
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err()
        && !RESERVED_HEADS.iter().any(|head| name.starts_with(head))
        && !RESERVED_TAILS.iter().any(|tail| name.ends_with(tail));
    if good { Ok(()) } else { Err(errors::bad_bucket_name(name)) }
}

/// # Errors
/// *KeyTooLongError*.
pub fn check_key(key: &str) -> Result<()> {
    if key.len() > KEY_BYTES_MAX { Err(errors::key_too_long(key.len(), KEY_BYTES_MAX)) } else { Ok(()) }
}

/// Whether a host is that of buckets with Transfer Acceleration: no bucket here has it.
pub fn is_accelerated(host: &str) -> bool {
    host.contains(".s3-accelerate.")
}

/// What stands in the bucket's place in a path, and what is behind it, still encoded.
pub fn of_path(path: &str) -> (Cow<'_, str>, Option<&str>) {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (place, key) = path.split_once('/').map_or((path, None), |(place, key)| (place, Some(key)));
    (percent_decode_str(place).decode_utf8_lossy(), key.filter(|key| !key.is_empty()))
}

/// `arn:aws:s3:::bucket` or `arn:aws:s3:::bucket/key`; `…/object/key` where an access point's ARN stands for the bucket.
pub fn arn(partition: kernel::Partition, bucket: &str, key: Option<&str>) -> String {
    let by_point = matches!(Way::of(bucket), Some(Way::Named { .. }));
    match key {
        Some(key) if by_point => format!("{bucket}/object/{key}"),
        None if by_point => bucket.to_owned(),
        Some(key) => format!("arn:{partition}:s3:::{bucket}/{key}"),
        None => format!("arn:{partition}:s3:::{bucket}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names() {
        for good in ["abc", "my.bucket-1", "0a0", &"a".repeat(63)] {
            assert!(check_bucket(good).is_ok(), "{good}");
        }
        for bad in [
            "ab",
            "Abc",
            "a_b",
            "-ab",
            "ab-",
            "a..b",
            "192.168.5.4",
            "xn--ab",
            "ab-s3alias",
            "a/b",
            "äbc",
            &"a".repeat(64),
        ] {
            assert_eq!(check_bucket(bad).unwrap_err().code(), "InvalidBucketName", "{bad}");
        }
    }

    #[test]
    fn paths_are_taken_apart() {
        for (path, place, key) in [
            ("/b", "b", None),
            ("/b/", "b", None),
            ("/b/a%2Fb/c", "b", Some("a%2Fb/c")),
            ("/arn%3Aaws:x%2Fy/k", "arn:aws:x/y", Some("k")),
            ("", "", None),
        ] {
            assert_eq!(of_path(path), (place.into(), key), "{path}");
        }
    }

    #[test]
    fn keys_are_bounded_in_bytes() {
        assert!(check_key(&"ä".repeat(512)).is_ok());
        assert!(check_key(&"ä".repeat(513)).is_err());
    }
}
