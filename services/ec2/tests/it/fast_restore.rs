//! Fast restore of snapshots: zone by zone, on and off, and in the books.

use api_ec2 as api;
use api_ec2::op;

use crate::cloud::{Cloud, cloud};

const ZONES: [&str; 2] = ["us-east-1a", "us-east-1b"];

pub(crate) async fn volume(cloud: &Cloud, from: Option<&str>, zone: &str) -> api::Volume {
    let wanted = api::CreateVolumeRequest {
        availability_zone: Some(zone.to_owned()),
        size: Some(1),
        snapshot_id: from.map(str::to_owned),
        ..Default::default()
    };
    let made = cloud.call(op::CreateVolume, wanted).await.unwrap();
    let look = || api::DescribeVolumesRequest {
        volume_ids: made.volume_id.clone().map(|id| vec![id]),
        ..Default::default()
    };
    cloud
        .eventually("it is available", async || {
            let seen = cloud.call(op::DescribeVolumes, look()).await.ok()?.volumes?.pop()?;
            (seen.state.as_deref() == Some("available")).then_some(seen)
        })
        .await
}

pub(crate) async fn snapshot(cloud: &Cloud) -> String {
    let of = volume(cloud, None, ZONES[0]).await.volume_id.unwrap();
    snapshot_of(cloud, of).await
}

pub(crate) async fn snapshot_of(cloud: &Cloud, of: String) -> String {
    let taken = api::CreateSnapshotRequest { volume_id: of, ..Default::default() };
    let id = cloud.call(op::CreateSnapshot, taken).await.unwrap().snapshot_id.unwrap();
    let look =
        || api::DescribeSnapshotsRequest { snapshot_ids: Some(vec![id.clone()]), ..Default::default() };
    cloud
        .eventually("it is stored", async || {
            let seen = cloud.call(op::DescribeSnapshots, look()).await.ok()?.snapshots?.pop()?;
            (seen.state.as_deref() == Some("completed")).then_some(())
        })
        .await;
    id
}

fn on(id: &str) -> api::EnableFastSnapshotRestoresRequest {
    api::EnableFastSnapshotRestoresRequest {
        availability_zones: Some(ZONES.map(str::to_owned).to_vec()),
        source_snapshot_ids: vec![id.to_owned()],
        ..Default::default()
    }
}

async fn states(cloud: &Cloud) -> Vec<String> {
    let found = cloud.call(op::DescribeFastSnapshotRestores, Default::default()).await.unwrap();
    found.fast_snapshot_restores.unwrap().into_iter().map(|one| one.state.unwrap()).collect()
}

async fn become_all(cloud: &Cloud, wanted: &[&str]) {
    cloud.eventually("they become", async || (states(cloud).await == wanted).then_some(())).await;
}

#[tokio::test]
async fn a_snapshot_is_enabled_in_its_zones_and_volumes_say_so() {
    let cloud = cloud().await;
    let id = snapshot(&cloud).await;
    let made = cloud.call(op::EnableFastSnapshotRestores, on(&id)).await.unwrap();
    assert_eq!(made.successful.unwrap().len(), 2);
    become_all(&cloud, &["enabled", "enabled"]).await;
    assert_eq!(volume(&cloud, Some(&id), ZONES[0]).await.fast_restored, Some(true));
    assert_eq!(volume(&cloud, Some(&id), "us-east-1c").await.fast_restored, Some(false));
    cloud.advance(100_000);
    let off = api::DisableFastSnapshotRestoresRequest {
        availability_zones: Some(vec![ZONES[0].to_owned()]),
        source_snapshot_ids: vec![id.clone()],
        ..Default::default()
    };
    let ended = cloud.call(op::DisableFastSnapshotRestores, off).await.unwrap().successful.unwrap();
    assert_eq!(ended[0].state.as_deref(), Some("disabling"));
    become_all(&cloud, &["disabled", "enabled"]).await;
    assert_eq!(volume(&cloud, Some(&id), ZONES[0]).await.fast_restored, Some(false));
    let lines = kernel::meter::list(&cloud.ctx("ec2"), "ec2", None, 100).await.unwrap();
    let paid: Vec<_> =
        lines.into_iter().filter(|(_, line)| line.usage_type == "EBS:FastSnapshotRestore").collect();
    assert_eq!((paid.len(), paid[0].1.quantity), (1, 100));
}

#[tokio::test]
async fn it_ends_with_the_snapshot_and_is_forgotten() {
    let cloud = cloud().await;
    let id = snapshot(&cloud).await;
    cloud.call(op::EnableFastSnapshotRestores, on(&id)).await.unwrap();
    become_all(&cloud, &["enabled", "enabled"]).await;
    let gone = api::DeleteSnapshotRequest { snapshot_id: id, ..Default::default() };
    cloud.call(op::DeleteSnapshot, gone).await.unwrap();
    cloud.advance(60_000);
    become_all(&cloud, &["disabled", "disabled"]).await;
    cloud.advance(3_700_000);
    become_all(&cloud, &[]).await;
}

#[tokio::test]
async fn each_snapshot_and_zone_is_refused_by_itself() {
    let cloud = cloud().await;
    let made = cloud.call(op::EnableFastSnapshotRestores, on("snap-0123456789abcdef0")).await.unwrap();
    let failed = made.unsuccessful.unwrap().remove(0).fast_snapshot_restore_state_errors.unwrap();
    let code = failed[0].error.as_ref().unwrap().code.as_deref();
    assert_eq!((failed.len(), code), (2, Some("InvalidSnapshot.NotFound")));
    let off = api::DisableFastSnapshotRestoresRequest {
        availability_zone_ids: Some(vec!["use1-az1".to_owned()]),
        source_snapshot_ids: vec!["snap-0123456789abcdef0".to_owned()],
        ..Default::default()
    };
    let failed = cloud.call(op::DisableFastSnapshotRestores, off).await.unwrap().unsuccessful.unwrap();
    assert_eq!(failed.len(), 1);
    let nowhere =
        api::EnableFastSnapshotRestoresRequest { availability_zones: None, ..on("snap-0123456789abcdef0") };
    let error = cloud.call(op::EnableFastSnapshotRestores, nowhere).await.unwrap_err();
    assert_eq!(error.code(), "MissingParameter");
}
