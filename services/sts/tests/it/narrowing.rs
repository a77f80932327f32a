//! Session policies narrow what a role may do, and never widen it.

use crate::*;

#[tokio::test]
async fn a_session_may_what_both_its_role_and_its_policy_allow() {
    let cloud = cloud().await;
    let role = make_role(&cloud, "r", &trust(ACCOUNT, "")).await;
    let policy = allow(r#"["sqs:*","iam:*"]"#, r#""Resource":"arn:aws:sqs:*:*:mine""#);
    let narrow = AssumeRoleRequest { policy: Some(policy.clone()), ..asking(&role) };
    let session = assume(&cloud, narrow).await;
    make_queue(&session, "mine").await.unwrap();
    let (code, message) = refusal(make_queue(&session, "other").await);
    assert_eq!(code, "AccessDenied");
    assert!(message.ends_with("because no session policy allows the sqs:CreateQueue action"), "{message}");
    put_role_policy(&cloud, "r", &on_all("iam:*")).await;
    assert_eq!(refusal(make_queue(&session, "mine").await).0, "AccessDenied", "the role allows it no more");
}

#[tokio::test]
async fn managed_policies_narrow_as_they_are_now() {
    let cloud = cloud().await;
    let role = make_role(&cloud, "r", &trust(ACCOUNT, "")).await;
    let narrow = |arn: &str| AssumeRoleRequest {
        policy_arns: Some(vec![PolicyDescriptorType { arn: Some(arn.into()) }]),
        ..asking(&role)
    };
    let known = assume(&cloud, narrow("arn:aws:iam::aws:policy/AmazonSQSFullAccess")).await;
    make_queue(&known, "q").await.unwrap();
    let new = iam_api::CreatePolicyRequest {
        policy_name: "p".into(),
        policy_document: on_all("sqs:*"),
        ..Default::default()
    };
    let arn = cloud.call(iam_api::op::CreatePolicy, new).await.unwrap().policy.unwrap().arn.unwrap();
    let own = assume(&cloud, narrow(&arn)).await;
    make_queue(&own, "q").await.unwrap();
    let delete = iam_api::DeletePolicyRequest { policy_arn: arn.clone() };
    cloud.call(iam_api::op::DeletePolicy, delete).await.unwrap();
    assert_eq!(refusal(make_queue(&own, "q").await).0, "AccessDenied");
    assert_eq!(refusal(cloud.call(op::AssumeRole, narrow(&arn)).await).0, "ValidationError");
}

#[tokio::test]
async fn what_is_passed_is_checked_and_measured() {
    let cloud = cloud().await;
    let role = make_role(&cloud, "r", &trust(ACCOUNT, "")).await;
    let with_policy = |policy: String| AssumeRoleRequest { policy: Some(policy), ..asking(&role) };
    let refused = refusal(cloud.call(op::AssumeRole, with_policy("{}".into())).await);
    assert_eq!(refused.0, "MalformedPolicyDocument");
    let actions: Vec<String> =
        (0..800u64).map(|n| format!("\"sqs:x{:x}\"", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let long = allow(&format!("[{}]", actions.join(",")), r#""Resource":"*""#);
    let refused = refusal(cloud.call(op::AssumeRole, with_policy(long)).await);
    assert_eq!(refused.0, "PackedPolicyTooLarge");
    let small = cloud.call(op::AssumeRole, with_policy(on_all("sqs:*"))).await.unwrap();
    assert!((1..=10).contains(&small.packed_policy_size.unwrap()));
}
