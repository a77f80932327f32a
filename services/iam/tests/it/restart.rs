//! What a restart keeps: who there is, their keys, what they may do.

use iam::state::directory::{UserKeys, policies_of};
use kernel::Credentials;

use crate::*;

#[tokio::test]
async fn identities_keys_and_policies_survive() {
    let cloud = cloud().await;
    make_user(&cloud, "kim").await;
    let key = make_key(&cloud, "kim").await;
    let arn = make_policy(&cloud, "p", &document("Allow", "s3:*")).await;
    attach_user(&cloud, "kim", &arn).await.unwrap();

    let store = cloud.house.store().clone();
    cloud.house.close().await;
    let cloud = TestCloud::over(store, vec![service()]).await;
    let ctx = cloud.ctx("iam");
    let found = UserKeys(ctx.clone()).find(&key.access_key_id, None).await.unwrap();
    assert_eq!(*found.secret, *key.secret_access_key);
    let applied = policies_of(&ctx, &found.principal).await.unwrap().unwrap();
    assert_eq!(applied.grants.identity[0].id(), arn);
}

#[tokio::test]
async fn a_reset_forgets_everybody() {
    let cloud = cloud().await;
    make_user(&cloud, "kim").await;
    let key = make_key(&cloud, "kim").await;
    let keys = UserKeys(cloud.ctx("iam"));
    keys.find(&key.access_key_id, None).await.unwrap();
    cloud.house.reset().await.unwrap();
    assert!(keys.find(&key.access_key_id, None).await.is_err());
    assert!(cloud.call(op::ListUsers, ListUsersRequest::default()).await.unwrap().users.is_empty());
    make_user(&cloud, "kim").await;
}
