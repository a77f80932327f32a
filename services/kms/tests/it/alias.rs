//! Aliases, those of AWS's services among them.

use api_kms::*;

use crate::*;

async fn names(cloud: &TestCloud, key_id: Option<&str>) -> Vec<String> {
    let input = ListAliasesRequest { key_id: key_id.map(Into::into), ..Default::default() };
    let listed = cloud.call(op::ListAliases, input).await.unwrap().aliases.unwrap();
    listed.into_iter().map(|alias| alias.alias_name.unwrap()).collect()
}

#[tokio::test]
async fn an_alias_stands_for_its_key_and_can_move() {
    let cloud = cloud().await;
    let (one, two) = (make(&cloud).await, make(&cloud).await);
    make_alias(&cloud, "alias/a", &one).await.unwrap();
    make_alias(&cloud, "alias/b", &one).await.unwrap();
    let taken = "An alias with the name arn:aws:kms:us-east-1:000000000000:alias/a already exists";
    assert_eq!(
        refusal(make_alias(&cloud, "alias/a", &two).await),
        ("AlreadyExistsException", taken.to_owned())
    );
    assert_eq!(describe(&cloud, "alias/a").await.unwrap().key_id, one);
    let by_arn = "arn:aws:kms:us-east-1:000000000000:alias/a";
    assert_eq!(describe(&cloud, by_arn).await.unwrap().key_id, one);
    let blob = encrypt(&cloud, "alias/a", b"x").await.unwrap();
    let input = UpdateAliasRequest { alias_name: "alias/a".into(), target_key_id: two.clone() };
    cloud.call(op::UpdateAlias, input).await.unwrap();
    assert_eq!(describe(&cloud, "alias/a").await.unwrap().key_id, two);
    assert_eq!(decrypt(&cloud, &blob).await.unwrap(), b"x", "the ciphertext names its key, not the alias");
    assert_eq!(names(&cloud, None).await, ["alias/a", "alias/b"]);
    assert_eq!(names(&cloud, Some(&one)).await, ["alias/b"]);
    let other = make_of(&cloud, "ECC_NIST_P256", "SIGN_VERIFY").await;
    let input = UpdateAliasRequest { alias_name: "alias/a".into(), target_key_id: other };
    assert_eq!(refusal(cloud.call(op::UpdateAlias, input).await).0, "ValidationException");
    cloud.call(op::DeleteAlias, DeleteAliasRequest { alias_name: "alias/a".into() }).await.unwrap();
    let gone = refusal(describe(&cloud, "alias/a").await);
    assert_eq!(gone, ("NotFoundException", format!("Alias {by_arn} is not found.")));
}

#[tokio::test]
async fn a_key_has_fifty_aliases_at_most() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    for n in 0..50 {
        make_alias(&cloud, &format!("alias/{n}"), &id).await.unwrap();
    }
    assert_eq!(refusal(make_alias(&cloud, "alias/more", &id).await).0, "LimitExceededException");
    assert_eq!(names(&cloud, Some(&id)).await.len(), 50);
}

#[tokio::test]
async fn services_have_keys_of_their_own_made_when_first_used() {
    let cloud = cloud().await;
    let name = "alias/aws/sqs";
    assert_eq!(refusal(describe(&cloud, name).await).0, "NotFoundException");
    let id = make(&cloud).await;
    assert_eq!(refusal(make_alias(&cloud, name, &id).await).0, "NotAuthorizedException");
    let input = || GenerateDataKeyRequest {
        key_id: name.into(),
        key_spec: Some("AES_256".into()),
        ..Default::default()
    };
    let ctx = cloud.ctx("kms");
    let (one, two) = tokio::join!(
        ctx.call_as_service(op::GenerateDataKey, input()),
        ctx.call_as_service(op::GenerateDataKey, input())
    );
    assert_eq!(one.unwrap().key_id, two.unwrap().key_id, "both calls got one key");
    let key = describe(&cloud, name).await.unwrap();
    assert_eq!(key.key_manager.as_deref(), Some("AWS"));
    assert_eq!(refusal(schedule_deletion(&cloud, &key.key_id, 7).await).0, "AccessDeniedException");
    let direct = refusal(encrypt(&cloud, name, b"x").await);
    assert_eq!(direct.0, "AccessDeniedException", "it is used by way of its service only");
}
