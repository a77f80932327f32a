//! Volumes and snapshots on an engine that only remembers: what is metered, and what a full disk does.

use std::sync::Arc;

use api_ec2 as api;
use api_ec2::op;
use block::FakeVolumes;
use compute::FakeMachines;
use kernel::Plugs;
use kernel::testing::TestCloud;
use net::FakeNetworks;

async fn house() -> (TestCloud, Arc<FakeVolumes>) {
    let volumes = Arc::new(FakeVolumes::new());
    let plugs = Plugs::default()
        .with::<Arc<dyn compute::Machines>>(Arc::new(FakeMachines::new()))
        .with::<Arc<dyn net::Networks>>(Arc::new(FakeNetworks::new()))
        .with::<Arc<dyn block::Volumes>>(volumes.clone());
    (TestCloud::new(vec![ec2::service(&plugs)]).await, volumes)
}

async fn create(cloud: &TestCloud, kind: &str, size: i32, iops: Option<i32>) -> String {
    let wanted = api::CreateVolumeRequest {
        availability_zone: Some("us-east-1a".to_owned()),
        volume_type: Some(kind.to_owned()),
        size: Some(size),
        iops,
        ..Default::default()
    };
    cloud.call(op::CreateVolume, wanted).await.unwrap().volume_id.unwrap()
}

async fn becomes(cloud: &TestCloud, id: &str, wanted: &str) {
    let look = || api::DescribeVolumesRequest { volume_ids: Some(vec![id.to_owned()]), ..Default::default() };
    cloud
        .eventually(wanted, async || {
            let seen = cloud.call(op::DescribeVolumes, look()).await.ok()?.volumes?.pop()?;
            (seen.state.as_deref() == Some(wanted)).then_some(())
        })
        .await;
}

async fn usage(cloud: &TestCloud, id: &str) -> Vec<(String, u64)> {
    let lines = kernel::meter::list(&cloud.ctx("ec2"), "ec2", None, 100).await.unwrap();
    let lines = lines.into_iter().map(|(_, line)| line).filter(|line| line.resource == id);
    lines.map(|line| (line.usage_type, line.quantity)).collect()
}

#[tokio::test]
async fn a_volume_is_in_the_books_by_size_and_rates_until_it_is_changed_or_gone() {
    let (cloud, _) = house().await;
    let id = create(&cloud, "gp3", 10, Some(4_000)).await;
    becomes(&cloud, &id, "available").await;
    cloud.advance(100_000);
    let grown = api::ModifyVolumeRequest { volume_id: id.clone(), size: Some(20), ..Default::default() };
    cloud.call(op::ModifyVolume, grown).await.unwrap();
    let lines = usage(&cloud, &id).await;
    assert_eq!(
        lines,
        [("EBS:VolumeP-IOPS.gp3".to_owned(), 100_000), ("EBS:VolumeUsage.gp3".to_owned(), 1_000)]
    );
    cloud.advance(10_000);
    let gone = api::DeleteVolumeRequest { volume_id: id.clone(), ..Default::default() };
    cloud.call(op::DeleteVolume, gone).await.unwrap();
    let lines = cloud
        .eventually("the last lines", async || {
            let lines = usage(&cloud, &id).await;
            (lines.len() == 4).then_some(lines)
        })
        .await;
    assert_eq!(lines.iter().map(|(_, quantity)| quantity).sum::<u64>(), 100_000 + 1_000 + 10_000 + 200);
}

#[tokio::test]
async fn on_a_full_disk_a_volume_ends_in_error_and_the_rest_goes_on() {
    let (cloud, volumes) = house().await;
    let before = create(&cloud, "gp2", 1, None).await;
    becomes(&cloud, &before, "available").await;
    volumes.set_full(true);
    let refused = create(&cloud, "gp2", 1, None).await;
    becomes(&cloud, &refused, "error").await;
    becomes(&cloud, &before, "available").await;
    let gone = api::DeleteVolumeRequest { volume_id: refused, ..Default::default() };
    cloud.call(op::DeleteVolume, gone).await.unwrap();
    volumes.set_full(false);
    let after = create(&cloud, "gp2", 1, None).await;
    becomes(&cloud, &after, "available").await;
}

#[tokio::test]
async fn an_encrypted_volume_needs_a_service_that_keeps_keys() {
    let (cloud, _) = house().await;
    let wanted = api::CreateVolumeRequest {
        availability_zone: Some("us-east-1a".to_owned()),
        size: Some(1),
        encrypted: Some(true),
        ..Default::default()
    };
    let refused = cloud.call(op::CreateVolume, wanted).await.unwrap_err();
    assert!(!refused.code().is_empty());
    let look = api::DescribeVolumesRequest::default();
    assert!(cloud.call(op::DescribeVolumes, look).await.unwrap().volumes.unwrap().is_empty());
}

#[tokio::test]
async fn who_may_share_a_volume_is_asked_of_its_type_and_of_who_has_it() {
    let (cloud, _) = house().await;
    let wanted = |kind: &str| api::CreateVolumeRequest {
        availability_zone: Some("us-east-1a".to_owned()),
        volume_type: Some(kind.to_owned()),
        size: Some(4),
        iops: Some(100),
        multi_attach_enabled: Some(true),
        ..Default::default()
    };
    let create = async |kind: &str| cloud.call(op::CreateVolume, wanted(kind)).await;
    let gp3 = api::CreateVolumeRequest { iops: None, ..wanted("gp3") };
    let refused = cloud.call(op::CreateVolume, gp3).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidParameterCombination");
    let (io1, io2) = (create("io1").await.unwrap(), create("io2").await.unwrap());
    assert_eq!((io1.multi_attach_enabled, io2.multi_attach_enabled), (Some(true), Some(true)));
    let (io1, io2) = (io1.volume_id.unwrap(), io2.volume_id.unwrap());
    becomes(&cloud, &io1, "available").await;
    becomes(&cloud, &io2, "available").await;

    let modify = async |id: &str, change: api::ModifyVolumeRequest| {
        let change = api::ModifyVolumeRequest { volume_id: id.to_owned(), ..change };
        cloud.call(op::ModifyVolume, change).await.map(|shown| shown.volume_modification.unwrap())
    };
    let close = || api::ModifyVolumeRequest { multi_attach_enabled: Some(false), ..Default::default() };
    let gp3 = api::ModifyVolumeRequest { volume_type: Some("gp3".to_owned()), ..Default::default() };
    assert_eq!(modify(&io1, close()).await.unwrap_err().code(), "OperationNotPermitted");
    assert_eq!(modify(&io2, gp3).await.unwrap_err().code(), "OperationNotPermitted");
    let shown = modify(&io2, close()).await.unwrap();
    assert_eq!(
        (shown.original_multi_attach_enabled, shown.target_multi_attach_enabled),
        (Some(true), Some(false))
    );
}

#[tokio::test]
async fn a_shared_volume_serves_sixteen_boots_none_and_goes_with_the_last() {
    let cloud = crate::cloud::cloud().await;
    let mut launch = crate::instance::launch();
    let placement = api::Placement { availability_zone: Some("us-east-1a".to_owned()), ..Default::default() };
    (launch.min_count, launch.max_count, launch.placement) = (17, 17, Some(placement));
    let launched = cloud.call(op::RunInstances, launch).await.unwrap().instances.unwrap();
    let instances: Vec<String> = launched.into_iter().filter_map(|instance| instance.instance_id).collect();
    for id in &instances {
        crate::instance::becomes(&cloud, id, "running").await;
    }
    let wanted = api::CreateVolumeRequest {
        availability_zone: Some("us-east-1a".to_owned()),
        volume_type: Some("io2".to_owned()),
        size: Some(4),
        iops: Some(100),
        multi_attach_enabled: Some(true),
        ..Default::default()
    };
    let volume = cloud.call(op::CreateVolume, wanted).await.unwrap().volume_id.unwrap();
    becomes(&cloud, &volume, "available").await;
    let attach = async |instance: &str, device: &str| {
        let request = api::AttachVolumeRequest {
            device: device.to_owned(),
            instance_id: instance.to_owned(),
            volume_id: volume.clone(),
            ..Default::default()
        };
        cloud.call(op::AttachVolume, request).await
    };
    let root = crate::instance::describe(&cloud, &instances[0]).await.root_device_name.unwrap();
    crate::instance::stop(&cloud, &instances[0]).await.unwrap();
    crate::instance::becomes(&cloud, &instances[0], "stopped").await;
    let its_root = crate::instance::describe(&cloud, &instances[0]).await.block_device_mappings.unwrap();
    let its_root = its_root[0].ebs.as_ref().unwrap().volume_id.clone().unwrap();
    let let_go = api::DetachVolumeRequest { volume_id: its_root.clone(), ..Default::default() };
    cloud.call(op::DetachVolume, let_go).await.unwrap();
    becomes(&cloud, &its_root, "available").await;
    assert_eq!(attach(&instances[0], &root).await.unwrap_err().code(), "InvalidParameterValue");

    for id in &instances[..16] {
        attach(id, "/dev/sdf").await.unwrap();
    }
    assert_eq!(attach(&instances[16], "/dev/sdf").await.unwrap_err().code(), "AttachmentLimitExceeded");

    for id in &instances[..16] {
        let ebs = api::EbsInstanceBlockDeviceSpecification {
            delete_on_termination: Some(true),
            ..Default::default()
        };
        let mapping = api::InstanceBlockDeviceMappingSpecification {
            device_name: Some("/dev/sdf".to_owned()),
            ebs: Some(ebs),
            ..Default::default()
        };
        let request = api::ModifyInstanceAttributeRequest {
            instance_id: id.clone(),
            block_device_mappings: Some(vec![mapping]),
            ..Default::default()
        };
        cloud.call(op::ModifyInstanceAttribute, request).await.unwrap();
    }
    let not_there = api::InstanceBlockDeviceMappingSpecification {
        device_name: Some("/dev/sdz".to_owned()),
        ebs: Some(api::EbsInstanceBlockDeviceSpecification {
            delete_on_termination: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    let request = api::ModifyInstanceAttributeRequest {
        instance_id: instances[1].clone(),
        block_device_mappings: Some(vec![not_there]),
        ..Default::default()
    };
    let refused = cloud.call(op::ModifyInstanceAttribute, request).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidInstanceAttributeValue");
    let ids = instances[1..16].to_vec();
    let request = api::TerminateInstancesRequest { instance_ids: ids, ..Default::default() };
    cloud.call(op::TerminateInstances, request).await.unwrap();
    for id in &instances[1..16] {
        crate::instance::becomes(&cloud, id, "terminated").await;
    }
    let look = async || {
        let request =
            api::DescribeVolumesRequest { volume_ids: Some(vec![volume.clone()]), ..Default::default() };
        cloud.call(op::DescribeVolumes, request).await.map(|found| found.volumes.unwrap().remove(0))
    };
    cloud
        .eventually("one has it", async || {
            (look().await.unwrap().attachments.unwrap().len() == 1).then_some(())
        })
        .await;
    crate::instance::terminate(&cloud, &instances[0]).await.unwrap();
    cloud
        .eventually("it is gone with the last", async || {
            look().await.is_err_and(|gone| gone.code() == "InvalidVolume.NotFound").then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_region_has_so_much_of_a_type_and_a_volume_so_many_snapshots_at_once() {
    let (cloud, volumes) = house().await;
    let wanted = |kind: &str, size: i32, iops: Option<i32>| api::CreateVolumeRequest {
        availability_zone: Some("us-east-1a".to_owned()),
        volume_type: Some(kind.to_owned()),
        size: Some(size),
        iops,
        ..Default::default()
    };
    for _ in 0..3 {
        create(&cloud, "gp2", 16_384, None).await;
    }
    let most = create(&cloud, "gp2", 2_048, None).await;
    for (kind, size, iops, code) in
        [("gp2", 1, None, "VolumeLimitExceeded"), ("io2", 20_481, Some(100), "VolumeLimitExceeded")]
    {
        let refused = cloud.call(op::CreateVolume, wanted(kind, size, iops)).await.unwrap_err();
        assert_eq!(refused.code(), code);
    }
    for _ in 0..4 {
        create(&cloud, "io1", 1_280, Some(64_000)).await;
    }
    let refused = cloud.call(op::CreateVolume, wanted("io1", 1_280, Some(64_000))).await.unwrap_err();
    assert_eq!(refused.code(), "MaxIOPSLimitExceeded");
    becomes(&cloud, &most, "available").await;
    let grown = api::ModifyVolumeRequest { volume_id: most, size: Some(2_049), ..Default::default() };
    assert_eq!(cloud.call(op::ModifyVolume, grown).await.unwrap_err().code(), "VolumeLimitExceeded");

    let slow = create(&cloud, "gp3", 1, None).await;
    becomes(&cloud, &slow, "available").await;
    volumes.set_full(true);
    let grown =
        |size| api::ModifyVolumeRequest { volume_id: slow.clone(), size: Some(size), ..Default::default() };
    cloud.call(op::ModifyVolume, grown(2)).await.unwrap();
    let again = cloud.call(op::ModifyVolume, grown(3)).await.unwrap_err();
    assert_eq!(again.code(), "IncorrectModificationState");
    volumes.set_full(false);

    let (small, cold) = (create(&cloud, "gp3", 1, None).await, create(&cloud, "sc1", 125, None).await);
    for (volume, most) in [(small, 5), (cold, 1)] {
        becomes(&cloud, &volume, "available").await;
        volumes.set_full(true);
        let ask = || api::CreateSnapshotRequest { volume_id: volume.clone(), ..Default::default() };
        for _ in 0..most {
            cloud.call(op::CreateSnapshot, ask()).await.unwrap();
        }
        let refused = cloud.call(op::CreateSnapshot, ask()).await.unwrap_err();
        assert_eq!(refused.code(), "ConcurrentSnapshotLimitExceeded");
        volumes.set_full(false);
    }
}
