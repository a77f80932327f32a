//! Policies limit what is possible in accounts, and at once.

use api_organizations::*;
use api_sqs::{CreateQueueRequest, ListQueuesRequest, op as sqs_op};
use kernel::testing::TestCloud;

use crate::{attach, cloud, detach, make_account, make_policy, make_unit, move_to, organize, root};

const NO_QUEUES: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sqs:CreateQueue","Resource":"*"}}"#;
const SCP: &str = "SERVICE_CONTROL_POLICY";
const RCP: &str = "RESOURCE_CONTROL_POLICY";

async fn make_queue(cloud: &TestCloud, account: &str) -> Result<(), String> {
    let input = CreateQueueRequest { queue_name: "q".into(), ..Default::default() };
    let made = cloud.as_account(account).call(sqs_op::CreateQueue, input).await;
    made.map(|_| ()).map_err(|error| error.message().to_owned())
}

#[tokio::test]
async fn a_denial_reaches_the_root_user_of_members_below_and_not_the_management_account() {
    let cloud = cloud().await;
    organize(&cloud).await;
    let (root, account) = (root(&cloud).await, make_account(&cloud, "dev").await);
    let unit = make_unit(&cloud, &root, "locked").await.unwrap();
    let policy = make_policy(&cloud, "no-queues", SCP, NO_QUEUES).await.unwrap();
    attach(&cloud, &policy, &unit).await.unwrap();
    make_queue(&cloud, &account).await.unwrap();
    move_to(&cloud, &account, &root, &unit).await.unwrap();
    let told = make_queue(&cloud, &account).await.unwrap_err();
    assert!(told.ends_with("with an explicit deny in a service control policy"), "{told}");
    move_to(&cloud, &account, &unit, &root).await.unwrap();
    make_queue(&cloud, &account).await.unwrap();
    attach(&cloud, &policy, &root).await.unwrap();
    make_queue(&cloud, &account).await.unwrap_err();
    make_queue(&cloud, "000000000000").await.unwrap();
    make_queue(&cloud, "999999999999").await.unwrap();
}

#[tokio::test]
async fn every_level_must_allow() {
    let cloud = cloud().await;
    organize(&cloud).await;
    let account = make_account(&cloud, "dev").await;
    let refused = detach(&cloud, "p-FullAWSAccess", &account).await.unwrap_err();
    assert_eq!(refused.code(), "ConstraintViolationException");
    let only_iam =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}"#;
    let policy = make_policy(&cloud, "only-iam", SCP, only_iam).await.unwrap();
    attach(&cloud, &policy, &account).await.unwrap();
    make_queue(&cloud, &account).await.unwrap();
    detach(&cloud, "p-FullAWSAccess", &account).await.unwrap();
    let told = make_queue(&cloud, &account).await.unwrap_err();
    assert!(told.contains("because no service control policy allows"), "{told}");
}

#[tokio::test]
async fn resources_are_limited_for_whoever_asks() {
    let cloud = cloud().await;
    organize(&cloud).await;
    let (root, account) = (root(&cloud).await, make_account(&cloud, "dev").await);
    let refused = attach(&cloud, "p-RCPFullAWSAccess", &root).await.unwrap_err();
    assert_eq!(refused.code(), "PolicyTypeNotEnabledException");
    let enable = EnablePolicyTypeRequest { root_id: root.clone(), policy_type: RCP.into() };
    cloud.call(op::EnablePolicyType, enable).await.unwrap();
    let deny = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"sqs:CreateQueue","Resource":"*"}}"#;
    let policy = make_policy(&cloud, "closed", RCP, deny).await.unwrap();
    attach(&cloud, &policy, &account).await.unwrap();
    let told = make_queue(&cloud, &account).await.unwrap_err();
    assert!(told.ends_with("with an explicit deny in a resource control policy"), "{told}");
    let refused = detach(&cloud, "p-RCPFullAWSAccess", &account).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidInputException");
    let disable = DisablePolicyTypeRequest { root_id: root, policy_type: RCP.into() };
    cloud.call(op::DisablePolicyType, disable).await.unwrap();
    make_queue(&cloud, &account).await.unwrap();
}

#[tokio::test]
async fn a_closed_account_can_do_nothing_more() {
    let cloud = cloud().await;
    organize(&cloud).await;
    let account = make_account(&cloud, "dev").await;
    let close = || CloseAccountRequest { account_id: account.clone() };
    cloud.call(op::CloseAccount, close()).await.unwrap();
    let list = ListQueuesRequest::default();
    cloud.as_account(&account).call(sqs_op::ListQueues, list).await.unwrap_err();
    let refused = cloud.call(op::CloseAccount, close()).await.unwrap_err();
    assert_eq!(refused.code(), "AccountAlreadyClosedException");
}

#[tokio::test]
async fn policies_are_checked_kept_and_counted() {
    let cloud = cloud().await;
    organize(&cloud).await;
    let code = |outcome: Result<String, kernel::Error>| outcome.unwrap_err().code();
    assert_eq!(code(make_policy(&cloud, "x", SCP, "{}").await), "MalformedPolicyDocumentException");
    assert_eq!(code(make_policy(&cloud, "x", "TAG_POLICY", NO_QUEUES).await), "InvalidInputException");
    let policy = make_policy(&cloud, "x", SCP, NO_QUEUES).await.unwrap();
    assert_eq!(code(make_policy(&cloud, "x", SCP, NO_QUEUES).await), "DuplicatePolicyException");
    let account = make_account(&cloud, "dev").await;
    attach(&cloud, &policy, &account).await.unwrap();
    assert_eq!(
        attach(&cloud, &policy, &account).await.unwrap_err().code(),
        "DuplicatePolicyAttachmentException"
    );
    let delete = DeletePolicyRequest { policy_id: policy.clone() };
    assert_eq!(cloud.call(op::DeletePolicy, delete).await.unwrap_err().code(), "PolicyInUseException");
    let update = UpdatePolicyRequest {
        policy_id: policy,
        content: Some(NO_QUEUES.replace("Deny\",", "Deny\",\"Sid\":\"New\",")),
        ..Default::default()
    };
    let content = cloud.call(op::UpdatePolicy, update).await.unwrap().policy.unwrap().content.unwrap();
    assert!(content.contains("New"));
    make_queue(&cloud, &account).await.unwrap_err();
}
