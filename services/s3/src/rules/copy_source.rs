//! `x-amz-copy-source`: `bucket/key`, perhaps with a slash before it and a version behind it, percent-encoded; or the ARN of
//! an object behind an access point.

use kernel::Result;
use percent_encoding::percent_decode_str;

use crate::errors;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopySource {
    pub bucket: String,
    pub key: String,
    pub version_id: Option<String>,
}

impl CopySource {
    /// # Errors
    /// *InvalidArgument*.
    pub fn parse(header: &str) -> Result<Self> {
        let malformed = || {
            errors::argument(
                "x-amz-copy-source",
                header,
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            )
        };
        // A question mark of the key is encoded; the one of the version is not.
        let (path, version) = match header.rsplit_once("?versionId=") {
            Some((path, version)) => (path, Some(version)),
            None => (header, None),
        };
        let decode =
            |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| malformed());
        let path = decode(path)?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let between = if path.starts_with("arn:") { "/object/" } else { "/" };
        let (bucket, key) = path.split_once(between).ok_or_else(malformed)?;
        if bucket.is_empty() || key.is_empty() {
            return Err(malformed());
        }
        let version_id = version.map(decode).transpose()?;
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), version_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        let read = |header| CopySource::parse(header).map(|s| (s.bucket, s.key, s.version_id)).ok();
        let some =
            |b: &str, k: &str, v: Option<&str>| Some((b.to_owned(), k.to_owned(), v.map(str::to_owned)));
        assert_eq!(read("b/k"), some("b", "k", None));
        assert_eq!(read("/b/a%20b/c"), some("b", "a b/c", None));
        assert_eq!(read("b/k?versionId=v1"), some("b", "k", Some("v1")));
        assert_eq!(read("b/k%3FversionId=v1"), some("b", "k?versionId=v1", None));
        let point = "arn:aws:s3:us-east-1:000000000001:accesspoint/a";
        let behind = format!("{point}/object/k/object/x%20y");
        assert_eq!(read(&behind), some(point, "k/object/x y", None));
        for bad in ["", "b", "b/", "/b", point, "b/%ff"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
