//! STS through its operations.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use api_sts::{GetCallerIdentityRequest, op};
use kernel::Plugs;
use kernel::testing::TestCloud;

#[tokio::test]
async fn root_is_told_that_it_is_root_of_its_own_account() {
    let cloud = TestCloud::new(vec![sts::service(&Plugs::default())]).await;
    for (cloud, account) in [(&cloud, "000000000000"), (&cloud.as_account("111122223333"), "111122223333")] {
        let me = cloud.call(op::GetCallerIdentity, GetCallerIdentityRequest::default()).await.unwrap();
        assert_eq!(me.account.as_deref(), Some(account));
        assert_eq!(me.user_id.as_deref(), Some(account));
        assert_eq!(me.arn, Some(format!("arn:aws:iam::{account}:root")));
    }
}

#[tokio::test]
async fn nobody_is_told_nothing() {
    let cloud = TestCloud::new(vec![sts::service(&Plugs::default())]).await;
    let refusal =
        cloud.anonymous().call(op::GetCallerIdentity, GetCallerIdentityRequest::default()).await.unwrap_err();
    assert_eq!(refusal.code(), "AccessDenied");
}
