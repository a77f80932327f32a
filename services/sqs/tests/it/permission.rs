//! Who a queue's policy lets in, and whom it keeps out.

use api_sqs::*;
use kernel::testing::TestCloud;
use serde_json::json;

use crate::{cloud, make, map, refusal};

const FRIEND: &str = "111111111111";

async fn try_send(cloud: &TestCloud, url: &str) -> Result<(), String> {
    let input = SendMessageRequest { queue_url: url.into(), message_body: "x".into(), ..Default::default() };
    match cloud.call(op::SendMessage, input).await {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{}: {}", error.code(), error.message())),
    }
}

async fn set_policy(cloud: &TestCloud, url: &str, statement: serde_json::Value) -> Result<(), kernel::Error> {
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let input = SetQueueAttributesRequest { queue_url: url.into(), attributes: map(&[("Policy", &policy)]) };
    cloud.call(op::SetQueueAttributes, input).await
}

#[tokio::test]
async fn a_permission_lets_another_account_do_that_and_no_more() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let friend = cloud.as_account(FRIEND);
    let before = try_send(&friend, &url).await.unwrap_err();
    assert!(
        before.starts_with("AccessDenied: User: arn:aws:iam::111111111111:root is not authorized"),
        "{before}"
    );
    assert!(before.contains("sqs:SendMessage on resource: arn:aws:sqs:us-east-1:000000000000:q"), "{before}");

    let add = AddPermissionRequest {
        queue_url: url.clone(),
        label: "friend".into(),
        aws_account_ids: vec![FRIEND.into()],
        actions: vec!["SendMessage".into()],
    };
    cloud.call(op::AddPermission, add).await.unwrap();
    try_send(&friend, &url).await.unwrap();
    assert!(try_send(&cloud.as_account("222222222222"), &url).await.is_err(), "only the friend");
    let receive = ReceiveMessageRequest { queue_url: url.clone(), ..Default::default() };
    assert_eq!(refusal(friend.call(op::ReceiveMessage, receive).await).0, "AccessDenied", "only sending");
    let batch = SendMessageBatchRequest {
        queue_url: url.clone(),
        entries: vec![SendMessageBatchRequestEntry {
            id: "a".into(),
            message_body: "x".into(),
            ..Default::default()
        }],
    };
    friend.call(op::SendMessageBatch, batch).await.unwrap();

    let remove = RemovePermissionRequest { queue_url: url.clone(), label: "friend".into() };
    cloud.call(op::RemovePermission, remove).await.unwrap();
    assert!(try_send(&friend, &url).await.is_err());
}

#[tokio::test]
async fn a_policy_may_let_everybody_in_under_a_condition() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let everybody = |region: &str| {
        json!({
            "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*",
            "Condition": { "StringEquals": { "aws:RequestedRegion": region } },
        })
    };
    set_policy(&cloud, &url, everybody("us-east-1")).await.unwrap();
    try_send(&cloud.anonymous(), &url).await.unwrap();
    try_send(&cloud.as_account(FRIEND), &url).await.unwrap();
    set_policy(&cloud, &url, everybody("eu-west-1")).await.unwrap();
    assert!(try_send(&cloud.anonymous(), &url).await.is_err());
}

#[tokio::test]
async fn a_denial_holds_for_the_owner_too() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let nobody = json!({
        "Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:us-east-1:000000000000:q",
    });
    set_policy(&cloud, &url, nobody).await.unwrap();
    let refused = try_send(&cloud, &url).await.unwrap_err();
    assert!(refused.ends_with("with an explicit deny in a resource-based policy"), "{refused}");
    let input = SetQueueAttributesRequest { queue_url: url.clone(), attributes: map(&[("Policy", "")]) };
    cloud.call(op::SetQueueAttributes, input).await.unwrap();
    try_send(&cloud, &url).await.unwrap();
}

#[tokio::test]
async fn what_is_no_policy_is_refused() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let odd = json!({ "Effect": "Perhaps", "Principal": "*", "Action": "sqs:*", "Resource": "*" });
    let error = set_policy(&cloud, &url, odd).await.unwrap_err();
    assert_eq!(error.code(), "InvalidAttributeValue");
}

#[tokio::test]
async fn no_policy_shares_what_is_its_owners() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let everything = json!({
        "Effect": "Allow",
        "Principal": { "AWS": [FRIEND, "000000000000"] },
        "Action": "sqs:*",
        "Resource": "*",
    });
    set_policy(&cloud, &url, everything).await.unwrap();
    let friend = cloud.as_account(FRIEND);
    try_send(&friend, &url).await.unwrap();
    let queue_url = || url.clone();
    let attributes = map(&[("DelaySeconds", "1")]);
    let set = SetQueueAttributesRequest { queue_url: queue_url(), attributes };
    assert_eq!(refusal(friend.call(op::SetQueueAttributes, set).await).0, "AccessDenied");
    let tag = TagQueueRequest { queue_url: queue_url(), tags: map(&[("a", "b")]) };
    assert_eq!(refusal(friend.call(op::TagQueue, tag).await).0, "AccessDenied");
    let add = AddPermissionRequest {
        queue_url: queue_url(),
        label: "more".into(),
        aws_account_ids: vec![FRIEND.into()],
        actions: vec!["SendMessage".into()],
    };
    assert_eq!(refusal(friend.call(op::AddPermission, add).await).0, "AccessDenied");
    let delete = || DeleteQueueRequest { queue_url: queue_url() };
    assert_eq!(refusal(friend.call(op::DeleteQueue, delete()).await).0, "AccessDenied");
    cloud.call(op::DeleteQueue, delete()).await.unwrap();
}

#[tokio::test]
async fn a_policy_keeps_to_its_bounds_and_its_service() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let statement = |actions: serde_json::Value, accounts: usize| {
        let principals: Vec<String> = (0..accounts).map(|number| format!("{number:012}")).collect();
        json!({ "Effect": "Allow", "Principal": { "AWS": principals }, "Action": actions, "Resource": "*" })
    };
    let set = async |actions, accounts| set_policy(&cloud, &url, statement(actions, accounts)).await;
    set(json!(["SQS:sendmessage", "sqs:Receive*", "sqs:*"]), 50).await.unwrap();
    let many = vec!["sqs:SendMessage"; 8];
    for (actions, accounts) in
        [(json!(many), 1), (json!("s3:GetObject"), 1), (json!("sqs:Nope"), 1), (json!("sqs:*"), 51)]
    {
        assert_eq!(set(actions, accounts).await.unwrap_err().code(), "InvalidAttributeValue");
    }
}

#[tokio::test]
async fn an_empty_name_is_no_question_of_permission() {
    let cloud = cloud().await;
    let create = CreateQueueRequest { queue_name: String::new(), ..Default::default() };
    assert_eq!(refusal(cloud.call(op::CreateQueue, create).await).0, "InvalidParameterValue");
    let send = SendMessageRequest { message_body: "x".into(), ..Default::default() };
    let code = refusal(cloud.call(op::SendMessage, send).await).0;
    assert_eq!(code, "AWS.SimpleQueueService.NonExistentQueue");
}
