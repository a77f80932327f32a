//! Buckets: names, owners, regions, tags, ends.

use api_s3::{
    CreateBucketConfiguration, CreateBucketRequest, DeleteBucketRequest, GetBucketLocationRequest,
    GetBucketTaggingRequest, HeadBucketRequest, ListBucketsRequest, PutBucketTaggingRequest, Tag, Tagging,
    op,
};

use super::Lab;

fn create(name: &str) -> CreateBucketRequest {
    CreateBucketRequest { bucket: name.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn a_name_is_taken_once_in_the_whole_cloud() {
    let lab = Lab::new().await;
    let other = lab.cloud.as_account("222222222222");
    let refused = other.call(op::CreateBucket, create("bbb")).await.unwrap_err();
    assert_eq!((refused.code(), refused.status()), ("BucketAlreadyExists", 409));
    // In us-east-1 the owner may make it again; elsewhere not.
    lab.cloud.call(op::CreateBucket, create("bbb")).await.unwrap();
    let away = lab.cloud.in_region("eu-west-1");
    let here =
        CreateBucketConfiguration { location_constraint: Some("eu-west-1".to_owned()), ..Default::default() };
    let input = || CreateBucketRequest { create_bucket_configuration: Some(here.clone()), ..create("away") };
    away.call(op::CreateBucket, input()).await.unwrap();
    let again = away.call(op::CreateBucket, input()).await.unwrap_err();
    assert_eq!(again.code(), "BucketAlreadyOwnedByYou");
    let unspecified = away.call(op::CreateBucket, create("nowhere")).await.unwrap_err();
    assert_eq!(unspecified.code(), "IllegalLocationConstraintException");
    let there =
        CreateBucketConfiguration { location_constraint: Some("nowhere-1".to_owned()), ..Default::default() };
    let input =
        || CreateBucketRequest { create_bucket_configuration: Some(there.clone()), ..create("nowhere") };
    let nowhere = lab.cloud.call(op::CreateBucket, input()).await.unwrap_err();
    assert_eq!((nowhere.code(), nowhere.status()), ("InvalidLocationConstraint", 400));
    // A cloud may have a region that the model does not know.
    lab.cloud.in_region("nowhere-1").call(op::CreateBucket, input()).await.unwrap();

    let location =
        |bucket: &str| GetBucketLocationRequest { bucket: bucket.to_owned(), ..Default::default() };
    let of = async |bucket| {
        lab.cloud.call(op::GetBucketLocation, location(bucket)).await.unwrap().location_constraint
    };
    assert_eq!(of("bbb").await, None);
    assert_eq!(of("away").await.as_deref(), Some("eu-west-1"));
}

#[tokio::test]
async fn strangers_are_kept_out() {
    let lab = Lab::new().await;
    lab.put("k", "secret").await;
    for stranger in [lab.cloud.as_account("222222222222"), lab.cloud.anonymous()] {
        let refused = stranger.call(op::GetObject, super::get("k")).await.err().unwrap();
        assert_eq!(refused.code(), "AccessDenied");
        let refused = stranger.call(op::PutObject, super::put("k", "other")).await.err().unwrap();
        assert_eq!(refused.code(), "AccessDenied");
        let input = DeleteBucketRequest { bucket: "bbb".to_owned(), ..Default::default() };
        assert_eq!(stranger.call(op::DeleteBucket, input).await.unwrap_err().code(), "AccessDenied");
    }
    assert_eq!(lab.get("k", None).await.unwrap(), b"secret");
}

#[tokio::test]
async fn buckets_are_listed_by_their_owner_in_pages() {
    let lab = Lab::new().await;
    for name in ["aaa", "ccc", "ddd"] {
        lab.make_bucket(name).await;
    }
    let other = lab.cloud.as_account("222222222222");
    assert_eq!(
        other.call(op::ListBuckets, ListBucketsRequest::default()).await.unwrap().buckets.unwrap().len(),
        0
    );
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let input = ListBucketsRequest {
            max_buckets: Some(2),
            continuation_token: token.take(),
            ..Default::default()
        };
        let page = lab.cloud.call(op::ListBuckets, input).await.unwrap();
        names.extend(page.buckets.unwrap().into_iter().filter_map(|bucket| bucket.name));
        token = page.continuation_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(names, ["aaa", "bbb", "ccc", "ddd"]);
    let bad = ListBucketsRequest { continuation_token: Some("x".to_owned()), ..Default::default() };
    assert_eq!(lab.cloud.call(op::ListBuckets, bad).await.unwrap_err().code(), "InvalidArgument");
}

#[tokio::test]
async fn only_an_empty_bucket_goes() {
    let lab = Lab::new().await;
    lab.put("k", "v").await;
    let input = || DeleteBucketRequest { bucket: "bbb".to_owned(), ..Default::default() };
    assert_eq!(lab.cloud.call(op::DeleteBucket, input()).await.unwrap_err().code(), "BucketNotEmpty");
    let delete =
        api_s3::DeleteObjectRequest { bucket: "bbb".to_owned(), key: "k".to_owned(), ..Default::default() };
    lab.cloud.call(op::DeleteObject, delete).await.unwrap();
    lab.cloud.call(op::DeleteBucket, input()).await.unwrap();
    assert_eq!(lab.cloud.call(op::DeleteBucket, input()).await.unwrap_err().code(), "NoSuchBucket");
    let head = HeadBucketRequest { bucket: "bbb".to_owned(), ..Default::default() };
    assert_eq!(lab.cloud.call(op::HeadBucket, head).await.unwrap_err().status(), 404);
    assert_eq!(lab.get("k", None).await.unwrap_err(), "NoSuchBucket");
}

#[tokio::test]
async fn buckets_have_tags() {
    let lab = Lab::new().await;
    let ask = || GetBucketTaggingRequest { bucket: "bbb".to_owned(), ..Default::default() };
    assert_eq!(lab.cloud.call(op::GetBucketTagging, ask()).await.unwrap_err().code(), "NoSuchTagSet");
    let tag = Tag { key: "team".to_owned(), value: "red".to_owned() };
    let tagging = Tagging { tag_set: vec![tag] };
    let input = PutBucketTaggingRequest { bucket: "bbb".to_owned(), tagging, ..Default::default() };
    lab.cloud.call(op::PutBucketTagging, input).await.unwrap();
    assert_eq!(lab.cloud.call(op::GetBucketTagging, ask()).await.unwrap().tag_set[0].value, "red");
}

#[tokio::test]
async fn the_expected_owner_is_checked() {
    let lab = Lab::new().await;
    let ask = |owner: &str| HeadBucketRequest {
        bucket: "bbb".to_owned(),
        expected_bucket_owner: Some(owner.to_owned()),
    };
    lab.cloud.call(op::HeadBucket, ask("000000000000")).await.unwrap();
    assert_eq!(lab.cloud.call(op::HeadBucket, ask("222222222222")).await.unwrap_err().code(), "AccessDenied");
}
