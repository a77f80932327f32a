//! Sessions of who a user vouches for.

use crate::*;

fn asking_for(name: &str, policy: Option<String>) -> GetFederationTokenRequest {
    GetFederationTokenRequest { name: name.into(), policy, ..Default::default() }
}

#[tokio::test]
async fn a_federated_user_may_what_its_policy_and_its_maker_allow() {
    let cloud = cloud().await;
    let own = allow(r#"["sts:*","sqs:*"]"#, r#""Resource":"*""#);
    let kim = make_user(&cloud, "kim", &own).await;
    let policy = allow(r#"["sqs:*","iam:*"]"#, r#""Resource":"arn:aws:sqs:*:*:mine""#);
    let answer = kim.call(op::GetFederationToken, asking_for("guest", Some(policy))).await.unwrap();
    let shown = answer.federated_user.unwrap();
    assert_eq!(shown.arn, "arn:aws:sts::000000000000:federated-user/guest");
    assert_eq!(shown.federated_user_id, "000000000000:guest");
    let guest = with(&cloud, answer.credentials).await;
    let me = who(&guest).await;
    assert_eq!((me.arn, me.user_id), (Some(shown.arn), Some(shown.federated_user_id)));
    make_queue(&guest, "mine").await.unwrap();
    assert_eq!(refusal(make_queue(&guest, "other").await).0, "AccessDenied");
    let (code, message) = refusal(guest.call(op::GetFederationToken, asking_for("more", None)).await);
    assert_eq!(code, "AccessDenied", "{message}");
}

#[tokio::test]
async fn without_a_policy_a_federated_user_may_nothing() {
    let cloud = cloud().await;
    let kim = make_user(&cloud, "kim", &on_all("*")).await;
    for maker in [&kim, &cloud] {
        let answer = maker.call(op::GetFederationToken, asking_for("guest", None)).await.unwrap();
        let guest = with(&cloud, answer.credentials).await;
        assert_eq!(refusal(make_queue(&guest, "q").await).0, "AccessDenied");
        let answer =
            maker.call(op::GetFederationToken, asking_for("guest", Some(on_all("sqs:*")))).await.unwrap();
        make_queue(&with(&cloud, answer.credentials).await, "q").await.unwrap();
    }
}

#[tokio::test]
async fn to_vouch_takes_leave_to() {
    let cloud = cloud().await;
    let kim = make_user(&cloud, "kim", &on_all("sqs:*")).await;
    let refused = refusal(kim.call(op::GetFederationToken, asking_for("guest", None)).await);
    assert_eq!(refused.0, "AccessDenied");
    let role = make_role(&cloud, "r", &trust(ACCOUNT, "")).await;
    let session = assume(&cloud, asking(&role)).await;
    let refused = refusal(session.call(op::GetFederationToken, asking_for("guest", None)).await);
    assert_eq!(refused.1, "Cannot call GetFederationToken with session credentials");
}
