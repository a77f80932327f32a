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

/// A line, with what S3 calls the bucket's owner and, where it is an account, the requester; the key is as it came, `point`
/// the ARN of the access point that was the way.
pub fn line(
    requested: &Requested<'_>,
    (owner, bucket, key): (&str, &str, Option<&str>),
    requester: Option<&str>,
    point: Option<&str>,
) -> String {
    const AT: &[BorrowedFormatItem<'_>] =
        format_description!("[[[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000]");
    let or = |value: Option<&str>| value.filter(|value| !value.is_empty()).unwrap_or("-").to_owned();
    let quoted = |value: Option<&str>| format!("\"{}\"", or(value).replace('"', "%22"));
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let target = format!("{} {} {}", requested.method, requested.target, requested.version);
    let sent = requested.sent_bytes.filter(|sent| *sent > 0);
    let size = match requested.method {
        "GET" | "HEAD" => whole(requested.content_range).or(requested.sent_bytes),
        _ => requested.received_bytes,
    };
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
        operation(requested, key),
        or(key),
        quoted(Some(&target)),
        requested.status.to_string(),
        or(requested.code),
        number(sent),
        number(size.filter(|_| key.is_some())),
        millis.clone(),
        millis,
        quoted(requested.referer),
        quoted(requested.user_agent),
        or(requested.version_id),
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
fn operation(requested: &Requested<'_>, key: Option<&str>) -> String {
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
            _ if key.is_some() => "OBJECT".to_owned(),
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
        let of = ("own", "b", Some("a%20b"));
        assert_eq!(line(&requested, of, None, None), expected);
        let by_way = line(&requested, of, None, Some("arn:point"));
        assert_eq!(by_way, expected.replace("- - -\n", "- arn:point -\n"));
    }
}
