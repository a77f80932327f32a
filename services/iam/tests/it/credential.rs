//! Keys as the wire finds them.

use iam::state::directory::UserKeys;
use kernel::{Caller, Credentials, NoCredential, Noticed, Principal, access_key};

use crate::*;

#[tokio::test]
async fn a_key_is_found_until_it_is_switched_off_or_deleted() {
    let cloud = cloud().await.as_account("123456789012");
    let kim = make_user(&cloud, "kim").await;
    let key = make_key(&cloud, "kim").await;
    let id = key.access_key_id.as_str();
    assert_eq!(access_key::account_of(id).unwrap().to_string(), "123456789012");
    let keys = UserKeys(TestCloud::ctx(&cloud.in_region("eu-west-1"), "iam"));
    for _ in 0..2 {
        let found = keys.find(id, None).await.unwrap();
        assert_eq!(
            (&*found.secret, found.account.to_string().as_str()),
            (key.secret_access_key.as_str(), "123456789012")
        );
        let Principal::Identity { arn, unique_id } = found.principal else { panic!("not a user") };
        assert_eq!((&*arn, &*unique_id), (kim.arn.as_str(), kim.user_id.as_str()));
    }
    assert!(matches!(keys.find(id, Some("token")).await, Err(NoCredential::InvalidToken)));
    assert!(matches!(keys.find("AKIAIOSFODNN7EXAMPLE", None).await, Err(NoCredential::Unknown)));
    assert!(matches!(keys.find("test", None).await, Err(NoCredential::Unknown)));
    let status = |status: &str| UpdateAccessKeyRequest {
        user_name: Some("kim".into()),
        access_key_id: id.into(),
        status: status.into(),
    };
    cloud.call(op::UpdateAccessKey, status("Inactive")).await.unwrap();
    assert!(matches!(keys.find(id, None).await, Err(NoCredential::Unknown)));
    cloud.call(op::UpdateAccessKey, status("Active")).await.unwrap();
    keys.find(id, None).await.unwrap();
    let delete = DeleteAccessKeyRequest { user_name: Some("kim".into()), access_key_id: id.into() };
    cloud.call(op::DeleteAccessKey, delete).await.unwrap();
    assert!(matches!(keys.find(id, None).await, Err(NoCredential::Unknown)));
}

#[tokio::test]
async fn uses_are_noted_and_written() {
    use iam::state::last_used::LastUsed;
    let cloud = cloud().await;
    let user = make_user(&cloud, "kim").await;
    let key = make_key(&cloud, "kim").await;
    let ctx = cloud.ctx("iam");
    let caller = Caller {
        principal: Principal::Identity {
            arn: user.arn.as_str().into(),
            unique_id: user.user_id.as_str().into(),
        },
        access_key: key.access_key_id.as_str().into(),
        ..Caller::service("", cloud.scope().account)
    };
    let call = Noticed {
        caller: &caller,
        scope: &cloud.scope(),
        service: "sqs",
        operation: "SendMessage",
        at: cloud.now(),
    };
    ctx.own::<LastUsed>().note(call);
    let show = async || {
        let input = GetAccessKeyLastUsedRequest { access_key_id: key.access_key_id.clone() };
        cloud.call(op::GetAccessKeyLastUsed, input).await.unwrap().access_key_last_used.unwrap().service_name
    };
    assert_eq!(show().await, "sqs");
    iam::state::last_used::write(&ctx).await.unwrap();
    ctx.own::<LastUsed>().forget_all();
    assert_eq!(show().await, "sqs");
    let known = iam::state::last_used::accesses(&ctx, &user.user_id).await.unwrap();
    assert_eq!(known.of_service("sqs").map(|call| call.at), Some(cloud.now()));
    assert_eq!(known.of_service("kms"), None);
}
