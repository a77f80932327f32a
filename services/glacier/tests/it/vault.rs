//! Vaults: made, listed, tagged, deleted when they are empty; and whose they are.

use api_glacier::*;

use super::{Lab, code, own};

#[tokio::test]
async fn vaults_are_made_listed_and_deleted() {
    let lab = Lab::new().await;
    for number in 0..12 {
        lab.make(&format!("w{number:02}")).await;
    }
    let list = async |marker: Option<String>| {
        let input = ListVaultsInput { account_id: own(), marker, limit: None };
        lab.cloud.call(op::ListVaults, input).await.unwrap()
    };
    let first = list(None).await;
    assert_eq!(first.vault_list.unwrap().len(), 10);
    let rest = list(first.marker).await;
    assert_eq!((rest.vault_list.unwrap().len(), rest.marker), (3, None));
    let shown = lab.describe().await;
    assert_eq!(shown.vault_arn.unwrap(), "arn:aws:glacier:us-east-1:000000000000:vaults/v");
    assert_eq!((shown.number_of_archives, shown.last_inventory_date), (Some(0), None));
    let archive = lab.upload(b"kept", "").await;
    let delete = async || {
        let input = DeleteVaultInput { account_id: own(), vault_name: "v".to_owned() };
        lab.cloud.call(op::DeleteVault, input).await
    };
    assert_eq!(code(delete().await), "InvalidParameterValueException");
    lab.delete(&archive).await.unwrap();
    delete().await.unwrap();
    delete().await.unwrap();
    assert_eq!(code(lab.delete(&archive).await), "ResourceNotFoundException");
    let bad = CreateVaultInput { account_id: own(), vault_name: "a b".to_owned() };
    assert_eq!(code(lab.cloud.call(op::CreateVault, bad).await), "InvalidParameterValueException");
}

#[tokio::test]
async fn another_accounts_vault_is_open_to_whom_its_policy_names() {
    let lab = Lab::new().await;
    let stranger = lab.cloud.as_account("111122223333");
    let look = async || {
        let input = DescribeVaultInput { account_id: "000000000000".to_owned(), vault_name: "v".to_owned() };
        stranger.call(op::DescribeVault, input).await
    };
    assert_eq!(code(look().await), "AccessDeniedException");
    let list = ListVaultsInput { account_id: "000000000000".to_owned(), ..Default::default() };
    assert_eq!(code(stranger.call(op::ListVaults, list).await), "AccessDeniedException");
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "111122223333"},
        "Action": "glacier:DescribeVault", "Resource": "arn:aws:glacier:us-east-1:000000000000:vaults/v"}}"#;
    let set = |text: &str| SetVaultAccessPolicyInput {
        account_id: own(),
        vault_name: "v".to_owned(),
        policy: Some(VaultAccessPolicy { policy: Some(text.to_owned()) }),
    };
    assert_eq!(
        code(lab.cloud.call(op::SetVaultAccessPolicy, set("{}")).await),
        "InvalidParameterValueException"
    );
    lab.cloud.call(op::SetVaultAccessPolicy, set(policy)).await.unwrap();
    assert_eq!(look().await.unwrap().vault_name.as_deref(), Some("v"));
    let input = GetVaultAccessPolicyInput { account_id: own(), vault_name: "v".to_owned() };
    let shown = lab.cloud.call(op::GetVaultAccessPolicy, input.clone()).await.unwrap().policy.unwrap();
    assert_eq!(shown.policy.as_deref(), Some(policy));
    let input = DeleteVaultAccessPolicyInput { account_id: own(), vault_name: "v".to_owned() };
    lab.cloud.call(op::DeleteVaultAccessPolicy, input).await.unwrap();
    assert_eq!(code(look().await), "AccessDeniedException");
    let input = GetVaultAccessPolicyInput { account_id: own(), vault_name: "v".to_owned() };
    assert_eq!(code(lab.cloud.call(op::GetVaultAccessPolicy, input).await), "ResourceNotFoundException");
}

#[tokio::test]
async fn tags_come_and_go() {
    let lab = Lab::new().await;
    let place = || (own(), "v".to_owned());
    let tags = |pairs: &[(&str, &str)]| {
        Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    };
    let (account_id, vault_name) = place();
    let input = AddTagsToVaultInput { account_id, vault_name, tags: tags(&[("a", "1"), ("b", "2")]) };
    lab.cloud.call(op::AddTagsToVault, input).await.unwrap();
    let (account_id, vault_name) = place();
    let input = RemoveTagsFromVaultInput { account_id, vault_name, tag_keys: Some(vec!["a".to_owned()]) };
    lab.cloud.call(op::RemoveTagsFromVault, input).await.unwrap();
    let (account_id, vault_name) = place();
    let input = ListTagsForVaultInput { account_id, vault_name };
    let shown = lab.cloud.call(op::ListTagsForVault, input).await.unwrap();
    assert_eq!(shown.tags, tags(&[("b", "2")]));
    let (account_id, vault_name) = place();
    let input = AddTagsToVaultInput { account_id, vault_name, tags: tags(&[("aws:x", "")]) };
    assert_eq!(code(lab.cloud.call(op::AddTagsToVault, input).await), "InvalidParameterValueException");
    let input = GetVaultNotificationsInput { account_id: own(), vault_name: "v".to_owned() };
    assert_eq!(code(lab.cloud.call(op::GetVaultNotifications, input).await), "ResourceNotFoundException");
    let input = DeleteVaultNotificationsInput { account_id: own(), vault_name: "v".to_owned() };
    lab.cloud.call(op::DeleteVaultNotifications, input).await.unwrap();
}
