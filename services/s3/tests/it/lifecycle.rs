//! Lifecycle rules, on a clock that is moved.

use api_s3::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, CopyObjectRequest,
    CreateMultipartUploadRequest, GetBucketLifecycleConfigurationRequest, HeadObjectRequest,
    LifecycleExpiration, LifecycleRule, LifecycleRuleAndOperator, LifecycleRuleFilter,
    ListMultipartUploadsRequest, ListObjectVersionsRequest, ListPartsRequest, NoncurrentVersionExpiration,
    NoncurrentVersionTransition, PutBucketLifecycleConfigurationRequest, PutBucketVersioningRequest,
    Transition, VersioningConfiguration, op,
};

use shape::Timestamp;

use super::Lab;

const DAY_MS: i64 = 86_400_000;

fn rule() -> LifecycleRule {
    LifecycleRule {
        status: "Enabled".to_owned(),
        filter: Some(LifecycleRuleFilter { prefix: Some("old/".to_owned()), ..Default::default() }),
        ..Default::default()
    }
}

fn expiring(days: i32) -> LifecycleRule {
    LifecycleRule {
        expiration: Some(LifecycleExpiration { days: Some(days), ..Default::default() }),
        ..rule()
    }
}

async fn try_rules(lab: &Lab, rules: Vec<LifecycleRule>) -> Result<(), &'static str> {
    let input = PutBucketLifecycleConfigurationRequest {
        bucket: "bbb".to_owned(),
        lifecycle_configuration: Some(BucketLifecycleConfiguration { rules }),
        ..Default::default()
    };
    let done = lab.cloud.call(op::PutBucketLifecycleConfiguration, input).await;
    done.map(|_| ()).map_err(|error| error.code())
}

async fn keep_versions(lab: &Lab) {
    let input = PutBucketVersioningRequest {
        bucket: "bbb".to_owned(),
        versioning_configuration: VersioningConfiguration {
            status: Some("Enabled".to_owned()),
            ..Default::default()
        },
        ..Default::default()
    };
    lab.cloud.call(op::PutBucketVersioning, input).await.unwrap();
}

async fn versions(lab: &Lab) -> (usize, usize) {
    let input = ListObjectVersionsRequest { bucket: "bbb".to_owned(), ..Default::default() };
    let listed = lab.cloud.call(op::ListObjectVersions, input).await.unwrap();
    (listed.versions.map_or(0, |all| all.len()), listed.delete_markers.map_or(0, |all| all.len()))
}

#[tokio::test]
async fn objects_expire_at_midnight_after_their_days() {
    let lab = Lab::new().await;
    lab.put("old/a", "1").await;
    lab.put("kept", "2").await;
    try_rules(&lab, vec![expiring(3)]).await.unwrap();
    lab.cloud.advance(2 * DAY_MS);
    assert!(lab.get("old/a", None).await.is_ok());
    lab.cloud.advance(2 * DAY_MS);
    lab.cloud
        .eventually("it expires", async || (lab.get("old/a", None).await == Err("NoSuchKey")).then_some(()))
        .await;
    assert_eq!(lab.get("kept", None).await.unwrap(), b"2");
}

#[tokio::test]
async fn answers_say_when_what_they_are_of_goes() {
    let lab = Lab::new().await;
    keep_versions(&lab).await;
    assert_eq!(lab.put("old/a", "1").await.expiration, None);
    let abort = AbortIncompleteMultipartUpload { days_after_initiation: Some(2) };
    let rules = LifecycleRule {
        id: Some("two days".to_owned()),
        abort_incomplete_multipart_upload: Some(abort),
        ..expiring(3)
    };
    try_rules(&lab, vec![rules]).await.unwrap();
    lab.cloud.advance(DAY_MS - lab.cloud.now().rem_euclid(DAY_MS));
    let day = lab.cloud.now();
    let at = |days: i64| {
        let at = time::OffsetDateTime::from_unix_timestamp((day + days * DAY_MS) / 1_000).unwrap();
        let form = time::macros::format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] 00:00:00 GMT"
        );
        at.format(form).unwrap()
    };
    let told = Some(format!("expiry-date=\"{}\", rule-id=\"two%20days\"", at(3)));
    let first = lab.put("old/a", "2").await;
    assert_eq!(first.expiration, told);
    let head = |key: &str, version_id: Option<String>| HeadObjectRequest {
        bucket: "bbb".to_owned(),
        key: key.to_owned(),
        version_id,
        ..Default::default()
    };
    let expiry = async |key: &str, version_id: Option<String>| {
        lab.cloud.call(op::HeadObject, head(key, version_id)).await.unwrap().expiration
    };
    assert_eq!(expiry("old/a", None).await, told);
    assert_eq!(expiry("old/a", first.version_id.clone()).await, told);
    assert_eq!(lab.cloud.call(op::GetObject, super::get("old/a")).await.unwrap().expiration, told);
    // Rules by age mean the latest version, and keys of their prefix.
    lab.cloud.advance(1_000);
    let later = Some(format!("expiry-date=\"{}\", rule-id=\"two%20days\"", at(4)));
    assert_eq!(lab.put("old/a", "3").await.expiration, later);
    assert_eq!(expiry("old/a", first.version_id).await, None);
    assert_eq!(lab.put("kept", "4").await.expiration, None);
    let copy = CopyObjectRequest {
        bucket: "bbb".to_owned(),
        key: "old/b".to_owned(),
        copy_source: "bbb/kept".to_owned(),
        ..Default::default()
    };
    assert_eq!(lab.cloud.call(op::CopyObject, copy).await.unwrap().expiration, later);

    let (key, bucket) = ("old/u".to_owned(), "bbb".to_owned());
    let begin =
        CreateMultipartUploadRequest { bucket: bucket.clone(), key: key.clone(), ..Default::default() };
    let begun = lab.cloud.call(op::CreateMultipartUpload, begin).await.unwrap();
    let abort = (Some(Timestamp::from_millis(day + 3 * DAY_MS)), Some("two%20days".to_owned()));
    assert_eq!((begun.abort_date, begun.abort_rule_id), abort);
    let upload_id = begun.upload_id.unwrap();
    let list = ListPartsRequest { bucket, key, upload_id, ..Default::default() };
    let listed = lab.cloud.call(op::ListParts, list).await.unwrap();
    assert_eq!((listed.abort_date, listed.abort_rule_id), abort);
}

#[tokio::test]
async fn versions_go_behind_a_marker_and_then_for_good() {
    let lab = Lab::new().await;
    keep_versions(&lab).await;
    for n in 0..3 {
        lab.put("old/a", n.to_string()).await;
    }
    let noncurrent = NoncurrentVersionExpiration { noncurrent_days: Some(2), ..Default::default() };
    let rules = LifecycleRule { noncurrent_version_expiration: Some(noncurrent), ..expiring(1) };
    try_rules(&lab, vec![rules]).await.unwrap();
    lab.cloud.advance(2 * DAY_MS);
    lab.cloud
        .eventually("it is hidden", async || (lab.get("old/a", None).await == Err("NoSuchKey")).then_some(()))
        .await;
    // The versions first, then the marker that has nothing behind it.
    for _ in 0..3 {
        lab.cloud.advance(2 * DAY_MS);
        tokio::task::yield_now().await;
    }
    lab.cloud
        .eventually("nothing is left", async || {
            lab.cloud.advance(DAY_MS);
            (versions(&lab).await == (0, 0)).then_some(())
        })
        .await;
}

#[tokio::test]
async fn objects_sink_and_stay_readable() {
    let lab = Lab::new().await;
    lab.put("old/a", vec![7; 200_000]).await;
    lab.put("old/small", "x").await;
    let to =
        Transition { days: Some(30), storage_class: Some("STANDARD_IA".to_owned()), ..Default::default() };
    try_rules(&lab, vec![LifecycleRule { transitions: Some(vec![to]), ..rule() }]).await.unwrap();
    lab.cloud.advance(31 * DAY_MS);
    let class = async |key: &str| {
        let input = HeadObjectRequest { bucket: "bbb".to_owned(), key: key.to_owned(), ..Default::default() };
        lab.cloud.call(op::HeadObject, input).await.unwrap().storage_class
    };
    lab.cloud
        .eventually("it sinks", async || {
            (class("old/a").await.as_deref() == Some("STANDARD_IA")).then_some(())
        })
        .await;
    assert_eq!(class("old/small").await, None);
    assert_eq!(lab.get("old/a", None).await.unwrap().len(), 200_000);
}

#[tokio::test]
async fn abandoned_uploads_end() {
    let lab = Lab::new().await;
    let begin = CreateMultipartUploadRequest {
        bucket: "bbb".to_owned(),
        key: "old/u".to_owned(),
        ..Default::default()
    };
    lab.cloud.call(op::CreateMultipartUpload, begin).await.unwrap();
    let abort = AbortIncompleteMultipartUpload { days_after_initiation: Some(1) };
    try_rules(&lab, vec![LifecycleRule { abort_incomplete_multipart_upload: Some(abort), ..rule() }])
        .await
        .unwrap();
    lab.cloud.advance(2 * DAY_MS);
    lab.cloud
        .eventually("it ends", async || {
            let input = ListMultipartUploadsRequest { bucket: "bbb".to_owned(), ..Default::default() };
            let uploads = lab.cloud.call(op::ListMultipartUploads, input).await.unwrap().uploads;
            uploads.is_none_or(|uploads| uploads.is_empty()).then_some(())
        })
        .await;
}

#[tokio::test]
async fn rules_come_back_as_given_and_bad_ones_change_nothing() {
    let lab = Lab::new().await;
    let given = LifecycleRule { id: Some("mine".to_owned()), ..expiring(5) };
    try_rules(&lab, vec![given]).await.unwrap();
    let marker =
        LifecycleExpiration { expired_object_delete_marker: Some(true), days: Some(1), ..Default::default() };
    for (bad, code) in [
        (vec![], "MalformedXML"),
        (vec![rule()], "InvalidRequest"),
        (vec![expiring(0)], "InvalidArgument"),
        (vec![LifecycleRule { status: "on".to_owned(), ..expiring(1) }], "MalformedXML"),
        (vec![LifecycleRule { filter: None, ..expiring(1) }], "MalformedXML"),
        (vec![LifecycleRule { prefix: Some("x".to_owned()), ..expiring(1) }], "MalformedXML"),
        (vec![LifecycleRule { expiration: Some(marker), ..rule() }], "MalformedXML"),
        (vec![LifecycleRule { id: Some("a".to_owned()), ..expiring(1) }; 2], "InvalidArgument"),
    ] {
        assert_eq!(try_rules(&lab, bad).await, Err(code));
    }
    let get = GetBucketLifecycleConfigurationRequest { bucket: "bbb".to_owned(), ..Default::default() };
    let rules = lab.cloud.call(op::GetBucketLifecycleConfiguration, get).await.unwrap().rules.unwrap();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].id.as_deref(), Some("mine"));
    assert_eq!(rules[0].expiration.as_ref().unwrap().days, Some(5));
    assert_eq!(rules[0].filter.as_ref().unwrap().prefix.as_deref(), Some("old/"));
}

#[tokio::test]
async fn rules_whose_actions_contradict_are_refused() {
    let lab = Lab::new().await;
    let to = |days: i32, class: &str| Transition {
        days: Some(days),
        storage_class: Some(class.to_owned()),
        ..Default::default()
    };
    let dated = |day: i64, class: &str| Transition {
        days: None,
        date: Some(Timestamp::from_millis(day * DAY_MS)),
        storage_class: Some(class.to_owned()),
    };
    let sinking = |all: Vec<Transition>| LifecycleRule { transitions: Some(all), ..rule() };
    let and = |prefix: Option<&str>, size: Option<i64>| LifecycleRule {
        filter: Some(LifecycleRuleFilter {
            and: Some(LifecycleRuleAndOperator {
                prefix: prefix.map(str::to_owned),
                object_size_greater_than: size,
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..expiring(1)
    };
    let moved = |days: i32| LifecycleRule {
        noncurrent_version_transitions: Some(vec![NoncurrentVersionTransition {
            noncurrent_days: Some(30),
            storage_class: Some("GLACIER".to_owned()),
            ..Default::default()
        }]),
        noncurrent_version_expiration: Some(NoncurrentVersionExpiration {
            noncurrent_days: Some(days),
            ..Default::default()
        }),
        ..rule()
    };
    let expires_too =
        |to: Transition, days: i32| LifecycleRule { transitions: Some(vec![to]), ..expiring(days) };
    for (given, code) in [
        (expires_too(to(9, "GLACIER"), 9), Some("InvalidArgument")),
        (expires_too(to(9, "GLACIER"), 10), None),
        (expires_too(dated(9, "GLACIER"), 99), Some("InvalidRequest")),
        (sinking(vec![to(9, "GLACIER"), to(10, "GLACIER")]), Some("InvalidRequest")),
        (sinking(vec![to(9, "GLACIER"), dated(99, "DEEP_ARCHIVE")]), Some("InvalidRequest")),
        (sinking(vec![to(30, "STANDARD_IA"), to(31, "GLACIER")]), Some("InvalidArgument")),
        (sinking(vec![to(30, "ONEZONE_IA"), to(59, "DEEP_ARCHIVE")]), Some("InvalidArgument")),
        (sinking(vec![to(30, "STANDARD_IA"), to(60, "GLACIER")]), None),
        (sinking(vec![dated(9, "STANDARD_IA"), dated(38, "GLACIER")]), Some("InvalidArgument")),
        (sinking(vec![dated(9, "STANDARD_IA"), dated(39, "GLACIER")]), None),
        (moved(30), Some("InvalidArgument")),
        (moved(31), None),
        (and(Some("p"), None), Some("MalformedXML")),
        (and(None, None), Some("MalformedXML")),
        (and(Some("p"), Some(5)), None),
    ] {
        assert_eq!(try_rules(&lab, vec![given.clone()]).await.err(), code, "{given:?}");
    }
    let rules = vec![expires_too(to(9, "GLACIER"), 9)];
    let input = PutBucketLifecycleConfigurationRequest {
        bucket: "bbb".to_owned(),
        lifecycle_configuration: Some(BucketLifecycleConfiguration { rules }),
        ..Default::default()
    };
    let refused = lab.cloud.call(op::PutBucketLifecycleConfiguration, input).await.unwrap_err();
    let said = "'Days' in the Expiration action for filter '(prefix=old/)' must be greater than 'Days' in the \
                Transition action";
    assert_eq!(refused.message(), said);
}

#[tokio::test]
async fn transitions_go_down_and_in_their_time() {
    let lab = Lab::new().await;
    let to = |days: i32, class: &str| Transition {
        days: Some(days),
        storage_class: Some(class.to_owned()),
        ..Default::default()
    };
    let current = |all: &[(i32, &str)]| LifecycleRule {
        transitions: Some(all.iter().map(|(days, class)| to(*days, class)).collect()),
        ..rule()
    };
    let noncurrent = |all: &[(i32, &str)]| LifecycleRule {
        noncurrent_version_transitions: Some(
            all.iter()
                .map(|(days, class)| NoncurrentVersionTransition {
                    noncurrent_days: Some(*days),
                    storage_class: Some((*class).to_owned()),
                    ..Default::default()
                })
                .collect(),
        ),
        ..rule()
    };
    for (steps, good) in [
        (&[(30, "DEEP_ARCHIVE"), (90, "GLACIER")][..], false),
        (&[(30, "ONEZONE_IA"), (90, "STANDARD_IA")], false),
        (&[(90, "GLACIER"), (90, "DEEP_ARCHIVE")], false),
        (&[(30, "INTELLIGENT_TIERING"), (90, "STANDARD_IA")], false),
        (&[(30, "STANDARD_IA"), (60, "GLACIER"), (61, "DEEP_ARCHIVE")], true),
        (&[(31, "ONEZONE_IA"), (30, "STANDARD_IA")], true),
        (&[(29, "STANDARD_IA")], false),
        (&[(29, "ONEZONE_IA")], false),
        (&[(30, "STANDARD_IA"), (59, "GLACIER")], false),
        (&[(1, "GLACIER")], true),
    ] {
        let expected = if good { Ok(()) } else { Err("InvalidArgument") };
        assert_eq!(try_rules(&lab, vec![current(steps)]).await, expected, "{steps:?}");
        assert_eq!(try_rules(&lab, vec![noncurrent(steps)]).await, expected, "noncurrent {steps:?}");
    }
    let old = LifecycleRule { filter: None, prefix: Some("p".to_owned()), ..expiring(1) };
    assert_eq!(try_rules(&lab, vec![old.clone()]).await, Ok(()));
    assert_eq!(try_rules(&lab, vec![old, expiring(2)]).await, Err("InvalidRequest"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_while_objects_expire_sees_them_whole_or_not_at_all() {
    let lab = Lab::new().await;
    let sizes = [0, 100, 40_000, 300_000];
    for size in sizes {
        lab.put(&format!("old/{size}"), vec![7; size]).await;
    }
    try_rules(&lab, vec![expiring(1)]).await.unwrap();
    let look = async |size: usize| {
        let key = format!("old/{size}");
        let mut seen = 0;
        let input = HeadObjectRequest { bucket: "bbb".to_owned(), key: key.clone(), ..Default::default() };
        loop {
            match lab.cloud.call(op::HeadObject, input.clone()).await {
                Ok(head) => assert_eq!(head.content_length, i64::try_from(size).ok()),
                // Once it is gone, it is gone for everybody.
                Err(gone) => {
                    assert_eq!((gone.code(), lab.get(&key, None).await), ("NoSuchKey", Err("NoSuchKey")));
                    return seen;
                }
            }
            match lab.get(&key, None).await {
                Ok(bytes) => assert!(bytes == vec![7; size]),
                Err(code) => assert_eq!(code, "NoSuchKey"),
            }
            seen += 1;
            if seen == 5 {
                lab.cloud.advance(2 * DAY_MS);
            }
        }
    };
    let all = async { tokio::join!(look(sizes[0]), look(sizes[1]), look(sizes[2]), look(sizes[3])) };
    let (a, b, c, d) = tokio::time::timeout(std::time::Duration::from_secs(60), all).await.unwrap();
    assert!([a, b, c, d].iter().max().unwrap() >= &5);
}
