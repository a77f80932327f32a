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
