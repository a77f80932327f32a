//! Leave to make objects: tags and locks have guards of their own, whichever way the object is made.

use api_s3::{
    CompleteMultipartUploadRequest, CompletedMultipartUpload, CompletedPart, CopyObjectRequest,
    CreateBucketRequest, CreateMultipartUploadRequest, ObjectLockLegalHold, ObjectLockRetention,
    PutBucketPolicyRequest, PutObjectLegalHoldRequest, PutObjectRequest, PutObjectRetentionRequest,
    PutObjectTaggingRequest, Tag, Tagging, UploadPartRequest, op,
};
use kernel::Error;
use kernel::testing::TestCloud;
use shape::{Body, Timestamp};

use super::{Lab, put};

const OTHER: &str = "222222222222";
const BUCKET: &str = "locked";

/// A statement about another account and the objects of a bucket that has locks.
fn statement(effect: &str, actions: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect": "{effect}", "Principal": {{"AWS": "{OTHER}"}}, "Action": [{actions}],
        "Resource": "arn:aws:s3:::{BUCKET}/*", "Condition": {condition}}}"#
    )
}

/// Another account, which may what the statements say.
async fn stranger(lab: &Lab, statements: &[String]) -> TestCloud {
    let bucket = CreateBucketRequest {
        bucket: BUCKET.to_owned(),
        object_lock_enabled_for_bucket: Some(true),
        ..Default::default()
    };
    if let Err(there) = lab.cloud.call(op::CreateBucket, bucket).await {
        assert_eq!(there.code(), "BucketAlreadyOwnedByYou");
    }
    let policy = format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(","));
    let input = PutBucketPolicyRequest { bucket: BUCKET.to_owned(), policy, ..Default::default() };
    lab.cloud.call(op::PutBucketPolicy, input).await.unwrap();
    lab.cloud.as_account(OTHER)
}

/// What may be asked of a new object.
#[derive(Clone, Default)]
struct Asked {
    tagging: Option<String>,
    mode: Option<String>,
    until: Option<Timestamp>,
    hold: Option<String>,
    encryption: Option<String>,
    class: Option<String>,
}

impl Asked {
    fn put(self) -> PutObjectRequest {
        PutObjectRequest {
            bucket: BUCKET.to_owned(),
            tagging: self.tagging,
            object_lock_mode: self.mode,
            object_lock_retain_until_date: self.until,
            object_lock_legal_hold_status: self.hold,
            server_side_encryption: self.encryption,
            storage_class: self.class,
            checksum_algorithm: Some("CRC32".to_owned()),
            checksum_crc32: Some("AAAAAA==".to_owned()),
            ..put("put", "")
        }
    }

    fn copy(self) -> CopyObjectRequest {
        CopyObjectRequest {
            bucket: BUCKET.to_owned(),
            key: "copy".to_owned(),
            copy_source: format!("{BUCKET}/source"),
            tagging_directive: self.tagging.as_ref().map(|_| "REPLACE".to_owned()),
            tagging: self.tagging,
            object_lock_mode: self.mode,
            object_lock_retain_until_date: self.until,
            object_lock_legal_hold_status: self.hold,
            server_side_encryption: self.encryption,
            storage_class: self.class,
            ..Default::default()
        }
    }

    fn begin(self) -> CreateMultipartUploadRequest {
        CreateMultipartUploadRequest {
            bucket: BUCKET.to_owned(),
            key: "parts".to_owned(),
            tagging: self.tagging,
            object_lock_mode: self.mode,
            object_lock_retain_until_date: self.until,
            object_lock_legal_hold_status: self.hold,
            server_side_encryption: self.encryption,
            storage_class: self.class,
            ..Default::default()
        }
    }
}

/// Whether an object is made in each of the three ways.
async fn makes(cloud: &TestCloud, asked: &Asked) -> [bool; 3] {
    let is_let_in = |outcome: Result<(), Error>| match outcome {
        Ok(()) => true,
        Err(refused) => {
            assert_eq!(refused.code(), "AccessDenied");
            false
        }
    };
    [
        is_let_in(cloud.call(op::PutObject, asked.clone().put()).await.map(drop)),
        is_let_in(cloud.call(op::CopyObject, asked.clone().copy()).await.map(drop)),
        is_let_in(in_parts(cloud, asked.clone().begin()).await),
    ]
}

/// An upload of one part, from its begin to its end.
async fn in_parts(cloud: &TestCloud, begin: CreateMultipartUploadRequest) -> Result<(), Error> {
    let (bucket, key) = (begin.bucket.clone(), begin.key.clone());
    let upload_id = cloud.call(op::CreateMultipartUpload, begin).await?.upload_id.unwrap();
    let part = UploadPartRequest {
        bucket: bucket.clone(),
        key: key.clone(),
        upload_id: upload_id.clone(),
        part_number: 1,
        body: Body::from_bytes("v"),
        ..Default::default()
    };
    let e_tag = cloud.call(op::UploadPart, part).await?.e_tag;
    let parts = Some(vec![CompletedPart { e_tag, part_number: Some(1), ..Default::default() }]);
    let complete = CompleteMultipartUploadRequest {
        bucket,
        key,
        upload_id,
        multipart_upload: Some(CompletedMultipartUpload { parts }),
        ..Default::default()
    };
    cloud.call(op::CompleteMultipartUpload, complete).await.map(drop)
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

async fn put_source(lab: &Lab, tagging: Option<String>) {
    let source = PutObjectRequest { bucket: BUCKET.to_owned(), tagging, ..put("source", "v") };
    lab.try_put(source).await.unwrap();
}

const PUT_AND_GET: &str = r#""s3:PutObject", "s3:GetObject""#;

#[tokio::test]
async fn tags_and_locks_take_leave_of_their_own_in_every_way() {
    let lab = Lab::new().await;
    let other = stranger(&lab, &[statement("Allow", PUT_AND_GET, "{}")]).await;
    put_source(&lab, None).await;
    assert_eq!(makes(&other, &Asked::default()).await, [true; 3]);
    let until = Some(Timestamp::from_millis(lab.cloud.now() + 86_400_000));
    let guarded = [
        ("s3:PutObjectTagging", Asked { tagging: text("role=admin"), ..Asked::default() }),
        ("s3:PutObjectRetention", Asked { mode: text("GOVERNANCE"), until, ..Asked::default() }),
        ("s3:PutObjectLegalHold", Asked { hold: text("ON"), ..Asked::default() }),
    ];
    for (action, asked) in guarded {
        stranger(&lab, &[statement("Allow", PUT_AND_GET, "{}")]).await;
        assert_eq!(makes(&other, &asked).await, [false; 3], "{action}");
        let all = statement("Allow", r#""s3:*""#, "{}");
        stranger(&lab, &[all.clone(), statement("Deny", &format!(r#""{action}""#), "{}")]).await;
        assert_eq!(makes(&other, &asked).await, [false; 3], "{action} is denied");
        stranger(&lab, &[all]).await;
        assert_eq!(makes(&other, &asked).await, [true; 3], "{action} is allowed");
    }
}

#[tokio::test]
async fn a_copy_carries_tags_for_who_may_read_and_set_them() {
    let lab = Lab::new().await;
    let other = stranger(&lab, &[statement("Allow", PUT_AND_GET, "{}")]).await;
    put_source(&lab, text("role=admin")).await;
    let copy = || other.call(op::CopyObject, Asked::default().copy());
    let may = async |actions: &str| {
        stranger(&lab, &[statement("Allow", &format!("{PUT_AND_GET}{actions}"), "{}")]).await;
        copy().await.is_ok()
    };
    assert!(!may("").await);
    assert!(!may(r#", "s3:GetObjectTagging""#).await);
    assert!(!may(r#", "s3:PutObjectTagging""#).await);
    assert!(may(r#", "s3:GetObjectTagging", "s3:PutObjectTagging""#).await);
    // Who leaves the tags behind needs no leave for them.
    stranger(&lab, &[statement("Allow", PUT_AND_GET, "{}")]).await;
    let bare = CopyObjectRequest { tagging_directive: text("REPLACE"), ..Asked::default().copy() };
    other.call(op::CopyObject, bare).await.unwrap();
}

#[tokio::test]
async fn conditions_know_what_is_wanted_in_every_way() {
    let lab = Lab::new().await;
    let all = statement("Allow", r#""s3:*""#, "{}");
    let until = Some(Timestamp::from_millis(lab.cloud.now() + 86_400_000));
    let tagged = Asked { tagging: text("role=admin"), ..Asked::default() };
    let encrypted = Asked { encryption: text("AES256"), ..Asked::default() };
    let rare = Asked { class: text("STANDARD_IA"), ..Asked::default() };
    let locked = Asked { mode: text("GOVERNANCE"), until, ..Asked::default() };
    let held = Asked { hold: text("ON"), ..Asked::default() };
    let cases = [
        (r#"{"StringEquals": {"s3:RequestObjectTag/role": "admin"}}"#, tagged.clone()),
        (r#"{"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": "role"}}"#, tagged),
        (r#"{"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}}"#, encrypted),
        (r#"{"StringEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}}"#, rare),
        (r#"{"StringEquals": {"s3:object-lock-mode": "GOVERNANCE"}}"#, locked.clone()),
        (r#"{"DateGreaterThan": {"s3:object-lock-retain-until-date": "1970-01-01T12:00:00Z"}}"#, locked),
        (r#"{"StringEquals": {"s3:object-lock-legal-hold": "ON"}}"#, held),
    ];
    for (condition, asked) in cases {
        let deny = statement("Deny", r#""s3:PutObject""#, condition);
        let other = stranger(&lab, &[all.clone(), deny]).await;
        put_source(&lab, None).await;
        assert_eq!(makes(&other, &asked).await, [false; 3], "{condition}");
    }
    // What is asked of all objects holds for parts, which do not say it again.
    for (condition, asked) in [
        (
            r#"{"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}"#,
            Asked { encryption: text("AES256"), ..Asked::default() },
        ),
        (
            r#"{"StringNotEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}}"#,
            Asked { class: text("STANDARD_IA"), ..Asked::default() },
        ),
    ] {
        let other = stranger(&lab, &[all.clone(), statement("Deny", r#""s3:PutObject""#, condition)]).await;
        assert_eq!(makes(&other, &Asked::default()).await, [false; 3], "{condition}");
        assert_eq!(makes(&other, &asked).await, [true; 3], "{condition}");
    }
    let begun = r#"{"Bool": {"s3:ObjectCreationOperation": "false"}}"#;
    let other = stranger(&lab, &[all, statement("Deny", r#""s3:PutObject""#, begun)]).await;
    assert_eq!(makes(&other, &Asked::default()).await, [true, true, false]);
}

#[tokio::test]
async fn conditions_know_what_is_set_afterwards() {
    let lab = Lab::new().await;
    let all = statement("Allow", r#""s3:*""#, "{}");
    let deny = |action: &str, condition: &str| statement("Deny", &format!(r#""{action}""#), condition);
    let denied = [
        deny("s3:PutObjectTagging", r#"{"StringEquals": {"s3:RequestObjectTag/role": "admin"}}"#),
        deny("s3:PutObjectRetention", r#"{"StringEquals": {"s3:object-lock-mode": "COMPLIANCE"}}"#),
        deny("s3:PutObjectLegalHold", r#"{"StringEquals": {"s3:object-lock-legal-hold": "ON"}}"#),
    ];
    let other = stranger(&lab, &[&[all], denied.as_slice()].concat()).await;
    put_source(&lab, None).await;
    let (bucket, key) = (BUCKET.to_owned(), "source".to_owned());
    for (value, may) in [("admin", false), ("guest", true)] {
        let tag = Tag { key: "role".to_owned(), value: value.to_owned() };
        let input = PutObjectTaggingRequest {
            bucket: bucket.clone(),
            key: key.clone(),
            tagging: Tagging { tag_set: vec![tag] },
            ..Default::default()
        };
        assert_eq!(other.call(op::PutObjectTagging, input).await.is_ok(), may, "{value}");
    }
    let until = Some(Timestamp::from_millis(lab.cloud.now() + 86_400_000));
    for (mode, may) in [("COMPLIANCE", false), ("GOVERNANCE", true)] {
        let input = PutObjectRetentionRequest {
            bucket: bucket.clone(),
            key: key.clone(),
            retention: Some(ObjectLockRetention { mode: text(mode), retain_until_date: until }),
            ..Default::default()
        };
        assert_eq!(other.call(op::PutObjectRetention, input).await.is_ok(), may, "{mode}");
    }
    for (status, may) in [("ON", false), ("OFF", true)] {
        let input = PutObjectLegalHoldRequest {
            bucket: bucket.clone(),
            key: key.clone(),
            legal_hold: Some(ObjectLockLegalHold { status: text(status) }),
            ..Default::default()
        };
        assert_eq!(other.call(op::PutObjectLegalHold, input).await.is_ok(), may, "{status}");
    }
}
