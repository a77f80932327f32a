//! What a bucket holds, by storage class: for its bill, and for its daily metrics (S3 user guide, "Amazon S3 daily
//! storage metrics for buckets in CloudWatch").

use std::collections::BTreeMap;

use kernel::{Millis, Usage};

use super::headers::STANDARD;

/// What is counted for an hour.
const HOUR_MS: Millis = 3_600_000;
const HOUR_SECONDS: u64 = 3_600;
const KIB: u64 = 1_024;

/// Bytes by storage class, and versions altogether.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub bytes: BTreeMap<String, u64>,
    pub objects: u64,
}

impl Census {
    pub fn add(&mut self, storage_class: Option<&str>, size: u64) {
        let bytes = self.bytes.entry(storage_class.unwrap_or(STANDARD).to_owned()).or_default();
        *bytes = bytes.saturating_add(size);
    }

    /// Lines of a bill, for the hour of `now`.
    pub fn usage(&self, bucket: &str, now: Millis) -> Vec<Usage> {
        let start_at = now - now.rem_euclid(HOUR_MS);
        let line = |(class, bytes): (&String, &u64)| Usage {
            service: "s3".to_owned(),
            usage_type: names(class).0.to_owned(),
            resource: bucket.to_owned(),
            start_at,
            end_at: start_at + HOUR_MS,
            quantity: bytes.div_ceil(KIB).saturating_mul(HOUR_SECONDS),
            unit: "KiBSeconds".to_owned(),
        };
        self.bytes.iter().filter(|(_, bytes)| **bytes > 0).map(line).collect()
    }
}

/// How bills and metrics name a storage class.
pub fn names(storage_class: &str) -> (&'static str, &'static str) {
    match storage_class {
        "REDUCED_REDUNDANCY" => ("TimedStorage-RRS-ByteHrs", "ReducedRedundancyStorage"),
        "STANDARD_IA" => ("TimedStorage-SIA-ByteHrs", "StandardIAStorage"),
        "ONEZONE_IA" => ("TimedStorage-ZIA-ByteHrs", "OneZoneIAStorage"),
        "INTELLIGENT_TIERING" => ("TimedStorage-INT-FA-ByteHrs", "IntelligentTieringFAStorage"),
        "GLACIER" => ("TimedStorage-GlacierByteHrs", "GlacierStorage"),
        "GLACIER_IR" => ("TimedStorage-GIR-ByteHrs", "GlacierInstantRetrievalStorage"),
        "DEEP_ARCHIVE" => ("TimedStorage-GDA-ByteHrs", "DeepArchiveStorage"),
        _ => ("TimedStorage-ByteHrs", "StandardStorage"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_storage() {
        let mut census = Census::default();
        census.add(None, 1_000);
        census.add(Some("STANDARD"), 1_048);
        census.add(Some("GLACIER"), 1);
        census.add(Some("STANDARD_IA"), 0);
        let lines = census.usage("b", HOUR_MS + 5);
        let shown: Vec<_> = lines.iter().map(|l| (l.usage_type.as_str(), l.quantity, l.start_at)).collect();
        assert_eq!(
            shown,
            [("TimedStorage-GlacierByteHrs", 3_600, HOUR_MS), ("TimedStorage-ByteHrs", 7_200, HOUR_MS)]
        );
    }
}
