//! Grants.

use api_kms::*;

use crate::*;

const WHO: &str = "arn:aws:iam::000000000000:user/a";

fn input(key_id: &str, name: Option<&str>, operations: &[&str]) -> CreateGrantRequest {
    CreateGrantRequest {
        key_id: key_id.into(),
        grantee_principal: WHO.into(),
        retiring_principal: Some("arn:aws:iam::000000000000:user/r".into()),
        operations: operations.iter().map(|o| (*o).to_owned()).collect(),
        name: name.map(Into::into),
        ..Default::default()
    }
}

async fn ids(cloud: &TestCloud, key_id: &str) -> Vec<String> {
    let input = ListGrantsRequest { key_id: key_id.into(), ..Default::default() };
    let listed = cloud.call(op::ListGrants, input).await.unwrap().grants.unwrap();
    listed.into_iter().map(|grant| grant.grant_id.unwrap()).collect()
}

#[tokio::test]
async fn grants_are_made_once_by_name_listed_and_taken_back() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let one = cloud.call(op::CreateGrant, input(&id, Some("n"), &["Encrypt"])).await.unwrap();
    let same = cloud.call(op::CreateGrant, input(&id, Some("n"), &["Encrypt"])).await.unwrap();
    assert_eq!(one.grant_id, same.grant_id);
    let two = cloud.call(op::CreateGrant, input(&id, None, &["Decrypt"])).await.unwrap();
    let three = cloud.call(op::CreateGrant, input(&id, None, &["Decrypt"])).await.unwrap();
    assert_eq!(ids(&cloud, &id).await.len(), 3);
    let retirable = ListRetirableGrantsRequest {
        retiring_principal: "arn:aws:iam::000000000000:user/r".into(),
        limit: Some(2),
        marker: None,
    };
    let page = cloud.call(op::ListRetirableGrants, retirable.clone()).await.unwrap();
    assert_eq!(page.grants.unwrap().len(), 2);
    let page = ListRetirableGrantsRequest { marker: page.next_marker, ..retirable };
    assert_eq!(cloud.call(op::ListRetirableGrants, page).await.unwrap().grants.unwrap().len(), 1);

    let revoke = RevokeGrantRequest { key_id: id.clone(), grant_id: one.grant_id.unwrap(), dry_run: None };
    cloud.call(op::RevokeGrant, revoke.clone()).await.unwrap();
    assert_eq!(refusal(cloud.call(op::RevokeGrant, revoke).await).0, "NotFoundException");
    let by_token = RetireGrantRequest { grant_token: two.grant_token, ..Default::default() };
    cloud.call(op::RetireGrant, by_token).await.unwrap();
    assert_eq!(ids(&cloud, &id).await, [three.grant_id.unwrap()]);
    let bad = RetireGrantRequest { grant_token: Some("x".into()), ..Default::default() };
    assert_eq!(refusal(cloud.call(op::RetireGrant, bad).await).0, "InvalidGrantTokenException");
}

#[tokio::test]
async fn a_grant_allows_only_what_its_key_can_do() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    for operations in [&["Sign"][..], &[], &["GetPublicKey"]] {
        let refused = refusal(cloud.call(op::CreateGrant, input(&id, None, operations)).await);
        assert_eq!(refused.0, "ValidationException");
    }
    let dry = CreateGrantRequest { dry_run: Some(true), ..input(&id, None, &["Encrypt"]) };
    assert_eq!(refusal(cloud.call(op::CreateGrant, dry).await).0, "DryRunOperationException");
    assert!(ids(&cloud, &id).await.is_empty());
}

async fn grant(cloud: &TestCloud, wanted: CreateGrantRequest) -> CreateGrantResponse {
    cloud.call(op::CreateGrant, wanted).await.unwrap()
}

const DENIED: &str = "AccessDeniedException";

#[tokio::test]
async fn a_grant_lets_its_grantee_in_under_its_constraint_until_it_is_revoked() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let user = cloud.as_identity(WHO, "AIDA1");
    let blob = encrypt_in(&cloud, &id, b"x", &[("team", "a"), ("n", "1")]).await.unwrap();
    assert_eq!(refusal(decrypt_in(&user, &blob, &[("team", "a"), ("n", "1")]).await).0, DENIED);
    let constraints =
        GrantConstraints { encryption_context_subset: Some(map(&[("team", "a")])), ..Default::default() };
    let wanted =
        CreateGrantRequest { constraints: Some(constraints), ..input(&id, None, &["Decrypt", "Encrypt"]) };
    let made = grant(&cloud, wanted).await;
    assert_eq!(decrypt_in(&user, &blob, &[("team", "a"), ("n", "1")]).await.unwrap(), b"x");
    assert!(encrypt_in(&user, &id, b"y", &[("team", "a")]).await.is_ok());
    assert_eq!(refusal(encrypt_in(&user, &id, b"y", &[("team", "b")]).await).0, DENIED);
    assert_eq!(refusal(encrypt(&user, &id, b"y").await).0, DENIED);
    assert_eq!(refusal(describe(&user, &id).await).0, DENIED, "not among its operations");
    let other = cloud.as_identity("arn:aws:iam::000000000000:user/b", "AIDA2");
    assert_eq!(refusal(encrypt_in(&other, &id, b"y", &[("team", "a")]).await).0, DENIED);
    let grant_id = made.grant_id.unwrap();
    let revoke = RevokeGrantRequest { key_id: id.clone(), grant_id, dry_run: None };
    assert_eq!(refusal(user.call(op::RevokeGrant, revoke.clone()).await).0, DENIED);
    cloud.call(op::RevokeGrant, revoke).await.unwrap();
    assert_eq!(refusal(encrypt_in(&user, &id, b"y", &[("team", "a")]).await).0, DENIED);
}

#[tokio::test]
async fn a_grant_reaches_into_another_account_and_a_denial_outweighs_it() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let arn = format!("arn:aws:kms:us-east-1:000000000000:key/{id}");
    let who = "arn:aws:iam::111111111111:user/a";
    let stranger = cloud.as_account("111111111111").as_identity(who, "AIDA3");
    assert_eq!(refusal(encrypt(&stranger, &arn, b"x").await).0, DENIED);
    grant(&cloud, CreateGrantRequest { grantee_principal: who.into(), ..input(&id, None, &["Encrypt"]) })
        .await;
    assert!(encrypt(&stranger, &arn, b"x").await.is_ok());
    let root = cloud.as_account("111111111111");
    assert_eq!(refusal(encrypt(&root, &arn, b"x").await).0, DENIED, "the grant is not the account's");
    let denial = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"},
        {"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}]}"#;
    let put = PutKeyPolicyRequest { key_id: id, policy: denial.into(), ..Default::default() };
    cloud.call(op::PutKeyPolicy, put).await.unwrap();
    assert_eq!(refusal(encrypt(&stranger, &arn, b"x").await).0, DENIED);
}

#[tokio::test]
async fn a_grantee_gives_no_more_than_it_has() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let user = cloud.as_identity(WHO, "AIDA1");
    grant(&cloud, input(&id, None, &["CreateGrant", "Decrypt"])).await;
    let give = |operations: &[&str]| CreateGrantRequest {
        grantee_principal: "arn:aws:iam::000000000000:user/b".into(),
        ..input(&id, None, operations)
    };
    assert_eq!(refusal(user.call(op::CreateGrant, give(&["Decrypt", "Encrypt"])).await).0, DENIED);
    user.call(op::CreateGrant, give(&["Decrypt"])).await.unwrap();
    let other = cloud.as_identity("arn:aws:iam::000000000000:user/b", "AIDA2");
    let blob = encrypt(&cloud, &id, b"x").await.unwrap();
    assert_eq!(decrypt(&other, &blob).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_grant_is_retired_by_whom_it_says() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let made = grant(&cloud, input(&id, None, &["Decrypt"])).await;
    let by_id = RetireGrantRequest {
        key_id: Some(id.clone()),
        grant_id: made.grant_id.clone(),
        ..Default::default()
    };
    let by_token = RetireGrantRequest { grant_token: made.grant_token, ..Default::default() };
    let grantee = cloud.as_identity(WHO, "AIDA1");
    for wanted in [by_id.clone(), by_token] {
        assert_eq!(refusal(grantee.call(op::RetireGrant, wanted).await).0, DENIED);
    }
    let retiring = cloud.as_identity("arn:aws:iam::000000000000:user/r", "AIDA4");
    let dry = RetireGrantRequest { dry_run: Some(true), ..by_id.clone() };
    assert_eq!(refusal(retiring.call(op::RetireGrant, dry).await).0, "DryRunOperationException");
    retiring.call(op::RetireGrant, by_id).await.unwrap();
    assert!(ids(&cloud, &id).await.is_empty());
    let made = grant(&cloud, input(&id, None, &["RetireGrant", "Decrypt"])).await;
    let by_token = RetireGrantRequest { grant_token: made.grant_token, ..Default::default() };
    grantee.call(op::RetireGrant, by_token).await.unwrap();
}

#[tokio::test]
async fn tokens_of_grants_are_read_and_false_ones_refused() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let token = grant(&cloud, input(&id, None, &["DescribeKey"])).await.grant_token.unwrap();
    let user = cloud.as_identity(WHO, "AIDA1");
    let look =
        |token: &str| DescribeKeyRequest { key_id: id.clone(), grant_tokens: Some(vec![token.into()]) };
    user.call(op::DescribeKey, look(&token)).await.unwrap();
    assert_eq!(refusal(user.call(op::DescribeKey, look("x")).await).0, "InvalidGrantTokenException");
    let nobody = CreateGrantRequest { grantee_principal: "nobody".into(), ..input(&id, None, &["Encrypt"]) };
    assert_eq!(refusal(cloud.call(op::CreateGrant, nobody).await).0, "InvalidArnException");
}
