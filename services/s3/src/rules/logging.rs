//! Server access logs: where they go, and their lines (S3 user guide, "Logging requests with server access logging").

use api_s3::{LoggingEnabled, PartitionedPrefix, SimplePrefix, TargetObjectKeyFormat};
use kernel::request_log::Requested;
use kernel::{AccountId, Millis, Principal, Result};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::time::seconds;
use crate::errors;

/// Where a bucket's logs go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    pub to: String,
    pub prefix: String,
    pub keys: Keys,
}

/// How log objects are named behind the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keys {
    /// As when nothing is said of it.
    Unsaid,
    Simple,
    /// In folders of account, region, bucket and day; by the day of the events, or of the delivery.
    ByEvent,
    ByDelivery,
}

/// # Errors
/// *MalformedXML*.
pub fn read(given: LoggingEnabled) -> Result<Logging> {
    let keys = match given.target_object_key_format {
        None => Keys::Unsaid,
        Some(TargetObjectKeyFormat { simple_prefix: Some(_), partitioned_prefix: None }) => Keys::Simple,
        Some(TargetObjectKeyFormat { simple_prefix: None, partitioned_prefix: Some(by) }) => {
            match by.partition_date_source.as_deref() {
                Some("EventTime") => Keys::ByEvent,
                None | Some("DeliveryTime") => Keys::ByDelivery,
                Some(_) => return Err(errors::malformed_xml()),
            }
        }
        Some(_) => return Err(errors::malformed_xml()),
    };
    Ok(Logging { to: given.target_bucket, prefix: given.target_prefix, keys })
}

impl Logging {
    /// The configuration as it was given.
    pub fn shown(&self) -> LoggingEnabled {
        let by = |source: &str| TargetObjectKeyFormat {
            partitioned_prefix: Some(PartitionedPrefix { partition_date_source: Some(source.to_owned()) }),
            ..TargetObjectKeyFormat::default()
        };
        let format = match self.keys {
            Keys::Unsaid => None,
            Keys::Simple => Some(TargetObjectKeyFormat {
                simple_prefix: Some(SimplePrefix::default()),
                ..TargetObjectKeyFormat::default()
            }),
            Keys::ByEvent => Some(by("EventTime")),
            Keys::ByDelivery => Some(by("DeliveryTime")),
        };
        LoggingEnabled {
            target_bucket: self.to.clone(),
            target_prefix: self.prefix.clone(),
            target_object_key_format: format,
            ..LoggingEnabled::default()
        }
    }

    /// The key of a log object. `from` names account, region and bucket; `unique` is nobody else's.
    pub fn key(&self, from: (AccountId, &str, &str), at: Millis, unique: &str) -> String {
        const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]/[month]/[day]");
        const WHOLE: &[BorrowedFormatItem<'_>] =
            format_description!("[year]-[month]-[day]-[hour]-[minute]-[second]");
        let shown = |form| instant(at).format(form).unwrap_or_default();
        let (account, region, bucket) = from;
        let folder = match self.keys {
            Keys::Unsaid | Keys::Simple => String::new(),
            Keys::ByEvent | Keys::ByDelivery => format!("{account}/{region}/{bucket}/{}/", shown(DAY)),
        };
        format!("{}{folder}{}-{unique}", self.prefix, shown(WHOLE))
    }
}

fn instant(at: Millis) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds(at)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// What a request did that has a line of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Further {
    /// One of many keys was deleted, or the code of why it was not.
    Deleted { status: u16, code: Option<&'static str> },
    /// The source of a copy was read; or of a part of one.
    Copied { part: bool },
}

/// What a line says besides what the door saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// The bucket's owner, as S3 calls it.
    pub owner: &'a str,
    pub bucket: &'a str,
    /// As it came.
    pub key: Option<&'a str>,
    /// What S3 calls who asked.
    pub requester: Option<&'a str>,
    /// The ARN of the access point that was the way.
    pub point: Option<&'a str>,
    /// Of the object, where the operation knows it.
    pub size: Option<u64>,
    pub version_id: Option<&'a str>,
    pub further: Option<&'a Further>,
}

/// A line of the log.
pub fn line(requested: &Requested<'_>, about: &About<'_>) -> String {
    let About { owner, bucket, key, requester, point, .. } = *about;
    const AT: &[BorrowedFormatItem<'_>] =
        format_description!("[[[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000]");
    let or = |value: Option<&str>| value.filter(|value| !value.is_empty()).unwrap_or("-").to_owned();
    let quoted = |value: Option<&str>| format!("\"{}\"", or(value).replace('"', "%22"));
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let target = format!("{} {} {}", requested.method, requested.target, requested.version);
    // A key of many has neither target nor times of its own.
    let of_many = matches!(about.further, Some(Further::Deleted { .. }));
    let own = |text: String| if of_many { "-".to_owned() } else { text };
    let sent = requested.sent_bytes.filter(|sent| *sent > 0 && about.further.is_none());
    let size = match (about.size, requested.method) {
        (Some(size), _) => Some(size),
        (None, _) if about.further.is_some() => None,
        (None, "GET" | "HEAD") => whole(requested.content_range).or(requested.sent_bytes),
        (None, _) => requested.received_bytes,
    };
    let (status, code) = match about.further {
        Some(Further::Deleted { status, code }) => (*status, *code),
        _ => (requested.status, requested.code),
    };
    let version_id = if about.further.is_some() { about.version_id } else { requested.version_id };
    let (version, place) = requested.signed.unwrap_or(("-", "-"));
    let (cipher, tls) = if requested.secure { ("TLS_AES_256_GCM_SHA384", "TLSv1.3") } else { ("-", "-") };
    let millis = (requested.took_micros / 1_000).max(1).to_string();
    [
        owner.to_owned(),
        bucket.to_owned(),
        instant(requested.at).format(AT).unwrap_or_default(),
        requested.peer.to_string(),
        or(requester),
        requested.request_id.to_owned(),
        operation(requested, about),
        or(key),
        own(quoted(Some(&target))),
        status.to_string(),
        or(code),
        number(sent),
        number(size.filter(|_| key.is_some())),
        own(millis.clone()),
        own(millis),
        own(quoted(requested.referer)),
        own(quoted(requested.user_agent)),
        or(version_id),
        requested.request_id.to_owned(),
        version.to_owned(),
        cipher.to_owned(),
        place.to_owned(),
        or(requested.host),
        tls.to_owned(),
        or(point),
        "-".to_owned(),
    ]
    .join(" ")
        + "\n"
}

/// `bytes 0-1/20`: 20.
fn whole(content_range: Option<&str>) -> Option<u64> {
    content_range?.rsplit_once('/')?.1.parse().ok()
}

/// Who asked, where they are no account: their ARN. `None` of an account, and of nobody.
pub fn arn_of(requested: &Requested<'_>) -> Option<String> {
    requested.caller.filter(|caller| matches!(caller.principal, Principal::Identity { .. })).map(|c| c.arn())
}

/// `REST.GET.OBJECT`: the method, and the kind of thing it was about.
fn operation(requested: &Requested<'_>, about: &About<'_>) -> String {
    match about.further {
        Some(Further::Deleted { .. }) => return "BATCH.DELETE.OBJECT".to_owned(),
        Some(Further::Copied { part: false }) => return "REST.COPY.OBJECT_GET".to_owned(),
        Some(Further::Copied { part: true }) => return "REST.COPY.PART_GET".to_owned(),
        None => {}
    }
    let name = requested.operation;
    let method = if name == "CopyObject" || name == "UploadPartCopy" { "COPY" } else { requested.method };
    let about = match name {
        "UploadPart" | "UploadPartCopy" => "PART".to_owned(),
        "CreateMultipartUpload" | "ListMultipartUploads" => "UPLOADS".to_owned(),
        "CompleteMultipartUpload" | "AbortMultipartUpload" | "ListParts" => "UPLOAD".to_owned(),
        "DeleteObjects" => "MULTI_OBJECT_DELETE".to_owned(),
        "ListObjectVersions" => "BUCKETVERSIONS".to_owned(),
        "GetObjectTagging" | "PutObjectTagging" | "DeleteObjectTagging" => "OBJECT_TAGGING".to_owned(),
        "GetObject" | "HeadObject" | "PutObject" | "CopyObject" | "DeleteObject" => "OBJECT".to_owned(),
        _ => match name.split_once("Bucket").filter(|(verb, _)| matches!(*verb, "Get" | "Put" | "Delete")) {
            Some((_, what)) if !what.is_empty() => what.to_ascii_uppercase(),
            _ if about.key.is_some() => "OBJECT".to_owned(),
            _ => "BUCKET".to_owned(),
        },
    };
    format!("REST.{method}.{about}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_log_objects() {
        let of = |keys| Logging { to: "t".to_owned(), prefix: "p/".to_owned(), keys };
        let account: AccountId = "000000000000".parse().unwrap();
        let key = |keys| of(keys).key((account, "us-east-1", "b"), 1_000, "AB");
        assert_eq!(key(Keys::Simple), "p/1970-01-01-00-00-01-AB");
        assert_eq!(key(Keys::ByEvent), "p/000000000000/us-east-1/b/1970/01/01/1970-01-01-00-00-01-AB");
    }

    #[test]
    fn lines_have_26_fields() {
        let requested = Requested {
            caller: None,
            peer: "127.0.0.1".parse().unwrap(),
            request_id: "id",
            operation: "GetObject",
            method: "GET",
            path: "/b/a%20b",
            target: "/b/a%20b?x=\"",
            version: "HTTP/1.1",
            host: Some("localhost"),
            referer: None,
            user_agent: Some("curl"),
            signed: Some(("SigV4", "AuthHeader")),
            secure: false,
            received_bytes: None,
            status: 206,
            code: None,
            sent_bytes: Some(2),
            content_range: Some("bytes 0-1/20"),
            version_id: None,
            at: 0,
            took_micros: 2_500,
        };
        let expected = "own b [01/Jan/1970:00:00:00 +0000] 127.0.0.1 - id REST.GET.OBJECT a%20b \
                        \"GET /b/a%20b?x=%22 HTTP/1.1\" 206 - 2 20 2 2 \"-\" \"curl\" - id SigV4 - AuthHeader \
                        localhost - - -\n";
        let of = About { owner: "own", bucket: "b", key: Some("a%20b"), ..About::default() };
        assert_eq!(line(&requested, &of), expected);
        let by_way = line(&requested, &About { point: Some("arn:point"), ..of });
        assert_eq!(by_way, expected.replace("- - -\n", "- arn:point -\n"));
        let deleted = Further::Deleted { status: 403, code: Some("AccessDenied") };
        let of_many = About { size: Some(7), version_id: Some("v"), further: Some(&deleted), ..of };
        let expected = "own b [01/Jan/1970:00:00:00 +0000] 127.0.0.1 - id BATCH.DELETE.OBJECT a%20b - 403 \
                        AccessDenied - 7 - - - - v id SigV4 - AuthHeader localhost - - -\n";
        assert_eq!(line(&requested, &of_many), expected);
    }
}
