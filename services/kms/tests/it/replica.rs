//! Multi-region keys.

use api_kms::*;

use crate::*;

#[tokio::test]
async fn a_copy_opens_what_the_primary_sealed_and_may_become_primary() {
    let cloud = cloud().await;
    let there = cloud.in_region("eu-west-1");
    let input = CreateKeyRequest { multi_region: Some(true), ..Default::default() };
    let id = make_with(&cloud, input).await.key_id;
    assert!(id.starts_with("mrk-"));
    let blob = encrypt(&cloud, &id, b"x").await.unwrap();
    assert_eq!(refusal(describe(&there, &id).await).0, "NotFoundException");
    let input =
        ReplicateKeyRequest { key_id: id.clone(), replica_region: "eu-west-1".into(), ..Default::default() };
    cloud.call(op::ReplicateKey, input.clone()).await.unwrap();
    assert_eq!(refusal(cloud.call(op::ReplicateKey, input).await).0, "AlreadyExistsException");
    assert_eq!(decrypt(&there, &blob).await.unwrap(), b"x");
    cloud.call(op::RotateKeyOnDemand, RotateKeyOnDemandRequest { key_id: id.clone() }).await.unwrap();
    let blob = encrypt(&cloud, &id, b"y").await.unwrap();
    assert_eq!(decrypt(&there, &blob).await.unwrap(), b"y", "rotated material is shared");
    assert_eq!(refusal(schedule_deletion(&cloud, &id, 7).await).0, "KMSInvalidStateException");

    let input = UpdatePrimaryRegionRequest { key_id: id.clone(), primary_region: "eu-west-1".into() };
    cloud.call(op::UpdatePrimaryRegion, input).await.unwrap();
    let family = describe(&there, &id).await.unwrap().multi_region_configuration.unwrap();
    assert_eq!(family.multi_region_key_type.as_deref(), Some("PRIMARY"));
    assert_eq!(family.replica_keys.unwrap()[0].region.as_deref(), Some("us-east-1"));

    schedule_deletion(&cloud, &id, 7).await.unwrap();
    cloud.advance(7 * DAY);
    cloud.eventually("the copy is gone", async || describe(&cloud, &id).await.err()).await;
    let family = describe(&there, &id).await.unwrap().multi_region_configuration.unwrap();
    assert!(family.replica_keys.unwrap().is_empty());
    assert_eq!(decrypt(&there, &blob).await.unwrap(), b"y");
}

#[tokio::test]
async fn keys_of_one_region_stay_there() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let input = ReplicateKeyRequest { key_id: id, replica_region: "eu-west-1".into(), ..Default::default() };
    assert_eq!(refusal(cloud.call(op::ReplicateKey, input).await).0, "UnsupportedOperationException");
}
