//! Images deprecated, disabled, and kept from being deregistered.

use api_ec2 as api;
use api_ec2::op;
use kernel::Error;
use kernel::testing::TestCloud;
use shape::Timestamp;

use crate::cloud::{Cloud, cloud};
use crate::fast_restore::snapshot_of;
use crate::instance;

const DAY_MS: i64 = 86_400_000;
const NEIGHBOUR: &str = "111122223333";

async fn image(cloud: &Cloud) -> String {
    let launched = instance::id(&instance::run(cloud, instance::launch()).await);
    let launched = instance::becomes(cloud, &launched, "running").await;
    let root = launched.block_device_mappings.unwrap().remove(0).ebs.unwrap().volume_id.unwrap();
    let snapshot_id = Some(snapshot_of(cloud, root).await);
    let root = api::BlockDeviceMapping {
        device_name: Some("/dev/sda1".to_owned()),
        ebs: Some(api::EbsBlockDevice { snapshot_id, ..Default::default() }),
        ..Default::default()
    };
    let image = api::RegisterImageRequest {
        name: "the-image".to_owned(),
        root_device_name: Some("/dev/sda1".to_owned()),
        block_device_mappings: Some(vec![root]),
        ..Default::default()
    };
    cloud.call(op::RegisterImage, image).await.unwrap().image_id.unwrap()
}

async fn described(cloud: &TestCloud, input: api::DescribeImagesRequest) -> Vec<api::Image> {
    let mut all = cloud.call(op::DescribeImages, input).await.unwrap().images.unwrap();
    all.retain(|one| one.name.as_deref() == Some("the-image"));
    all
}

async fn own(cloud: &TestCloud, id: &str) -> api::Image {
    let input = api::DescribeImagesRequest { image_ids: Some(vec![id.to_owned()]), ..Default::default() };
    described(cloud, input).await.remove(0)
}

async fn share(cloud: &TestCloud, id: &str, with: Option<&str>) -> Result<(), Error> {
    let user_id = with.map(str::to_owned);
    let group = with.is_none().then(|| "all".to_owned());
    let add = Some(vec![api::LaunchPermission { user_id, group, ..Default::default() }]);
    let launch_permission = Some(api::LaunchPermissionModifications { add, remove: None });
    let input =
        api::ModifyImageAttributeRequest { image_id: id.to_owned(), launch_permission, ..Default::default() };
    cloud.call(op::ModifyImageAttribute, input).await.map(drop)
}

async fn deprecate(cloud: &TestCloud, id: &str, at: i64) -> Result<(), Error> {
    let input = api::EnableImageDeprecationRequest {
        image_id: id.to_owned(),
        deprecate_at: Timestamp::from_millis(at),
        dry_run: None,
    };
    cloud.call(op::EnableImageDeprecation, input).await.map(drop)
}

#[tokio::test]
async fn deprecated_images_are_not_offered_to_others_but_launch_by_their_ids() {
    let cloud = cloud().await;
    let id = image(&cloud).await;
    let now = cloud.now();
    for wrong in [now - 1, now + 3_653 * DAY_MS] {
        assert_eq!(deprecate(&cloud, &id, wrong).await.unwrap_err().code(), "InvalidParameterValue");
    }
    share(&cloud, &id, Some(NEIGHBOUR)).await.unwrap();
    let neighbour = cloud.as_account(NEIGHBOUR);
    let refused = deprecate(&neighbour, &id, now + DAY_MS).await.unwrap_err();
    assert_eq!(refused.code(), "AuthFailure");
    deprecate(&cloud, &id, now + DAY_MS).await.unwrap();
    // To the minute.
    let shown = own(&cloud, &id).await.deprecation_time.unwrap();
    assert!(shown.ends_with(":00.000Z"), "{shown}");
    assert_eq!(described(&neighbour, Default::default()).await.len(), 1);

    cloud.advance(DAY_MS + 60_000);
    assert_eq!(described(&neighbour, Default::default()).await.len(), 0);
    let all = api::DescribeImagesRequest { include_deprecated: Some(true), ..Default::default() };
    assert_eq!(described(&neighbour, all).await.len(), 1);
    own(&neighbour, &id).await;
    assert_eq!(described(&cloud, Default::default()).await.len(), 1);

    let cancel = api::DisableImageDeprecationRequest { image_id: id.clone(), dry_run: None };
    cloud.call(op::DisableImageDeprecation, cancel.clone()).await.unwrap();
    assert_eq!(own(&cloud, &id).await.deprecation_time, None);
    assert_eq!(described(&neighbour, Default::default()).await.len(), 1);
    // What everybody may launch is offered for two years at most.
    share(&cloud, &id, None).await.unwrap();
    assert!(own(&cloud, &id).await.deprecation_time.is_some());
    assert_eq!(deprecate(&cloud, &id, now + 800 * DAY_MS).await.unwrap_err().code(), "InvalidParameterValue");
    let refused = cloud.call(op::DisableImageDeprecation, cancel).await.unwrap_err();
    assert_eq!(refused.code(), "OperationNotPermitted");
}

#[tokio::test]
async fn a_disabled_image_is_hidden_unshared_and_not_launched() {
    let cloud = cloud().await;
    let id = image(&cloud).await;
    share(&cloud, &id, Some(NEIGHBOUR)).await.unwrap();
    let dry = api::DisableImageRequest { image_id: id.clone(), dry_run: Some(true) };
    assert_eq!(cloud.call(op::DisableImage, dry).await.unwrap_err().code(), "DryRunOperation");
    let launch = || api::RunInstancesRequest { image_id: Some(id.clone()), ..instance::launch() };
    instance::run(&cloud, launch()).await;

    let disable = api::DisableImageRequest { image_id: id.clone(), dry_run: None };
    cloud.call(op::DisableImage, disable).await.unwrap();
    assert_eq!(own(&cloud, &id).await.state.as_deref(), Some("disabled"));
    assert_eq!(described(&cloud, Default::default()).await.len(), 0);
    let all = || api::DescribeImagesRequest { include_disabled: Some(true), ..Default::default() };
    assert_eq!(described(&cloud, all()).await.len(), 1);
    assert_eq!(described(&cloud.as_account(NEIGHBOUR), all()).await.len(), 0);
    let refused = cloud.call(op::RunInstances, launch()).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidAMIID.Unavailable");
    assert_eq!(share(&cloud, &id, None).await.unwrap_err().code(), "InvalidAMIID.Unavailable");

    let enable = api::EnableImageRequest { image_id: id.clone(), dry_run: None };
    cloud.call(op::EnableImage, enable).await.unwrap();
    assert_eq!(own(&cloud, &id).await.state.as_deref(), Some("available"));
    // Those it was shared with do not come back by themselves.
    assert_eq!(described(&cloud.as_account(NEIGHBOUR), all()).await.len(), 0);
    instance::run(&cloud, launch()).await;
}

#[tokio::test]
async fn a_protected_image_is_not_deregistered() {
    let cloud = cloud().await;
    let id = image(&cloud).await;
    let deregister = async || {
        let input = api::DeregisterImageRequest { image_id: id.clone(), ..Default::default() };
        cloud.call(op::DeregisterImage, input).await.map(drop)
    };
    let protect = api::EnableImageDeregistrationProtectionRequest {
        image_id: id.clone(),
        with_cooldown: Some(true),
        dry_run: None,
    };
    let shown = cloud.call(op::EnableImageDeregistrationProtection, protect).await.unwrap();
    assert_eq!(shown.r#return.as_deref(), Some("enabled-with-cooldown"));
    assert_eq!(deregister().await.unwrap_err().code(), "OperationNotPermitted");
    let release = api::DisableImageDeregistrationProtectionRequest { image_id: id.clone(), dry_run: None };
    cloud.call(op::DisableImageDeregistrationProtection, release).await.unwrap();
    assert_eq!(deregister().await.unwrap_err().code(), "OperationNotPermitted");
    let asked = api::DescribeImageAttributeRequest {
        image_id: id.clone(),
        attribute: "deregistrationProtection".to_owned(),
        dry_run: None,
    };
    let value = cloud.call(op::DescribeImageAttribute, asked).await.unwrap().deregistration_protection;
    assert!(value.unwrap().value.unwrap().starts_with("disabled after "));

    cloud.advance(DAY_MS);
    assert_eq!(own(&cloud, &id).await.deregistration_protection.as_deref(), Some("disabled"));
    deregister().await.unwrap();
}
