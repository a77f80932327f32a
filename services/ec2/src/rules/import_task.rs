//! What may be imported, and how far it is seen to be (VM Import/Export user guide).

use api_ec2 as api;
use block::Format;
use kernel::Result;

use crate::errors;
use crate::state::id::{Id, ImportImageTaskId, ImportSnapshotTaskId};
use crate::state::import_task::{Ended, ImportTask, Source};

/// The role AWS takes where a request names none.
pub const ROLE: &str = "vmimport";
/// Who takes it on, and what it may ask of them.
pub const SERVICE: &str = "vmie.amazonaws.com";
pub const CONDITION: (&str, &str) = ("sts:ExternalId", "vmimport");
/// Of an image: its root and what it has beside.
pub const DISKS_MAX: usize = 16;
pub const TASK_FILTERS: &[&str] = &["task-state"];

/// A format by AWS's name, or QCOW2, which AWS does not take.
///
/// # Errors
/// For any other, and for none.
pub fn format(name: Option<&str>) -> Result<Format> {
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| errors::missing("Format"))?;
    match name.to_ascii_uppercase().as_str() {
        "RAW" => Ok(Format::Raw),
        "QCOW2" => Ok(Format::Qcow2),
        "VMDK" => Ok(Format::Vmdk),
        "VHD" => Ok(Format::Vhd),
        "VHDX" => Ok(Format::Vhdx),
        _ => Err(errors::import_format_unknown(name)),
    }
}

/// The object a disk lies in.
///
/// # Errors
/// When none is named, two are, or a URL is not one of S3.
pub fn source(bucket: Option<api::UserBucket>, url: Option<String>) -> Result<Source> {
    match (bucket, url.filter(|url| !url.is_empty())) {
        (Some(bucket), None) => Ok(Source {
            bucket: bucket.s3_bucket.ok_or_else(|| errors::missing("UserBucket.S3Bucket"))?,
            key: bucket.s3_key.ok_or_else(|| errors::missing("UserBucket.S3Key"))?,
            url: None,
        }),
        (None, Some(url)) => of_url(&url).ok_or_else(|| errors::import_place_unknown(&url)),
        (Some(_), Some(_)) => Err(errors::combination("A disk has a UserBucket or a Url, not both.")),
        (None, None) => Err(errors::missing("UserBucket")),
    }
}

fn of_url(url: &str) -> Option<Source> {
    let (bucket, key) = match url.strip_prefix("s3://") {
        Some(rest) => rest.split_once('/')?,
        None => {
            let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
            match host.split_once(".s3") {
                Some((bucket, rest)) if rest.starts_with(['.', '-']) => (bucket, path),
                _ => path.split_once('/').filter(|_| host.starts_with("s3"))?,
            }
        }
    };
    let fits = !bucket.is_empty() && !key.is_empty();
    fits.then(|| Source { bucket: bucket.to_owned(), key: key.to_owned(), url: Some(url.to_owned()) })
}

/// Whether a text can be a task's id.
pub fn is_id(text: &str) -> bool {
    ImportImageTaskId::parse(text).is_some() || ImportSnapshotTaskId::parse(text).is_some()
}

/// `active`, `completed`, `deleting` or `deleted`; a snapshot's import that failed is in `error`.
pub fn status(task: &ImportTask) -> &'static str {
    match (&task.ended, task.cancelled) {
        (None, false) => "active",
        (None, true) => "deleting",
        (Some(Ended { failure: None, .. }), false) => "completed",
        (Some(Ended { failure: Some(_), .. }), false) if task.image.is_none() => "error",
        (Some(_), _) => "deleted",
    }
}

/// Of all bytes that are read, and whether they are converted by now. What converts tells no more.
pub fn progress(read: u64, of: u64, is_read: bool) -> u8 {
    let share = read.min(of).saturating_mul(60).checked_div(of).unwrap_or(0);
    if is_read { 80 } else { u8::try_from(share).unwrap_or(60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_by_bucket_and_key_or_by_url() {
        let bucket = |bucket: &str, key: &str| {
            let (s3_bucket, s3_key) = (Some(bucket.to_owned()), Some(key.to_owned()));
            api::UserBucket { s3_bucket, s3_key }
        };
        let named = source(Some(bucket("b", "k/d.raw")), None).unwrap();
        assert_eq!((named.bucket.as_str(), named.key.as_str()), ("b", "k/d.raw"));
        for url in [
            "s3://b/k/d.raw",
            "https://b.s3.amazonaws.com/k/d.raw",
            "https://b.s3-eu-west-1.amazonaws.com/k/d.raw",
            "https://s3.eu-west-1.amazonaws.com/b/k/d.raw",
        ] {
            let found = source(None, Some(url.to_owned())).unwrap();
            assert_eq!((found.bucket.as_str(), found.key.as_str()), ("b", "k/d.raw"), "{url}");
        }
        for bad in [
            "http://b.s3.amazonaws.com/k",
            "s3://b",
            "s3:///k",
            "https://example.com/b/k",
            "file:///etc/passwd",
        ] {
            assert_eq!(source(None, Some(bad.to_owned())).unwrap_err().code(), "InvalidParameter", "{bad}");
        }
        let both = source(Some(bucket("b", "k")), Some("s3://b/k".to_owned()));
        assert_eq!(both.unwrap_err().code(), "InvalidParameterCombination");
        assert_eq!(source(None, None).unwrap_err().code(), "MissingParameter");
    }

    #[test]
    fn formats_are_aws_s_and_one_more() {
        assert_eq!(format(Some("raw")).unwrap(), Format::Raw);
        assert_eq!(format(Some("QCOW2")).unwrap(), Format::Qcow2);
        assert_eq!(format(Some("OVA")).unwrap_err().code(), "InvalidParameter");
        assert_eq!(format(None).unwrap_err().code(), "MissingParameter");
    }

    #[test]
    fn progress_ends_before_the_end() {
        assert_eq!((progress(0, 0, false), progress(5, 10, false), progress(20, 10, false)), (0, 30, 60));
        assert_eq!(progress(10, 10, true), 80);
    }
}
