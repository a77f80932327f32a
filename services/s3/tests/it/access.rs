//! Who is let in: bucket policies, the block on public access, lists that are off.

use api_s3::{
    DeleteBucketPolicyRequest, DeletePublicAccessBlockRequest, GetBucketAclRequest, GetBucketPolicyRequest,
    GetBucketPolicyStatusRequest, GetObjectRequest, GetPublicAccessBlockRequest, ListObjectsV2Request,
    PutBucketAclRequest, PutBucketPolicyRequest, PutObjectRequest, op,
};
use kernel::testing::TestCloud;

use super::Lab;

fn policy(text: &str) -> PutBucketPolicyRequest {
    PutBucketPolicyRequest { bucket: "bbb".to_owned(), policy: text.to_owned(), ..Default::default() }
}

fn allow(principal: &str, action: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {principal},
        "Action": "{action}", "Resource": ["arn:aws:s3:::bbb", "arn:aws:s3:::bbb/*"]}}]}}"#
    )
}

async fn unblock(lab: &Lab) {
    let input = DeletePublicAccessBlockRequest { bucket: "bbb".to_owned(), ..Default::default() };
    lab.cloud.call(op::DeletePublicAccessBlock, input).await.unwrap();
}

async fn may_read(cloud: &TestCloud) -> bool {
    cloud.call(op::GetObject, super::get("k")).await.is_ok()
}

#[tokio::test]
async fn a_policy_lets_another_account_read_and_no_more() {
    let lab = Lab::new().await;
    lab.put("k", "shared").await;
    let other = lab.cloud.as_account("222222222222");
    let text = allow(r#"{"AWS": "arn:aws:iam::222222222222:root"}"#, "s3:GetObject");
    lab.cloud.call(op::PutBucketPolicy, policy(&text)).await.unwrap();
    assert!(may_read(&other).await);
    assert!(!may_read(&lab.cloud.as_account("333333333333")).await);
    assert_eq!(other.call(op::PutObject, super::put("k", "x")).await.err().unwrap().code(), "AccessDenied");
    let list = ListObjectsV2Request { bucket: "bbb".to_owned(), ..Default::default() };
    assert_eq!(other.call(op::ListObjectsV2, list).await.err().unwrap().code(), "AccessDenied");
    let get = GetBucketPolicyRequest { bucket: "bbb".to_owned(), ..Default::default() };
    let got = lab.cloud.call(op::GetBucketPolicy, get.clone()).await.unwrap();
    assert_eq!(got.policy.as_deref(), Some(text.as_str()));
    let gone = DeleteBucketPolicyRequest { bucket: "bbb".to_owned(), ..Default::default() };
    lab.cloud.call(op::DeleteBucketPolicy, gone).await.unwrap();
    assert!(!may_read(&other).await);
    assert_eq!(lab.cloud.call(op::GetBucketPolicy, get).await.unwrap_err().code(), "NoSuchBucketPolicy");
}

#[tokio::test]
async fn the_public_comes_in_only_where_nothing_blocks_it() {
    let lab = Lab::new().await;
    lab.put("k", "public").await;
    let text = allow(r#""*""#, "s3:GetObject");
    let refused = lab.cloud.call(op::PutBucketPolicy, policy(&text)).await.unwrap_err();
    assert_eq!((refused.code(), refused.status()), ("AccessDenied", 403));
    let block = GetPublicAccessBlockRequest { bucket: "bbb".to_owned(), ..Default::default() };
    let shown = lab.cloud.call(op::GetPublicAccessBlock, block.clone()).await.unwrap();
    let all = shown.public_access_block_configuration.unwrap();
    assert_eq!(all.block_public_policy, Some(true));

    unblock(&lab).await;
    let none = lab.cloud.call(op::GetPublicAccessBlock, block).await.unwrap_err();
    assert_eq!(none.code(), "NoSuchPublicAccessBlockConfiguration");
    lab.cloud.call(op::PutBucketPolicy, policy(&text)).await.unwrap();
    let status = GetBucketPolicyStatusRequest { bucket: "bbb".to_owned(), ..Default::default() };
    let status = lab.cloud.call(op::GetBucketPolicyStatus, status).await.unwrap();
    assert_eq!(status.policy_status.unwrap().is_public, Some(true));
    let stranger = lab.cloud.as_account("222222222222");
    assert!(may_read(&lab.cloud.anonymous()).await && may_read(&stranger).await);

    // Who did not sign takes the answers as they are.
    let changed = |cloud: TestCloud| async move {
        let input =
            GetObjectRequest { response_content_type: Some("text/html".to_owned()), ..super::get("k") };
        cloud.call(op::GetObject, input).await.err().map(|error| (error.code(), error.status()))
    };
    assert_eq!(changed(lab.cloud.anonymous()).await, Some(("InvalidRequest", 400)));
    assert_eq!(changed(lab.cloud.as_account("222222222222")).await, None);

    let restrict = api_s3::PutPublicAccessBlockRequest {
        bucket: "bbb".to_owned(),
        public_access_block_configuration: api_s3::PublicAccessBlockConfiguration {
            restrict_public_buckets: Some(true),
            ..Default::default()
        },
        ..Default::default()
    };
    lab.cloud.call(op::PutPublicAccessBlock, restrict).await.unwrap();
    assert!(!may_read(&lab.cloud.anonymous()).await && !may_read(&stranger).await);
    assert!(may_read(&lab.cloud).await);
}

#[tokio::test]
async fn a_denial_binds_the_owner_too_but_never_from_the_policy_itself() {
    let lab = Lab::new().await;
    lab.put("k", "v").await;
    let text = allow(r#""*""#, "s3:*").replace("Allow", "Deny");
    lab.cloud.call(op::PutBucketPolicy, policy(&text)).await.unwrap();
    assert!(!may_read(&lab.cloud).await);
    let gone = DeleteBucketPolicyRequest { bucket: "bbb".to_owned(), ..Default::default() };
    lab.cloud.call(op::DeleteBucketPolicy, gone).await.unwrap();
    assert!(may_read(&lab.cloud).await);
}

#[tokio::test]
async fn bad_policies_change_nothing() {
    let lab = Lab::new().await;
    let text = allow(r#"{"AWS": "222222222222"}"#, "s3:GetObject");
    for bad in ["", "{}", &text.replace("bbb", "other"), &text.replace("s3:", "sqs:")] {
        let refused = lab.cloud.call(op::PutBucketPolicy, policy(bad)).await.unwrap_err();
        assert_eq!(refused.code(), "MalformedPolicy", "{bad}");
    }
    let get = GetBucketPolicyRequest { bucket: "bbb".to_owned(), ..Default::default() };
    assert_eq!(lab.cloud.call(op::GetBucketPolicy, get).await.unwrap_err().code(), "NoSuchBucketPolicy");
}

#[tokio::test]
async fn lists_are_off() {
    let lab = Lab::new().await;
    let get = GetBucketAclRequest { bucket: "bbb".to_owned(), ..Default::default() };
    let shown = lab.cloud.call(op::GetBucketAcl, get).await.unwrap();
    let grants = shown.grants.unwrap();
    assert_eq!(grants[0].permission.as_deref(), Some("FULL_CONTROL"));
    assert_eq!(grants[0].grantee.as_ref().unwrap().id, shown.owner.unwrap().id);
    let put = PutBucketAclRequest {
        bucket: "bbb".to_owned(),
        acl: Some("private".to_owned()),
        ..Default::default()
    };
    let refused = lab.cloud.call(op::PutBucketAcl, put).await.unwrap_err();
    assert_eq!(refused.code(), "AccessControlListNotSupported");
    let with = |acl: &str| PutObjectRequest { acl: Some(acl.to_owned()), ..super::put("k", "v") };
    lab.try_put(with("bucket-owner-full-control")).await.unwrap();
    assert_eq!(lab.try_put(with("public-read")).await.unwrap_err().code(), "AccessControlListNotSupported");
}
