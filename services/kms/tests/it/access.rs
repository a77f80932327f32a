//! Condition keys, as key policies ask them.

use api_kms::*;

use crate::*;

const WHO: &str = "arn:aws:iam::000000000000:user/a";
const DENIED: &str = "AccessDeniedException";

/// A key that lets the user do everything under a condition.
async fn make_under(cloud: &TestCloud, action: &str, condition: &str) -> String {
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::000000000000:root"}},"Action":"kms:*","Resource":"*"}},
        {{"Effect":"Allow","Principal":{{"AWS":"{WHO}"}},"Action":"{action}","Resource":"*",
          "Condition":{condition}}}]}}"#
    );
    let input = CreateKeyRequest { policy: Some(policy), ..Default::default() };
    make_with(cloud, input).await.key_id
}

#[tokio::test]
async fn the_encryption_context_decides() {
    let cloud = cloud().await;
    let condition = r#"{"StringEquals":{"kms:EncryptionContext:team":"a"},
        "ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["team","n"]}}"#;
    let id = make_under(&cloud, "kms:*crypt", condition).await;
    let user = cloud.as_identity(WHO, "AIDA1");
    let blob = encrypt_in(&user, &id, b"x", &[("team", "a"), ("n", "1")]).await.unwrap();
    assert_eq!(decrypt_in(&user, &blob, &[("team", "a"), ("n", "1")]).await.unwrap(), b"x");
    for context in [&[("team", "b")][..], &[], &[("team", "a"), ("other", "1")]] {
        assert_eq!(refusal(encrypt_in(&user, &id, b"x", context).await).0, DENIED);
    }
}

#[tokio::test]
async fn the_key_and_how_it_is_named_decide() {
    let cloud = cloud().await;
    let user = cloud.as_identity(WHO, "AIDA1");
    let here = r#"{"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT","kms:KeyUsage":"ENCRYPT_DECRYPT",
        "kms:KeyOrigin":"AWS_KMS","kms:CallerAccount":"000000000000"},"Bool":{"kms:MultiRegion":"false"}}"#;
    let id = make_under(&cloud, "kms:Encrypt", here).await;
    assert!(encrypt(&user, &id, b"x").await.is_ok());
    let id = make_under(&cloud, "kms:Encrypt", r#"{"StringEquals":{"kms:KeySpec":"RSA_2048"}}"#).await;
    assert_eq!(refusal(encrypt(&user, &id, b"x").await).0, DENIED);

    let id = make_under(&cloud, "kms:Encrypt", r#"{"StringEquals":{"kms:RequestAlias":"alias/a"}}"#).await;
    make_alias(&cloud, "alias/a", &id).await.unwrap();
    assert!(encrypt(&user, "alias/a", b"x").await.is_ok());
    assert_eq!(refusal(encrypt(&user, &id, b"x").await).0, DENIED);

    let aliases = r#"{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/b*"}}"#;
    let id = make_under(&cloud, "kms:Encrypt", aliases).await;
    assert_eq!(refusal(encrypt(&user, &id, b"x").await).0, DENIED);
    make_alias(&cloud, "alias/b1", &id).await.unwrap();
    assert!(encrypt(&user, &id, b"x").await.is_ok());

    let id = make_under(&cloud, "kms:Encrypt", r#"{"Null":{"kms:ViaService":"false"}}"#).await;
    assert_eq!(refusal(encrypt(&user, &id, b"x").await).0, DENIED, "nobody passes the call on");
}

#[tokio::test]
async fn the_parts_of_a_request_decide() {
    let cloud = cloud().await;
    let user = cloud.as_identity(WHO, "AIDA1");
    let window = r#"{"NumericGreaterThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"14"}}"#;
    let id = make_under(&cloud, "kms:ScheduleKeyDeletion", window).await;
    assert_eq!(refusal(schedule_deletion(&user, &id, 7).await).0, DENIED);
    schedule_deletion(&user, &id, 14).await.unwrap();

    let only = r#"{"ForAllValues:StringEquals":{"kms:GrantOperations":["Decrypt","Encrypt"]},
        "StringEquals":{"kms:GranteePrincipal":"arn:aws:iam::000000000000:role/r"}}"#;
    let id = make_under(&cloud, "kms:CreateGrant", only).await;
    let give = |who: &str, operation: &str| CreateGrantRequest {
        key_id: id.clone(),
        grantee_principal: who.into(),
        operations: vec![operation.into()],
        ..Default::default()
    };
    let role = "arn:aws:iam::000000000000:role/r";
    user.call(op::CreateGrant, give(role, "Decrypt")).await.unwrap();
    for refused in [give(role, "DescribeKey"), give(WHO, "Decrypt")] {
        assert_eq!(refusal(user.call(op::CreateGrant, refused).await).0, DENIED);
    }
}

#[tokio::test]
async fn re_encrypting_takes_both_keys_by_their_own_actions() {
    let cloud = cloud().await;
    let user = cloud.as_identity(WHO, "AIDA1");
    let always = r#"{"StringEquals":{"aws:PrincipalAccount":"000000000000"}}"#;
    let from = make_under(&cloud, "kms:ReEncryptFrom", always).await;
    let to = make_under(&cloud, "kms:ReEncryptTo", always).await;
    let same = make_under(&cloud, "kms:ReEncrypt*", r#"{"Bool":{"kms:ReEncryptOnSameKey":"true"}}"#).await;
    make_alias(&cloud, "alias/same", &same).await.unwrap();
    let move_it = async |source: &str, destination: &str| {
        let blob = encrypt(&cloud, source, b"x").await.unwrap();
        let input = ReEncryptRequest {
            ciphertext_blob: Some(blob.into()),
            destination_key_id: destination.into(),
            ..Default::default()
        };
        user.call(op::ReEncrypt, input).await
    };
    assert!(move_it(&from, &to).await.is_ok());
    assert_eq!(refusal(move_it(&to, &from).await).0, DENIED);
    assert_eq!(refusal(move_it(&from, &from).await).0, DENIED);
    assert!(move_it(&same, "alias/same").await.is_ok());
    assert_eq!(refusal(move_it(&same, &to).await).0, DENIED);
}

#[tokio::test]
async fn only_who_the_policy_names_comes_in_even_of_the_own_account() {
    let cloud = cloud().await;
    let user = cloud.as_identity(WHO, "AIDA1");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{WHO}"}},
        "Action":"kms:*","Resource":"*"}}}}"#
    );
    let input = CreateKeyRequest {
        policy: Some(policy),
        bypass_policy_lockout_safety_check: Some(true),
        ..Default::default()
    };
    let id = make_with(&cloud, input).await.key_id;
    assert!(encrypt(&user, &id, b"x").await.is_ok());
    assert_eq!(refusal(encrypt(&cloud, &id, b"x").await).0, DENIED);
}

#[tokio::test]
async fn moving_an_alias_takes_the_key_it_leaves() {
    let cloud = cloud().await;
    let denial = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"},
        {"Effect":"Deny","Principal":"*","Action":["kms:UpdateAlias","kms:DeleteAlias"],"Resource":"*"}]}"#;
    let input = CreateKeyRequest { policy: Some(denial.into()), ..Default::default() };
    let kept = make_with(&cloud, input).await.key_id;
    let other = make(&cloud).await;
    make_alias(&cloud, "alias/a", &kept).await.unwrap();
    let update = UpdateAliasRequest { alias_name: "alias/a".into(), target_key_id: other };
    assert_eq!(refusal(cloud.call(op::UpdateAlias, update).await).0, DENIED);
    let delete = DeleteAliasRequest { alias_name: "alias/a".into() };
    assert_eq!(refusal(cloud.call(op::DeleteAlias, delete).await).0, DENIED);
}
