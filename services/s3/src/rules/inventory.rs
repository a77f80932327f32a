//! Inventories: lists of a bucket's objects, made every day or week (S3 user guide, "Cataloging and analyzing your data
//! with S3 Inventory").

use api_s3::{
    InventoryConfiguration, InventoryDestination, InventoryEncryption, InventoryFilter,
    InventoryS3BucketDestination, InventorySchedule, SSES3,
};
use kernel::{Millis, Partition, Result};
use serde::{Deserialize, Serialize};

use super::encryption::Encryption;
use super::headers::STANDARD;
use super::replication::Status;
use super::time::{iso, shown_basic};
use super::url::Encoding;
use crate::errors;
use crate::state::object::Object;

const DAY_MS: Millis = 86_400_000;
/// Day 0 of 1970 was a Thursday: Sundays come at days of this rest.
const SUNDAY: i64 = 3;
const ID_CHARS_MAX: usize = 64;
/// Inventories of one bucket (S3 user guide, "Quotas").
pub const CONFIGURATIONS_MAX: usize = 1_000;

/// Columns that may be asked for, in the order they are written in.
const FIELDS: [&str; 12] = [
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
    "IsMultipartUploaded",
    "ReplicationStatus",
    "EncryptionStatus",
    "ObjectLockRetainUntilDate",
    "ObjectLockMode",
    "ObjectLockLegalHoldStatus",
    "BucketKeyStatus",
    "ChecksumAlgorithm",
];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    pub id: String,
    pub enabled: bool,
    /// The destination's name.
    pub to: String,
    pub account: Option<String>,
    pub to_prefix: Option<String>,
    /// Said of encryption; it is always on.
    pub sse_s3: bool,
    pub prefix: Option<String>,
    pub all_versions: bool,
    pub fields: Vec<String>,
    pub weekly: bool,
    pub next_at: Millis,
}

/// Reads a configuration.
///
/// # Errors
/// *MalformedXML*, *InvalidArgument*, *NotImplemented*.
pub fn read(given: InventoryConfiguration, id: &str, partition: Partition, now: Millis) -> Result<Inventory> {
    if given.id != id || id.is_empty() || id.chars().count() > ID_CHARS_MAX {
        return Err(errors::invalid_argument(
            "The id in the request does not match that of the configuration",
        ));
    }
    let to = given.destination.s3_bucket_destination;
    match to.format.as_str() {
        "CSV" => {}
        "ORC" | "Parquet" => return Err(errors::not_supported("Format", &to.format)),
        _ => return Err(errors::malformed_xml()),
    }
    let encryption = to.encryption.unwrap_or_default();
    if encryption.ssekms.is_some() {
        return Err(errors::not_supported("Encryption", "SSE-KMS"));
    }
    let bucket = to.bucket.strip_prefix(&format!("arn:{partition}:s3:::"));
    let bucket = bucket.filter(|name| !name.is_empty() && !name.contains('/'));
    let weekly = match given.schedule.frequency.as_str() {
        "Daily" => false,
        "Weekly" => true,
        _ => return Err(errors::malformed_xml()),
    };
    let all_versions = match given.included_object_versions.as_str() {
        "All" => true,
        "Current" => false,
        _ => return Err(errors::malformed_xml()),
    };
    let fields = given.optional_fields.unwrap_or_default();
    for field in &fields {
        match field.as_str() {
            known if FIELDS.contains(&known) => {}
            "IntelligentTieringAccessTier"
            | "ObjectAccessControlList"
            | "ObjectOwner"
            | "LifecycleExpirationDate" => {
                return Err(errors::not_supported("OptionalFields", field));
            }
            _ => return Err(errors::malformed_xml()),
        }
    }
    Ok(Inventory {
        id: id.to_owned(),
        enabled: given.is_enabled,
        to: bucket.ok_or_else(errors::inventory_to_no_bucket)?.to_owned(),
        account: to.account_id,
        to_prefix: to.prefix,
        sse_s3: encryption.sses3.is_some(),
        prefix: given.filter.map(|filter| filter.prefix),
        all_versions,
        fields,
        weekly,
        next_at: next(weekly, now),
    })
}

/// When the next list is due: midnight, or that before Sunday.
pub fn next(weekly: bool, now: Millis) -> Millis {
    let mut day = now.div_euclid(DAY_MS) + 1;
    while weekly && day.rem_euclid(7) != SUNDAY {
        day += 1;
    }
    day * DAY_MS
}

impl Inventory {
    /// The configuration as it was given.
    pub fn shown(&self, partition: Partition) -> InventoryConfiguration {
        let encryption =
            InventoryEncryption { sses3: Some(SSES3::default()), ..InventoryEncryption::default() };
        InventoryConfiguration {
            destination: InventoryDestination {
                s3_bucket_destination: InventoryS3BucketDestination {
                    account_id: self.account.clone(),
                    bucket: format!("arn:{partition}:s3:::{}", self.to),
                    format: "CSV".to_owned(),
                    prefix: self.to_prefix.clone(),
                    encryption: self.sse_s3.then_some(encryption),
                },
            },
            is_enabled: self.enabled,
            filter: self.prefix.clone().map(|prefix| InventoryFilter { prefix }),
            id: self.id.clone(),
            included_object_versions: if self.all_versions { "All" } else { "Current" }.to_owned(),
            optional_fields: (!self.fields.is_empty()).then(|| self.fields.clone()),
            schedule: InventorySchedule {
                frequency: if self.weekly { "Weekly" } else { "Daily" }.to_owned(),
            },
        }
    }

    /// Where everything of a list lies in the destination.
    pub fn folder(&self, bucket: &str) -> String {
        let prefix = self.to_prefix.as_deref().map(|prefix| format!("{}/", prefix.trim_end_matches('/')));
        format!("{}{bucket}/{}", prefix.unwrap_or_default(), self.id)
    }

    /// The folder of a list's manifest: its instant, to the minute.
    pub fn manifest_folder(&self, bucket: &str, at: Millis) -> String {
        format!("{}/{}", self.folder(bucket), shown_basic(at))
    }

    fn columns(&self) -> impl Iterator<Item = &'static str> + '_ {
        FIELDS.into_iter().filter(|field| self.fields.iter().any(|wanted| wanted == field))
    }

    /// The names of the columns.
    pub fn schema(&self) -> String {
        let mut names = vec!["Bucket", "Key"];
        if self.all_versions {
            names.extend(["VersionId", "IsLatest", "IsDeleteMarker"]);
        }
        names.extend(self.columns());
        names.join(", ")
    }

    /// The line of a version. Every value is quoted.
    pub fn line(&self, bucket: &str, key: &str, object: &Object, is_latest: bool) -> String {
        let mut values = vec![bucket.to_owned(), Encoding::Url.write(key)];
        if self.all_versions {
            let version = object.version_id.clone().unwrap_or_default();
            values.extend([version, is_latest.to_string(), object.is_marker.to_string()]);
        }
        values.extend(self.columns().map(|column| value(object, column)));
        let quoted: Vec<_> =
            values.iter().map(|value| format!("\"{}\"", value.replace('"', "\"\""))).collect();
        quoted.join(",") + "\n"
    }
}

fn value(object: &Object, column: &str) -> String {
    let of_object = |text: String| if object.is_marker { String::new() } else { text };
    match column {
        "Size" => of_object(object.size.to_string()),
        "LastModifiedDate" => iso(object.modified_at),
        "ETag" => object.etag.clone(),
        "StorageClass" => of_object(object.storage_class.clone().unwrap_or_else(|| STANDARD.to_owned())),
        "IsMultipartUploaded" => (object.parts > 0).to_string(),
        "ReplicationStatus" => object.replication.map(Status::shown).unwrap_or_default(),
        "EncryptionStatus" => of_object(
            match object.encryption {
                Encryption::S3 => "SSE-S3",
                Encryption::Customer { .. } => "SSE-C",
                Encryption::Kms(_) => "SSE-KMS",
            }
            .to_owned(),
        ),
        "ObjectLockRetainUntilDate" => object.lock.retention.map(|kept| iso(kept.until)).unwrap_or_default(),
        "ObjectLockMode" => object.lock.shown_mode().unwrap_or_default(),
        "ObjectLockLegalHoldStatus" => object.lock.shown_hold().unwrap_or_default(),
        "BucketKeyStatus" => of_object(
            match &object.encryption {
                Encryption::Kms(of) if of.bucket_key => "ENABLED",
                _ => "DISABLED",
            }
            .to_owned(),
        ),
        _ => object.checksum.as_ref().map(|sum| sum.algorithm.name().to_owned()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> InventoryConfiguration {
        InventoryConfiguration {
            destination: InventoryDestination {
                s3_bucket_destination: InventoryS3BucketDestination {
                    bucket: "arn:aws:s3:::to".to_owned(),
                    format: "CSV".to_owned(),
                    prefix: Some("lists/".to_owned()),
                    ..Default::default()
                },
            },
            is_enabled: true,
            id: "i".to_owned(),
            included_object_versions: "All".to_owned(),
            optional_fields: Some(vec!["ETag".to_owned(), "Size".to_owned()]),
            schedule: InventorySchedule { frequency: "Weekly".to_owned() },
            ..Default::default()
        }
    }

    #[test]
    fn lists_and_their_lines() {
        let stored = read(given(), "i", Partition::Aws, 5).unwrap();
        assert_eq!(stored.next_at, 3 * DAY_MS);
        assert_eq!(format!("{:?}", stored.shown(Partition::Aws)), format!("{:?}", given()));
        assert_eq!(stored.schema(), "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag");
        let object = Object { size: 7, etag: "e".to_owned(), ..Object::default() };
        assert_eq!(
            stored.line("b", "a \"b", &object, true),
            "\"b\",\"a%20%22b\",\"\",\"true\",\"false\",\"7\",\"e\"\n"
        );
        assert_eq!(stored.manifest_folder("b", 60_000), "lists/b/i/1970-01-01T00-01Z");
        assert_eq!(next(false, DAY_MS), 2 * DAY_MS);
    }

    #[test]
    fn what_is_refused() {
        let code = |edit: fn(&mut InventoryConfiguration)| {
            let mut given = given();
            edit(&mut given);
            read(given, "i", Partition::Aws, 0).unwrap_err().code()
        };
        assert_eq!(code(|given| given.id = "j".to_owned()), "InvalidArgument");
        assert_eq!(code(|given| given.schedule.frequency = "Hourly".to_owned()), "MalformedXML");
        assert_eq!(code(|given| given.optional_fields = Some(vec!["Colour".to_owned()])), "MalformedXML");
        assert_eq!(
            code(|given| given.destination.s3_bucket_destination.format = "ORC".to_owned()),
            "NotImplemented"
        );
    }
}
