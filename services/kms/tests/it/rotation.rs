//! Rotation.

use api_kms::*;

use crate::*;

async fn current(cloud: &TestCloud, key_id: &str) -> String {
    describe(cloud, key_id).await.unwrap().current_key_material_id.unwrap()
}

async fn rotations(cloud: &TestCloud, key_id: &str) -> Vec<String> {
    let input = ListKeyRotationsRequest { key_id: key_id.into(), ..Default::default() };
    let listed = cloud.call(op::ListKeyRotations, input).await.unwrap().rotations.unwrap();
    listed.into_iter().map(|rotation| rotation.rotation_type.unwrap()).collect()
}

#[tokio::test]
async fn old_ciphertexts_open_after_rotations_of_both_kinds() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let first = current(&cloud, &id).await;
    let blob = encrypt(&cloud, &id, b"old").await.unwrap();
    cloud.call(op::RotateKeyOnDemand, RotateKeyOnDemandRequest { key_id: id.clone() }).await.unwrap();
    let second = current(&cloud, &id).await;
    assert_ne!(first, second);
    let enable = EnableKeyRotationRequest { key_id: id.clone(), rotation_period_in_days: Some(90) };
    cloud.call(op::EnableKeyRotation, enable).await.unwrap();
    let ask = GetKeyRotationStatusRequest { key_id: id.clone() };
    let status = cloud.call(op::GetKeyRotationStatus, ask.clone()).await.unwrap();
    assert_eq!((status.key_rotation_enabled, status.rotation_period_in_days), (Some(true), Some(90)));
    assert_eq!(status.next_rotation_date.unwrap().as_millis(), cloud.now() + 90 * DAY);
    cloud.advance(90 * DAY);
    let rotated = async || (current(&cloud, &id).await != second).then_some(());
    cloud.eventually("the key rotates by itself", rotated).await;
    assert_eq!(rotations(&cloud, &id).await, ["ON_DEMAND", "AUTOMATIC"]);
    assert_eq!(decrypt(&cloud, &blob).await.unwrap(), b"old");
    cloud.call(op::DisableKeyRotation, DisableKeyRotationRequest { key_id: id.clone() }).await.unwrap();
    let status = cloud.call(op::GetKeyRotationStatus, ask).await.unwrap();
    assert_eq!(status.key_rotation_enabled, Some(false));
}

#[tokio::test]
async fn keys_that_do_not_rotate_say_so() {
    let cloud = cloud().await;
    let id = make_of(&cloud, "ECC_NIST_P256", "SIGN_VERIFY").await;
    let input = EnableKeyRotationRequest { key_id: id.clone(), ..Default::default() };
    assert_eq!(refusal(cloud.call(op::EnableKeyRotation, input).await).0, "UnsupportedOperationException");
    let input = GetKeyRotationStatusRequest { key_id: id };
    assert_eq!(refusal(cloud.call(op::GetKeyRotationStatus, input).await).0, "UnsupportedOperationException");
}

#[tokio::test]
async fn on_demand_rotations_are_counted() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let input = RotateKeyOnDemandRequest { key_id: id };
    for _ in 0..25 {
        cloud.call(op::RotateKeyOnDemand, input.clone()).await.unwrap();
    }
    assert_eq!(refusal(cloud.call(op::RotateKeyOnDemand, input).await).0, "LimitExceededException");
}
