//! Snapshots in the archive, under lock, and blocked from everybody.

use api_ec2 as api;
use api_ec2::op;
use shape::Timestamp;

use crate::cloud::{Cloud, cloud};
use crate::fast_restore::{snapshot, snapshot_of};
use crate::instance;

const DAY_MS: i64 = 86_400_000;
const ZONE: &str = "us-east-1a";

async fn status(cloud: &Cloud, id: &str) -> api::SnapshotTierStatus {
    let found = cloud.call(op::DescribeSnapshotTierStatus, Default::default()).await.unwrap();
    let all = found.snapshot_tier_statuses.unwrap();
    all.into_iter().find(|one| one.snapshot_id.as_deref() == Some(id)).unwrap()
}

async fn becomes(cloud: &Cloud, id: &str, wanted: &str) -> api::SnapshotTierStatus {
    let look = async || {
        let seen = status(cloud, id).await;
        (seen.last_tiering_operation_status.as_deref() == Some(wanted)).then_some(seen)
    };
    cloud.eventually(wanted, look).await
}

fn archive(id: &str) -> api::ModifySnapshotTierRequest {
    api::ModifySnapshotTierRequest {
        snapshot_id: id.to_owned(),
        storage_tier: Some("archive".to_owned()),
        ..Default::default()
    }
}

fn restore(id: &str, days: Option<i32>) -> api::RestoreSnapshotTierRequest {
    api::RestoreSnapshotTierRequest {
        snapshot_id: id.to_owned(),
        temporary_restore_days: days,
        permanent_restore: days.is_none().then_some(true),
        ..Default::default()
    }
}

async fn uses(cloud: &Cloud, id: &str) -> Result<(), String> {
    let wanted = api::CreateVolumeRequest {
        availability_zone: Some(ZONE.to_owned()),
        snapshot_id: Some(id.to_owned()),
        ..Default::default()
    };
    let made = cloud.call(op::CreateVolume, wanted).await;
    made.map(drop).map_err(|error| error.code().to_owned())
}

#[tokio::test]
async fn a_snapshot_goes_to_the_archive_and_comes_back_for_days_and_for_good() {
    let cloud = cloud().await;
    let id = snapshot(&cloud).await;
    let refused = cloud.call(op::RestoreSnapshotTier, restore(&id, None)).await.unwrap_err();
    assert_eq!(refused.code(), "IncorrectState");
    cloud.call(op::ModifySnapshotTier, archive(&id)).await.unwrap();
    let away = becomes(&cloud, &id, "archival-completed").await;
    assert_eq!(away.storage_tier.as_deref(), Some("archive"));
    assert!(away.archival_complete_time.is_some());
    assert_eq!(uses(&cloud, &id).await.unwrap_err(), "IncorrectState");
    let copy = api::CopySnapshotRequest {
        source_region: "us-east-1".into(),
        source_snapshot_id: id.clone(),
        ..Default::default()
    };
    assert_eq!(cloud.call(op::CopySnapshot, copy).await.unwrap_err().code(), "IncorrectState");
    assert_eq!(cloud.call(op::ModifySnapshotTier, archive(&id)).await.unwrap_err().code(), "IncorrectState");

    let began = cloud.call(op::RestoreSnapshotTier, restore(&id, Some(2))).await.unwrap();
    assert_eq!((began.restore_duration, began.is_permanent_restore), (Some(2), Some(false)));
    cloud.advance(DAY_MS / 2);
    let waiting = status(&cloud, &id).await;
    assert_eq!(waiting.last_tiering_operation_status.as_deref(), Some("temporary-restore-in-progress"));
    assert_eq!(waiting.last_tiering_progress, Some(50));
    cloud.advance(DAY_MS / 2);
    let back = becomes(&cloud, &id, "temporary-restore-completed").await;
    assert_eq!(back.storage_tier.as_deref(), Some("archive"));
    uses(&cloud, &id).await.unwrap();
    let expires = back.restore_expiry_time.unwrap().as_millis();
    cloud.advance(expires - cloud.now());
    // It waits for the volume that is being made of it.
    let gone = async || {
        cloud.advance(1_000);
        status(&cloud, &id).await.restore_expiry_time.is_none().then_some(())
    };
    cloud.eventually("its days are over", gone).await;
    assert_eq!(uses(&cloud, &id).await.unwrap_err(), "IncorrectState");

    cloud.call(op::RestoreSnapshotTier, restore(&id, None)).await.unwrap();
    cloud.advance(DAY_MS);
    let kept = becomes(&cloud, &id, "permanent-restore-completed").await;
    assert_eq!(kept.storage_tier.as_deref(), Some("standard"));
    uses(&cloud, &id).await.unwrap();
    let delete = api::DeleteSnapshotRequest { snapshot_id: id.clone(), ..Default::default() };
    cloud.call(op::DeleteSnapshot, delete).await.unwrap();
}

#[tokio::test]
async fn what_an_image_needs_is_not_archived_and_bad_requests_change_nothing() {
    let cloud = cloud().await;
    let id = snapshot(&cloud).await;
    let code = async |input| cloud.call(op::ModifySnapshotTier, input).await.unwrap_err().code().to_owned();
    assert_eq!(code(archive("snap-00000000000000000")).await, "InvalidSnapshot.NotFound");
    assert_eq!(code(archive("x")).await, "InvalidSnapshotID.Malformed");
    let without = api::ModifySnapshotTierRequest { storage_tier: None, ..archive(&id) };
    assert_eq!(code(without).await, "MissingParameter");
    let dry = api::ModifySnapshotTierRequest { dry_run: Some(true), ..archive(&id) };
    assert_eq!(code(dry).await, "DryRunOperation");
    let both = api::RestoreSnapshotTierRequest { permanent_restore: Some(true), ..restore(&id, Some(1)) };
    let refused = cloud.call(op::RestoreSnapshotTier, both).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidParameterCombination");
    assert_eq!(status(&cloud, &id).await.last_tiering_operation_status, None);
}

fn lock(id: &str, mode: &str, cool_off: Option<i32>) -> api::LockSnapshotRequest {
    api::LockSnapshotRequest {
        snapshot_id: id.to_owned(),
        lock_mode: mode.to_owned(),
        cool_off_period: cool_off,
        lock_duration: Some(2),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_locked_snapshot_stays_until_its_lock_ends() {
    let cloud = cloud().await;
    let id = snapshot(&cloud).await;
    let delete = || api::DeleteSnapshotRequest { snapshot_id: id.clone(), ..Default::default() };
    let unlock = || api::UnlockSnapshotRequest { snapshot_id: id.clone(), ..Default::default() };
    assert_eq!(cloud.call(op::UnlockSnapshot, unlock()).await.unwrap_err().code(), "IncorrectState");
    let locked = cloud.call(op::LockSnapshot, lock(&id, "governance", None)).await.unwrap();
    assert_eq!(locked.lock_state.as_deref(), Some("governance"));
    assert_eq!(cloud.call(op::DeleteSnapshot, delete()).await.unwrap_err().code(), "SnapshotLocked");
    cloud.call(op::UnlockSnapshot, unlock()).await.unwrap();

    let locked = cloud.call(op::LockSnapshot, lock(&id, "compliance", Some(1))).await.unwrap();
    assert_eq!(locked.lock_state.as_deref(), Some("compliance-cooloff"));
    cloud.advance(3_600_000);
    let listed = cloud.call(op::DescribeLockedSnapshots, Default::default()).await.unwrap();
    assert_eq!(listed.snapshots.unwrap()[0].lock_state.as_deref(), Some("compliance"));
    assert_eq!(cloud.call(op::UnlockSnapshot, unlock()).await.unwrap_err().code(), "SnapshotLocked");
    let weaker = cloud.call(op::LockSnapshot, lock(&id, "governance", None)).await.unwrap_err();
    assert_eq!(weaker.code(), "SnapshotLocked");
    let later = api::LockSnapshotRequest {
        lock_duration: None,
        expiration_date: Some(Timestamp::from_millis(cloud.now() + 3 * DAY_MS)),
        ..lock(&id, "compliance", None)
    };
    cloud.call(op::LockSnapshot, later).await.unwrap();
    cloud.advance(2 * DAY_MS);
    assert_eq!(cloud.call(op::DeleteSnapshot, delete()).await.unwrap_err().code(), "SnapshotLocked");
    cloud.advance(DAY_MS);
    cloud.call(op::DeleteSnapshot, delete()).await.unwrap();
}

#[tokio::test]
async fn an_image_that_goes_takes_no_locked_snapshot_along() {
    let cloud = cloud().await;
    let launched = instance::id(&instance::run(&cloud, instance::launch()).await);
    let launched = instance::becomes(&cloud, &launched, "running").await;
    let root = launched.block_device_mappings.unwrap().remove(0).ebs.unwrap().volume_id.unwrap();
    let (locked, free) = (snapshot_of(&cloud, root).await, snapshot(&cloud).await);
    cloud.call(op::LockSnapshot, lock(&locked, "governance", None)).await.unwrap();
    let device = |name: &str, id: &str| api::BlockDeviceMapping {
        device_name: Some(name.to_owned()),
        ebs: Some(api::EbsBlockDevice { snapshot_id: Some(id.to_owned()), ..Default::default() }),
        ..Default::default()
    };
    let image = api::RegisterImageRequest {
        name: "of-both".to_owned(),
        root_device_name: Some("/dev/sda1".to_owned()),
        block_device_mappings: Some(vec![device("/dev/sda1", &locked), device("/dev/sdb", &free)]),
        ..Default::default()
    };
    let image_id = cloud.call(op::RegisterImage, image).await.unwrap().image_id.unwrap();
    let end =
        api::DeregisterImageRequest { image_id, delete_associated_snapshots: Some(true), dry_run: None };
    let ended = cloud.call(op::DeregisterImage, end).await.unwrap().delete_snapshot_results.unwrap();
    let codes: Vec<_> = ended.iter().filter_map(|one| one.return_code.as_deref()).collect();
    assert_eq!(codes, ["client-error", "success"]);
    let look = async || {
        let found = cloud.call(op::DescribeSnapshots, Default::default()).await.ok()?.snapshots?;
        let ids: Vec<_> = found.into_iter().filter_map(|one| one.snapshot_id).collect();
        (ids.contains(&locked) && !ids.contains(&free)).then_some(())
    };
    cloud.eventually("the other goes", look).await;
}

#[tokio::test]
async fn what_is_blocked_is_not_shared_with_everybody() {
    let cloud = cloud().await;
    let id = snapshot(&cloud).await;
    let share = || api::ModifySnapshotAttributeRequest {
        snapshot_id: id.clone(),
        group_names: Some(vec!["all".to_owned()]),
        operation_type: Some("add".to_owned()),
        ..Default::default()
    };
    let block = |state: &str| api::EnableSnapshotBlockPublicAccessRequest {
        state: state.to_owned(),
        ..Default::default()
    };
    cloud.call(op::EnableSnapshotBlockPublicAccess, block("block-new-sharing")).await.unwrap();
    let refused = cloud.call(op::ModifySnapshotAttribute, share()).await.unwrap_err();
    assert_eq!(refused.code(), "OperationNotPermitted");
    cloud.call(op::DisableSnapshotBlockPublicAccess, Default::default()).await.unwrap();
    cloud.call(op::ModifySnapshotAttribute, share()).await.unwrap();

    let other = cloud.as_account("222222222222");
    let seen = async || {
        let look = api::DescribeSnapshotsRequest::default();
        let all = other.call(op::DescribeSnapshots, look).await.unwrap().snapshots.unwrap();
        all.iter().any(|one| one.snapshot_id.as_deref() == Some(&id))
    };
    assert!(seen().await);
    cloud.call(op::EnableSnapshotBlockPublicAccess, block("block-new-sharing")).await.unwrap();
    assert!(seen().await, "what is shared stays so");
    cloud.call(op::EnableSnapshotBlockPublicAccess, block("block-all-sharing")).await.unwrap();
    assert!(!seen().await);
    let state = cloud.call(op::GetSnapshotBlockPublicAccessState, Default::default()).await.unwrap();
    assert_eq!(state.state.as_deref(), Some("block-all-sharing"));
    let bad = cloud.call(op::EnableSnapshotBlockPublicAccess, block("x")).await.unwrap_err();
    assert!(bad.code().starts_with("InvalidParameterValue"), "{}", bad.code());
}

#[tokio::test]
async fn restorable_by_oneself_is_what_one_may_use_by_name() {
    let cloud = cloud().await;
    let (own, given) = (snapshot(&cloud).await, snapshot(&cloud).await);
    let share = |user: &str| api::ModifySnapshotAttributeRequest {
        snapshot_id: given.clone(),
        user_ids: Some(vec![user.to_owned()]),
        operation_type: Some("add".to_owned()),
        ..Default::default()
    };
    let bad = cloud.call(op::ModifySnapshotAttribute, share("nobody")).await.unwrap_err();
    assert_eq!(bad.code(), "InvalidAMIAttributeItemValue");
    cloud.call(op::ModifySnapshotAttribute, share("222222222222")).await.unwrap();
    let restorable = |by: &str| api::DescribeSnapshotsRequest {
        restorable_by_user_ids: Some(vec![by.to_owned()]),
        ..Default::default()
    };
    let other = cloud.as_account("222222222222");
    for by in ["self", "222222222222"] {
        let seen = other.call(op::DescribeSnapshots, restorable(by)).await.unwrap().snapshots.unwrap();
        let seen: Vec<_> = seen.into_iter().filter_map(|one| one.snapshot_id).collect();
        assert_eq!(seen, std::slice::from_ref(&given), "{by}");
    }
    let mine = cloud.call(op::DescribeSnapshots, restorable("self")).await.unwrap().snapshots.unwrap();
    assert!(mine.len() == 2 && mine.iter().any(|one| one.snapshot_id.as_ref() == Some(&own)));
    for bad in [
        restorable("foo"),
        api::DescribeSnapshotsRequest { owner_ids: Some(vec!["foo".to_owned()]), ..Default::default() },
    ] {
        let error = cloud.call(op::DescribeSnapshots, bad).await.unwrap_err();
        assert_eq!(error.code(), "InvalidUserID.Malformed");
    }
}
