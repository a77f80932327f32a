//! Resource policies let services and other accounts in.

use api_logs::*;

use super::*;

fn policy(name: &str, document: &str) -> PutResourcePolicyRequest {
    PutResourcePolicyRequest {
        policy_name: Some(name.into()),
        policy_document: Some(document.into()),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_policy_lets_another_account_in() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let other = cloud.as_account("111111111111");
    let identifier = "arn:aws:logs:us-east-1:000000000000:log-group:g";
    let asked =
        FilterLogEventsRequest { log_group_identifier: Some(identifier.into()), ..Default::default() };
    assert_eq!(
        other.call(op::FilterLogEvents, asked.clone()).await.unwrap_err().code(),
        "AccessDeniedException"
    );
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},
        "Action":"logs:FilterLogEvents","Resource":"arn:aws:logs:us-east-1:000000000000:log-group:g:*"}]}"#;
    let put = cloud.call(op::PutResourcePolicy, policy("p", document)).await.unwrap();
    // The gate lets them in; yet no account is linked to another, so that they see no group of others.
    let error = other.call(op::FilterLogEvents, asked.clone()).await.unwrap_err();
    assert_eq!(error.code(), "ResourceNotFoundException");
    let found =
        cloud.call(op::DescribeResourcePolicies, DescribeResourcePoliciesRequest::default()).await.unwrap();
    assert_eq!(found.resource_policies.unwrap()[0].policy_document.as_deref(), Some(document));
    let stale = DeleteResourcePolicyRequest {
        policy_name: Some("p".into()),
        expected_revision_id: Some("none".into()),
        ..Default::default()
    };
    assert_eq!(
        cloud.call(op::DeleteResourcePolicy, stale.clone()).await.unwrap_err().code(),
        "OperationAbortedException"
    );
    let gone = DeleteResourcePolicyRequest { expected_revision_id: put.revision_id, ..stale };
    cloud.call(op::DeleteResourcePolicy, gone.clone()).await.unwrap();
    assert_eq!(
        cloud.call(op::DeleteResourcePolicy, gone).await.unwrap_err().code(),
        "ResourceNotFoundException"
    );
    assert_eq!(other.call(op::FilterLogEvents, asked).await.unwrap_err().code(), "AccessDeniedException");
}

#[tokio::test]
async fn documents_and_their_number_are_bounded() {
    let cloud = cloud().await;
    assert_eq!(
        cloud.call(op::PutResourcePolicy, policy("p", "{}")).await.unwrap_err().code(),
        "InvalidParameterException"
    );
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"logs:*","Resource":"*"}]}"#;
    for n in 0..10 {
        cloud.call(op::PutResourcePolicy, policy(&format!("p{n}"), document)).await.unwrap();
    }
    let error = cloud.call(op::PutResourcePolicy, policy("one more", document)).await.unwrap_err();
    assert_eq!(error.code(), "LimitExceededException");
}
