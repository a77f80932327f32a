//! Keys: made, shown, switched, deleted.

use api_kms::*;

use crate::*;

fn arn(id: &str) -> String {
    format!("arn:aws:kms:us-east-1:000000000000:key/{id}")
}

#[tokio::test]
async fn every_kind_of_key_shows_what_it_can() {
    let cloud = cloud().await;
    for (spec, usage, algorithms) in [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", vec!["SYMMETRIC_DEFAULT"]),
        ("RSA_2048", "ENCRYPT_DECRYPT", vec!["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]),
        ("ECC_NIST_P384", "SIGN_VERIFY", vec!["ECDSA_SHA_384"]),
        ("ECC_SECG_P256K1", "SIGN_VERIFY", vec!["ECDSA_SHA_256"]),
        ("HMAC_224", "GENERATE_VERIFY_MAC", vec!["HMAC_SHA_224"]),
    ] {
        let id = make_of(&cloud, spec, usage).await;
        let key = describe(&cloud, &id).await.unwrap();
        assert_eq!(key.arn.unwrap(), arn(&id));
        assert_eq!((key.key_spec.as_deref(), key.key_usage.as_deref()), (Some(spec), Some(usage)));
        let shown = [key.encryption_algorithms, key.signing_algorithms, key.mac_algorithms];
        assert_eq!(shown.into_iter().flatten().flatten().collect::<Vec<_>>(), algorithms);
        assert_eq!((key.enabled, key.key_state.as_deref()), (Some(true), Some("Enabled")));
        assert_eq!((key.key_manager.as_deref(), key.origin.as_deref()), (Some("CUSTOMER"), Some("AWS_KMS")));
    }
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_by_name() {
    let cloud = cloud().await;
    let spec = |spec: &str, usage: Option<&str>| CreateKeyRequest {
        key_spec: Some(spec.into()),
        key_usage: usage.map(Into::into),
        ..Default::default()
    };
    for (input, code) in [
        (spec("HMAC_256", None), "ValidationException"),
        (spec("HMAC_256", Some("SIGN_VERIFY")), "ValidationException"),
        (spec("SM2", Some("SIGN_VERIFY")), "UnsupportedOperationException"),
        (spec("ECC_NIST_P256", Some("KEY_AGREEMENT")), "UnsupportedOperationException"),
        (
            CreateKeyRequest { policy: Some("x".into()), ..Default::default() },
            "MalformedPolicyDocumentException",
        ),
        (
            CreateKeyRequest { origin: Some("EXTERNAL_KEY_STORE".into()), ..Default::default() },
            "UnsupportedOperationException",
        ),
    ] {
        assert_eq!(refusal(cloud.call(op::CreateKey, input).await).0, code);
    }
}

#[tokio::test]
async fn keys_are_found_in_their_account_and_region_only() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    describe(&cloud, &arn(&id)).await.unwrap();
    let elsewhere = cloud.in_region("eu-west-1");
    let missing = format!("Key 'arn:aws:kms:eu-west-1:000000000000:key/{id}' does not exist");
    assert_eq!(refusal(describe(&elsewhere, &id).await), ("NotFoundException", missing));
    assert_eq!(refusal(describe(&elsewhere, &arn(&id)).await).1, "Invalid arn us-east-1");
    assert_eq!(refusal(describe(&cloud, "fake").await).1, "Invalid keyId 'fake'");
    let stranger = cloud.as_account("111111111111");
    assert_eq!(refusal(describe(&stranger, &arn(&id)).await).0, "AccessDeniedException");
    assert_eq!(refusal(describe(&stranger, &id).await).0, "NotFoundException");
}

#[tokio::test]
async fn lists_go_page_by_page() {
    let cloud = cloud().await;
    for _ in 0..5 {
        make(&cloud).await;
    }
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let page = cloud.call(op::ListKeys, ListKeysRequest { limit: Some(2), marker }).await.unwrap();
        all.extend(page.keys.unwrap().into_iter().map(|key| key.key_id.unwrap()));
        assert_eq!(page.truncated, Some(page.next_marker.is_some()));
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    all.dedup();
    assert_eq!(all.len(), 5);
    let input = ListKeysRequest { marker: Some("nonsense".into()), limit: None };
    assert_eq!(refusal(cloud.call(op::ListKeys, input).await).0, "InvalidMarkerException");
}

#[tokio::test]
async fn a_disabled_key_does_nothing_until_enabled() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let blob = encrypt(&cloud, &id, b"x").await.unwrap();
    cloud.call(op::DisableKey, DisableKeyRequest { key_id: id.clone() }).await.unwrap();
    let disabled = ("DisabledException", format!("{} is disabled.", arn(&id)));
    assert_eq!(refusal(encrypt(&cloud, &id, b"x").await), disabled);
    assert_eq!(refusal(decrypt(&cloud, &blob).await), disabled);
    let input = UpdateKeyDescriptionRequest { key_id: id.clone(), description: "new".into() };
    cloud.call(op::UpdateKeyDescription, input).await.unwrap();
    cloud.call(op::EnableKey, EnableKeyRequest { key_id: id.clone() }).await.unwrap();
    assert_eq!(decrypt(&cloud, &blob).await.unwrap(), b"x");
    assert_eq!(describe(&cloud, &id).await.unwrap().description.as_deref(), Some("new"));
}

#[tokio::test]
async fn deletion_waits_its_time_can_be_cancelled_and_then_is_final() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    make_alias(&cloud, "alias/gone", &id).await.unwrap();
    let blob = encrypt(&cloud, &id, b"x").await.unwrap();
    assert_eq!(refusal(schedule_deletion(&cloud, &id, 6).await).0, "ValidationException");
    schedule_deletion(&cloud, &id, 7).await.unwrap();
    assert_eq!(state(&cloud, &id).await, "PendingDeletion");
    let pending = ("KMSInvalidStateException", format!("{} is pending deletion.", arn(&id)));
    assert_eq!(refusal(encrypt(&cloud, &id, b"x").await), pending);
    assert_eq!(refusal(schedule_deletion(&cloud, &id, 7).await), pending);
    let input = CancelKeyDeletionRequest { key_id: id.clone() };
    cloud.call(op::CancelKeyDeletion, input.clone()).await.unwrap();
    assert_eq!(refusal(cloud.call(op::CancelKeyDeletion, input).await).0, "KMSInvalidStateException");
    assert_eq!(state(&cloud, &id).await, "Disabled");
    cloud.advance(8 * DAY);
    assert_eq!(state(&cloud, &id).await, "Disabled", "the cancelled deletion does not come");

    schedule_deletion(&cloud, &id, 30).await.unwrap();
    cloud.advance(30 * DAY - 1);
    assert_eq!(state(&cloud, &id).await, "PendingDeletion");
    cloud.advance(1);
    cloud.eventually("the key is gone", async || describe(&cloud, &id).await.err()).await;
    assert_eq!(refusal(decrypt(&cloud, &blob).await).0, "AccessDeniedException");
    let aliases = cloud.call(op::ListAliases, ListAliasesRequest::default()).await.unwrap();
    assert!(aliases.aliases.unwrap().is_empty());
}

#[tokio::test]
async fn tags_are_added_listed_and_taken_away() {
    let cloud = cloud().await;
    let tag = |key: &str, value: &str| Tag { tag_key: key.into(), tag_value: value.into() };
    let input = CreateKeyRequest { tags: Some(vec![tag("a", "1")]), ..Default::default() };
    let id = make_with(&cloud, input).await.key_id;
    let more = vec![tag("a", "2"), tag("b", "3"), tag("c", "4")];
    cloud.call(op::TagResource, TagResourceRequest { key_id: id.clone(), tags: more }).await.unwrap();
    let input = UntagResourceRequest { key_id: id.clone(), tag_keys: vec!["b".into()] };
    cloud.call(op::UntagResource, input).await.unwrap();
    let input = ListResourceTagsRequest { key_id: id.clone(), limit: Some(1), marker: None };
    let first = cloud.call(op::ListResourceTags, input.clone()).await.unwrap();
    let shown = |tags: Option<Vec<Tag>>| -> Vec<_> {
        tags.unwrap().into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect()
    };
    assert_eq!(shown(first.tags), [("a".to_owned(), "2".to_owned())]);
    let input = ListResourceTagsRequest { marker: first.next_marker, ..input };
    let second = cloud.call(op::ListResourceTags, input).await.unwrap();
    assert_eq!(shown(second.tags), [("c".to_owned(), "4".to_owned())]);
    assert_eq!(second.next_marker, None);
}
