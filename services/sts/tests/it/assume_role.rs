//! Taking roles on: who may, for how long, and as whom.

use kernel::NoCredential;

use crate::*;

const OTHER: &str = "222233334444";

#[tokio::test]
async fn a_role_is_taken_on_and_used_until_it_ends() {
    let cloud = cloud().await;
    let role = make_role(&cloud, "r", &trust(ACCOUNT, "")).await;
    let kim = make_user(&cloud, "kim", &on_all("sts:AssumeRole")).await;
    assert_eq!(refusal(make_queue(&kim, "q").await).0, "AccessDenied");
    let answer = kim.call(op::AssumeRole, asking(&role)).await.unwrap();
    let (assumed, credentials) = (answer.assumed_role_user.unwrap(), answer.credentials.unwrap());
    assert_eq!(assumed.arn, "arn:aws:sts::000000000000:assumed-role/r/job");
    assert_eq!(credentials.expiration.as_millis(), cloud.now() + 3_600_000);
    assert_eq!((answer.packed_policy_size, credentials.secret_access_key.len()), (None, 40));
    let session = with(&cloud, Some(credentials.clone())).await;
    let me = who(&session).await;
    assert_eq!((me.arn.as_deref(), me.user_id), (Some(&*assumed.arn), Some(assumed.assumed_role_id)));
    make_queue(&session, "q").await.unwrap();
    cloud.advance(3_600_000);
    let over = cloud.signed_with(&credentials.access_key_id, Some(&credentials.session_token)).await;
    assert!(matches!(over, Err(NoCredential::Expired)));
}

#[tokio::test]
async fn both_accounts_must_agree() {
    let cloud = cloud().await;
    let role = make_role(&cloud, "r", &trust(OTHER, "")).await;
    let other = cloud.as_account(OTHER);
    let allowed = make_user(&other, "allowed", &on_all("sts:AssumeRole")).await;
    let session = assume(&allowed, asking(&role)).await;
    assert_eq!(who(&session).await.account.as_deref(), Some(ACCOUNT));
    let silent = make_user(&other, "silent", &on_all("sqs:*")).await;
    let (code, message) = refusal(silent.call(op::AssumeRole, asking(&role)).await);
    assert_eq!(code, "AccessDenied");
    assert!(
        message.ends_with("because no identity-based policy allows the sts:AssumeRole action"),
        "{message}"
    );
    let stranger = make_user(&cloud.as_account("333344445555"), "s", &on_all("*")).await;
    let (_, message) = refusal(stranger.call(op::AssumeRole, asking(&role)).await);
    assert!(message.ends_with("because no role trust policy allows the sts:AssumeRole action"), "{message}");
    let missing = refusal(stranger.call(op::AssumeRole, asking(&format!("{role}x"))).await);
    assert_eq!(missing, ("AccessDenied", message.replace("role/r ", "role/rx ")), "it tells no more");
}

#[tokio::test]
async fn a_confused_deputy_lacks_the_external_id() {
    let cloud = cloud().await;
    let condition = r#","Condition":{"StringEquals":{"sts:ExternalId":"ours"}}"#;
    let role = make_role(&cloud, "r", &trust(OTHER, condition)).await;
    let deputy = make_user(&cloud.as_account(OTHER), "deputy", &on_all("sts:*")).await;
    let with_id = |id: Option<&str>| AssumeRoleRequest { external_id: id.map(Into::into), ..asking(&role) };
    for wrong in [None, Some("theirs")] {
        assert_eq!(refusal(deputy.call(op::AssumeRole, with_id(wrong)).await).0, "AccessDenied");
    }
    deputy.call(op::AssumeRole, with_id(Some("ours"))).await.unwrap();
}

#[tokio::test]
async fn sessions_are_bounded_by_their_role_and_by_chaining() {
    let cloud = cloud().await;
    let first = make_role(&cloud, "first", &trust(ACCOUNT, "")).await;
    let second = make_role(&cloud, "second", &trust(ACCOUNT, "")).await;
    let lasting = |role: &str, seconds| AssumeRoleRequest { duration_seconds: Some(seconds), ..asking(role) };
    let (code, message) = refusal(cloud.call(op::AssumeRole, lasting(&first, 7_201)).await);
    assert_eq!((code, message.contains("MaxSessionDuration")), ("ValidationError", true));
    let session = assume(&cloud, lasting(&first, 7_200)).await;
    let (code, message) = refusal(session.call(op::AssumeRole, lasting(&second, 3_601)).await);
    assert_eq!((code, message.contains("role chaining")), ("ValidationError", true));
    let chained = assume(&session, lasting(&second, 3_600)).await;
    assert_eq!(who(&chained).await.arn.as_deref(), Some("arn:aws:sts::000000000000:assumed-role/second/job"));
}

#[tokio::test]
async fn a_session_ends_with_its_role_and_with_its_revocation() {
    let cloud = cloud().await;
    let role = make_role(&cloud, "r", &trust(ACCOUNT, "")).await;
    cloud.advance(10_000);
    let before = cloud.call(op::AssumeRole, asking(&role)).await.unwrap().credentials;
    cloud.advance(10_000);
    let at = (cloud.now() / 1_000).to_string();
    let revoke = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},{{"Effect":"Deny",
        "Action":"*","Resource":"*","Condition":{{"DateLessThan":{{"aws:TokenIssueTime":"{at}"}}}}}}]}}"#
    );
    put_role_policy(&cloud, "r", &revoke).await;
    let (code, message) = refusal(make_queue(&with(&cloud, before.clone()).await, "q").await);
    assert_eq!(code, "AccessDenied");
    assert!(message.ends_with("with an explicit deny in an identity-based policy"), "{message}");
    make_queue(&assume(&cloud, asking(&role)).await, "q").await.unwrap();
    let unput = iam_api::DeleteRolePolicyRequest { role_name: "r".into(), policy_name: "p".into() };
    cloud.call(iam_api::op::DeleteRolePolicy, unput).await.unwrap();
    cloud.call(iam_api::op::DeleteRole, iam_api::DeleteRoleRequest { role_name: "r".into() }).await.unwrap();
    make_role(&cloud, "r", &trust(ACCOUNT, "")).await;
    let before = before.unwrap();
    let gone = cloud.signed_with(&before.access_key_id, Some(&before.session_token)).await;
    assert!(matches!(gone, Err(NoCredential::InvalidToken)), "a role of the same name is another");
}

#[tokio::test]
async fn tags_are_the_principals_and_transitive_ones_are_handed_on() {
    let cloud = cloud().await;
    let first = make_role(&cloud, "first", &trust(ACCOUNT, "")).await;
    let second = make_role(&cloud, "second", &trust(ACCOUNT, "")).await;
    let own = allow(
        r#""sqs:CreateQueue""#,
        r#""Resource":"arn:aws:sqs:*:*:${aws:PrincipalTag/team}-*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}"#,
    );
    put_role_policy(&cloud, "second", &own).await;
    let tagged = AssumeRoleRequest {
        tags: Some(vec![tag("team", "red"), tag("cost", "1")]),
        transitive_tag_keys: Some(vec!["team".into()]),
        source_identity: Some("kim".into()),
        ..asking(&first)
    };
    let answer = cloud.call(op::AssumeRole, tagged).await.unwrap();
    assert_eq!(answer.source_identity.as_deref(), Some("kim"));
    assert!(answer.packed_policy_size.unwrap() > 0);
    let session = with(&cloud, answer.credentials).await;
    let again = AssumeRoleRequest { tags: Some(vec![tag("Team", "blue")]), ..asking(&second) };
    assert_eq!(refusal(session.call(op::AssumeRole, again).await).0, "InvalidParameterValue");
    let renamed = AssumeRoleRequest { source_identity: Some("sam".into()), ..asking(&second) };
    assert_eq!(refusal(session.call(op::AssumeRole, renamed).await).0, "AccessDenied");
    let answer = session.call(op::AssumeRole, asking(&second)).await.unwrap();
    assert_eq!(answer.source_identity.as_deref(), Some("kim"), "it stays");
    let chained = with(&cloud, answer.credentials).await;
    make_queue(&chained, "red-1").await.unwrap();
    assert_eq!(refusal(make_queue(&chained, "blue-1").await).0, "AccessDenied");
}

#[tokio::test]
async fn to_tag_a_session_takes_leave_to() {
    let cloud = cloud().await;
    let plain = allow(r#""sts:AssumeRole""#, r#""Principal":{"AWS":"000000000000"}"#);
    let role = make_role(&cloud, "r", &plain).await;
    let kim = make_user(&cloud, "kim", &on_all("sts:*")).await;
    kim.call(op::AssumeRole, asking(&role)).await.unwrap();
    let tagged = AssumeRoleRequest { tags: Some(vec![tag("a", "b")]), ..asking(&role) };
    let (code, message) = refusal(kim.call(op::AssumeRole, tagged).await);
    assert_eq!((code, message.contains("sts:TagSession")), ("AccessDenied", true), "{message}");
    let named = AssumeRoleRequest { source_identity: Some("kim".into()), ..asking(&role) };
    let (code, message) = refusal(kim.call(op::AssumeRole, named).await);
    assert_eq!((code, message.contains("sts:SetSourceIdentity")), ("AccessDenied", true), "{message}");
}

#[tokio::test]
async fn what_is_no_role_is_refused() {
    let cloud = cloud().await;
    let (code, _) = refusal(cloud.call(op::AssumeRole, asking("arn:aws:iam::000000000000:user/kim")).await);
    assert_eq!(code, "ValidationError");
    let missing = asking("arn:aws:iam::000000000000:role/none");
    assert_eq!(refusal(cloud.call(op::AssumeRole, missing).await).0, "AccessDenied");
}
