//! Key policies.

use api_kms::*;

use crate::*;

#[tokio::test]
async fn a_policy_is_kept_as_given() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let get = GetKeyPolicyRequest { key_id: id.clone(), policy_name: None };
    let first = cloud.call(op::GetKeyPolicy, get.clone()).await.unwrap().policy.unwrap();
    assert!(first.contains("arn:aws:iam::000000000000:root"));
    let mine = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"kms:Sign","Resource":"*"}}"#;
    let put = |policy: &str, name: &str| PutKeyPolicyRequest {
        key_id: id.clone(),
        policy: policy.into(),
        policy_name: Some(name.into()),
        ..Default::default()
    };
    cloud.call(op::PutKeyPolicy, put(mine, "default")).await.unwrap();
    assert_eq!(cloud.call(op::GetKeyPolicy, get).await.unwrap().policy.unwrap(), mine);
    let refused = refusal(cloud.call(op::PutKeyPolicy, put("{}", "default")).await);
    assert_eq!(refused.0, "MalformedPolicyDocumentException");
    assert_eq!(refusal(cloud.call(op::PutKeyPolicy, put(mine, "other")).await).1, "No such policy exists");
    let input = ListKeyPoliciesRequest { key_id: id, ..Default::default() };
    assert_eq!(cloud.call(op::ListKeyPolicies, input).await.unwrap().policy_names.unwrap(), ["default"]);
}
