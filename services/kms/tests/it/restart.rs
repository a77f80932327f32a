//! What a restart keeps, and under which root key it starts at all.

use kernel::authorize::ByPolicies;
use kernel::clock::FakeClock;
use kernel::house::{House, Parts};
use kernel::ids::SystemIds;

use api_kms::*;

use crate::*;

#[tokio::test]
async fn sealed_material_opens_again() {
    let cloud = cloud().await;
    let (id, signer) = (make(&cloud).await, make_of(&cloud, "ECC_NIST_P256", "SIGN_VERIFY").await);
    let blob = encrypt(&cloud, &id, b"x").await.unwrap();
    schedule_deletion(&cloud, &signer, 7).await.unwrap();
    let store = cloud.house.store().clone();
    cloud.house.close().await;
    let cloud = TestCloud::over(store, vec![service(1)]).await;
    assert_eq!(decrypt(&cloud, &blob).await.unwrap(), b"x");
    cloud.advance(7 * DAY);
    cloud.eventually("the deletion comes", async || describe(&cloud, &signer).await.err()).await;
}

#[tokio::test]
async fn another_root_key_is_refused_and_changes_nothing() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let blob = encrypt(&cloud, &id, b"x").await.unwrap();
    let store = cloud.house.store().clone();
    cloud.house.close().await;
    let parts = Parts {
        store: store.clone(),
        clock: Arc::new(FakeClock::default()),
        ids: Box::new(SystemIds),
        authorizer: Box::new(ByPolicies),
        gate: kernel::GateSettings::default(),
        authority: String::new(),
        services: vec![service(2)],
    };
    let refused = House::open(parts).await.err().unwrap();
    assert!(refused.cause().unwrap().to_string().contains("does not fit the sealing key"));
    let cloud = TestCloud::over(store, vec![service(1)]).await;
    assert_eq!(decrypt(&cloud, &blob).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_reset_forgets_keys() {
    let cloud = cloud().await;
    let id = make(&cloud).await;
    let blob = encrypt(&cloud, &id, b"x").await.unwrap();
    cloud.house.reset().await.unwrap();
    assert!(decrypt(&cloud, &blob).await.is_err());
    assert!(cloud.call(op::ListKeys, ListKeysRequest::default()).await.unwrap().keys.unwrap().is_empty());
}
