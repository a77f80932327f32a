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
    let mine = r#"{"Version":"2012-10-17",
        "Statement":{"Effect":"Deny","Principal":"*","Action":"kms:Sign","Resource":"*"}}"#;
    let put = |policy: &str, name: &str| PutKeyPolicyRequest {
        key_id: id.clone(),
        policy: policy.into(),
        policy_name: Some(name.into()),
        ..Default::default()
    };
    let (code, message) = refusal(cloud.call(op::PutKeyPolicy, put(mine, "default")).await);
    assert_eq!(code, "MalformedPolicyDocumentException");
    assert!(message.contains("will not allow you to update the key policy"), "{message}");
    let mine = &first.replace("Enable IAM User Permissions", "Mine");
    cloud.call(op::PutKeyPolicy, put(mine, "default")).await.unwrap();
    assert_eq!(cloud.call(op::GetKeyPolicy, get).await.unwrap().policy.as_deref(), Some(mine.as_str()));
    let refused = refusal(cloud.call(op::PutKeyPolicy, put("{}", "default")).await);
    assert_eq!(refused.0, "MalformedPolicyDocumentException");
    assert_eq!(refusal(cloud.call(op::PutKeyPolicy, put(mine, "other")).await).1, "No such policy exists");
    let input = ListKeyPoliciesRequest { key_id: id, ..Default::default() };
    assert_eq!(cloud.call(op::ListKeyPolicies, input).await.unwrap().policy_names.unwrap(), ["default"]);
}

#[tokio::test]
async fn a_policy_lets_another_account_in_and_keeps_the_own_one_out() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let arn = format!("arn:aws:kms:us-east-1:000000000000:key/{id}");
    let stranger = cloud.as_account("111111111111");
    assert_eq!(refusal(encrypt(&stranger, &arn, b"x").await).0, "AccessDeniedException");
    let shared = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"},
        {"Effect":"Allow","Principal":{"AWS":"111111111111"},"Resource":"*",
            "Action":["kms:Encrypt","kms:Decrypt","kms:CreateAlias"]},
        {"Effect":"Deny","Principal":"*","Action":"kms:GenerateDataKey","Resource":"*"}]}"#;
    let put = PutKeyPolicyRequest { key_id: id.clone(), policy: shared.into(), ..Default::default() };
    cloud.call(op::PutKeyPolicy, put).await.unwrap();
    let blob = encrypt(&stranger, &arn, b"x").await.unwrap();
    assert_eq!(decrypt(&stranger, &blob).await.unwrap(), b"x");
    assert_eq!(decrypt(&cloud, &blob).await.unwrap(), b"x");
    assert_eq!(refusal(schedule_deletion(&stranger, &arn, 7).await).0, "AccessDeniedException");
    assert_eq!(
        refusal(make_alias(&stranger, "alias/a", &arn).await).0,
        "NotFoundException",
        "not theirs to name"
    );
    make_alias(&cloud, "alias/a", &id).await.unwrap();
    for key_id in [id.as_str(), "alias/a"] {
        let key_spec = Some("AES_256".into());
        let input = GenerateDataKeyRequest { key_id: key_id.into(), key_spec, ..Default::default() };
        assert_eq!(refusal(cloud.call(op::GenerateDataKey, input).await).0, "AccessDeniedException");
    }
}
