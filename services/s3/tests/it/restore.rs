//! Archived objects, on a clock that is moved; and versions that lifecycle rules may not take away.

use api_s3::{
    BucketLifecycleConfiguration, DefaultRetention, HeadObjectRequest, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter, ListObjectVersionsRequest, NoncurrentVersionExpiration, ObjectLockConfiguration,
    ObjectLockRule, PutBucketLifecycleConfigurationRequest, PutBucketVersioningRequest,
    PutObjectLockConfigurationRequest, PutObjectRequest, RestoreObjectRequest, RestoreRequest,
    VersioningConfiguration, op,
};

use super::{Lab, put};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

async fn restore(lab: &Lab, key: &str, days: i32, tier: &str) -> Result<(), &'static str> {
    let wanted = RestoreRequest { days: Some(days), tier: Some(tier.to_owned()), ..Default::default() };
    let input = RestoreObjectRequest {
        bucket: "bbb".to_owned(),
        key: key.to_owned(),
        restore_request: Some(wanted),
        ..Default::default()
    };
    lab.cloud.call(op::RestoreObject, input).await.map(drop).map_err(|error| error.code())
}

async fn state(lab: &Lab, key: &str) -> Option<String> {
    let input = HeadObjectRequest { bucket: "bbb".to_owned(), key: key.to_owned(), ..Default::default() };
    lab.cloud.call(op::HeadObject, input).await.unwrap().restore
}

#[tokio::test]
async fn archived_objects_are_read_after_they_were_restored_and_no_longer() {
    let lab = Lab::new().await;
    let archived =
        PutObjectRequest { storage_class: Some("GLACIER".to_owned()), ..put("k", b"text".to_vec()) };
    lab.try_put(archived).await.unwrap();
    lab.put("plain", b"text".to_vec()).await;
    assert_eq!(lab.get("k", None).await, Err("InvalidObjectState"));
    assert_eq!(restore(&lab, "plain", 1, "Standard").await, Err("InvalidObjectState"));
    assert_eq!(restore(&lab, "k", 0, "Standard").await, Err("InvalidArgument"));
    // Without days it may be meant for another class: which it is decides.
    for (key, code) in [("plain", "InvalidObjectState"), ("k", "MalformedXML")] {
        let input = RestoreObjectRequest {
            bucket: "bbb".to_owned(),
            key: key.to_owned(),
            restore_request: Some(RestoreRequest::default()),
            ..Default::default()
        };
        assert_eq!(lab.cloud.call(op::RestoreObject, input).await.unwrap_err().code(), code);
    }
    restore(&lab, "k", 2, "Standard").await.unwrap();
    assert_eq!(state(&lab, "k").await.as_deref(), Some("ongoing-request=\"true\""));
    assert_eq!(restore(&lab, "k", 2, "Standard").await, Err("RestoreAlreadyInProgress"));
    assert_eq!(lab.get("k", None).await, Err("InvalidObjectState"));
    lab.cloud.advance(5 * HOUR_MS);
    assert!(state(&lab, "k").await.unwrap().starts_with("ongoing-request=\"false\", expiry-date=\""));
    assert_eq!(lab.get("k", None).await.unwrap(), b"text");
    lab.cloud.advance(4 * DAY_MS);
    assert_eq!(lab.get("k", None).await, Err("InvalidObjectState"));
    assert_eq!(state(&lab, "k").await, None);
    // A faster one overtakes a slower one.
    restore(&lab, "k", 1, "Bulk").await.unwrap();
    restore(&lab, "k", 1, "Expedited").await.unwrap();
    lab.cloud.advance(HOUR_MS / 12);
    assert_eq!(lab.get("k", None).await.unwrap(), b"text");
}

#[tokio::test]
async fn what_is_locked_outlives_the_rules() {
    let lab = Lab::new().await;
    let versioning = VersioningConfiguration { status: Some("Enabled".to_owned()), ..Default::default() };
    let input = PutBucketVersioningRequest {
        bucket: "bbb".to_owned(),
        versioning_configuration: versioning,
        ..Default::default()
    };
    lab.cloud.call(op::PutBucketVersioning, input).await.unwrap();
    let default = DefaultRetention { mode: Some("GOVERNANCE".to_owned()), days: Some(30), years: None };
    let lock = ObjectLockConfiguration {
        object_lock_enabled: Some("Enabled".to_owned()),
        rule: Some(ObjectLockRule { default_retention: Some(default) }),
    };
    let input = PutObjectLockConfigurationRequest {
        bucket: "bbb".to_owned(),
        object_lock_configuration: Some(lock),
        ..Default::default()
    };
    lab.cloud.call(op::PutObjectLockConfiguration, input).await.unwrap();
    let rule = LifecycleRule {
        status: "Enabled".to_owned(),
        filter: Some(LifecycleRuleFilter::default()),
        expiration: Some(LifecycleExpiration { days: Some(1), ..Default::default() }),
        noncurrent_version_expiration: Some(NoncurrentVersionExpiration {
            noncurrent_days: Some(1),
            ..Default::default()
        }),
        ..Default::default()
    };
    let input = PutBucketLifecycleConfigurationRequest {
        bucket: "bbb".to_owned(),
        lifecycle_configuration: Some(BucketLifecycleConfiguration { rules: vec![rule] }),
        ..Default::default()
    };
    lab.cloud.call(op::PutBucketLifecycleConfiguration, input).await.unwrap();
    lab.put("k", b"text".to_vec()).await;
    let versions = async || {
        let input = ListObjectVersionsRequest { bucket: "bbb".to_owned(), ..Default::default() };
        lab.cloud.call(op::ListObjectVersions, input).await.unwrap().versions.map_or(0, |all| all.len())
    };
    lab.cloud.advance(10 * DAY_MS);
    let gone = async || (lab.get("k", None).await == Err("NoSuchKey")).then_some(());
    lab.cloud.eventually("the object expires", gone).await;
    assert_eq!(versions().await, 1);
    lab.cloud.advance(2 * DAY_MS);
    assert_eq!(versions().await, 1);
    let none = async || {
        lab.cloud.advance(DAY_MS);
        (versions().await == 0).then_some(())
    };
    lab.cloud.eventually("the lock ends, and the version goes", none).await;
}
