//! Policies as the gate finds them.

use iam::state::directory::policies_of;
use kernel::Principal;

use crate::*;

fn principal(arn: &str, id: &str) -> Principal {
    Principal::Identity { arn: Arc::from(arn), unique_id: Arc::from(id) }
}

#[tokio::test]
async fn what_applies_follows_every_change_at_once() {
    let cloud = cloud().await;
    let kim = make_user(&cloud, "kim").await;
    let ctx = cloud.ctx("iam");
    let who = principal(&kim.arn, &kim.user_id);
    let count = async || policies_of(&ctx, &who).await.unwrap().map(|applied| applied.grants.identity.len());
    assert_eq!(count().await, Some(0));
    put_user(&cloud, "kim", "p", &document("Allow", "s3:*")).await.unwrap();
    assert_eq!(count().await, Some(1));
    make_group(&cloud, "g").await;
    join(&cloud, "g", "kim").await.unwrap();
    let put = PutGroupPolicyRequest {
        group_name: "g".into(),
        policy_name: "q".into(),
        policy_document: document("Allow", "s3:*"),
    };
    cloud.call(op::PutGroupPolicy, put).await.unwrap();
    assert_eq!(count().await, Some(2));
    let another = principal(&kim.arn, "AIDAANOTHERONE");
    assert!(policies_of(&ctx, &another).await.unwrap().is_none(), "one of the same name is another");
    assert!(policies_of(&ctx, &Principal::Root).await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_has_its_roles_policies_and_trust() {
    let cloud = cloud().await;
    let role = make_role(&cloud, "r").await;
    let attach = AttachRolePolicyRequest {
        role_name: "r".into(),
        policy_arn: "arn:aws:iam::aws:policy/AmazonSQSFullAccess".into(),
    };
    cloud.call(op::AttachRolePolicy, attach).await.unwrap();
    let session = principal("arn:aws:sts::000000000000:assumed-role/r/job", &format!("{}:job", role.role_id));
    let applied = policies_of(&cloud.ctx("iam"), &session).await.unwrap().unwrap();
    assert_eq!((applied.grants.identity.len(), applied.trust.is_some()), (1, true));
    assert_eq!(applied.grants.identity[0].id(), "arn:aws:iam::aws:policy/AmazonSQSFullAccess");
    assert!(applied.grants.boundary.is_none());
}
