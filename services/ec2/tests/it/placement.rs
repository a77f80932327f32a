//! Placement groups, dedicated hosts and dedicated instances.

use api_ec2 as api;
use api_ec2::op;
use compute::MachineId;

use crate::cloud::{Cloud, cloud, tight_cloud};
use crate::instance::{becomes, describe, id, launch, run, running, stop, terminate};

const HOUR_MS: i64 = 3_600_000;

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn placed(placement: api::Placement) -> api::RunInstancesRequest {
    let instance_type = text("t2.micro");
    api::RunInstancesRequest { placement: Some(placement), instance_type, ..launch() }
}

fn in_group(name: &str) -> api::RunInstancesRequest {
    placed(api::Placement { group_name: text(name), ..Default::default() })
}

async fn group(cloud: &Cloud, name: &str, strategy: &str, partitions: Option<i32>) {
    let request = api::CreatePlacementGroupRequest {
        group_name: text(name),
        strategy: text(strategy),
        partition_count: partitions,
        ..Default::default()
    };
    cloud.call(op::CreatePlacementGroup, request).await.unwrap();
}

async fn allocate(cloud: &Cloud) -> String {
    let request = api::AllocateHostsRequest {
        instance_type: text("t2.micro"),
        availability_zone: text("us-east-1a"),
        auto_placement: text("on"),
        ..Default::default()
    };
    cloud.call(op::AllocateHosts, request).await.unwrap().host_ids.unwrap().remove(0)
}

#[tokio::test]
async fn hosts_asked_for_again_are_those_there_are() {
    let cloud = tight_cloud().await;
    let ask = || api::AllocateHostsRequest {
        instance_type: text("t2.micro"),
        availability_zone: text("us-east-1a"),
        client_token: text("once"),
        ..Default::default()
    };
    let first = cloud.call(op::AllocateHosts, ask()).await.unwrap().host_ids;
    while cloud
        .call(op::AllocateHosts, api::AllocateHostsRequest { client_token: None, ..ask() })
        .await
        .is_ok()
    {}
    assert_eq!(cloud.call(op::AllocateHosts, ask()).await.unwrap().host_ids, first);
}

async fn host(cloud: &Cloud, id: &str) -> api::Host {
    let request = api::DescribeHostsRequest { host_ids: Some(vec![id.to_owned()]), ..Default::default() };
    cloud.call(op::DescribeHosts, request).await.unwrap().hosts.unwrap().remove(0)
}

async fn processors_become(cloud: &Cloud, id: &str, fits: impl Fn(&[u32]) -> bool) -> Vec<u32> {
    let machine = MachineId::new(id).unwrap();
    cloud
        .eventually("processors", async || {
            let found = cloud.machines.processors(&machine);
            fits(&found).then_some(found)
        })
        .await
}

#[tokio::test]
async fn groups_place_as_far_as_one_host_can() {
    let cloud = cloud().await;
    group(&cloud, "near", "cluster", None).await;
    group(&cloud, "far", "spread", None).await;
    group(&cloud, "parts", "partition", Some(3)).await;
    for _ in 0..2 {
        run(&cloud, in_group("near")).await;
    }
    let first = run(&cloud, in_group("far")).await;
    assert_eq!(first.placement.as_ref().unwrap().group_name.as_deref(), Some("far"));
    let error = cloud.call(op::RunInstances, in_group("far")).await.err().unwrap();
    assert_eq!(error.code(), "InsufficientInstanceCapacity");
    terminate(&cloud, &id(&first)).await.unwrap();
    becomes(&cloud, &id(&first), "terminated").await;
    run(&cloud, in_group("far")).await;

    let part = |number| {
        placed(api::Placement { group_name: text("parts"), partition_number: number, ..Default::default() })
    };
    let second = run(&cloud, part(Some(2))).await;
    assert_eq!(second.placement.unwrap().partition_number, Some(2));
    assert_eq!(run(&cloud, part(None)).await.placement.unwrap().partition_number, Some(2));
    let error = cloud.call(op::RunInstances, part(Some(1))).await.err().unwrap();
    assert_eq!(error.code(), "InsufficientInstanceCapacity");
    let error = cloud.call(op::RunInstances, in_group("none")).await.err().unwrap();
    assert_eq!(error.code(), "InvalidPlacementGroup.Unknown");
    let delete = api::DeletePlacementGroupRequest { group_name: "near".to_owned(), ..Default::default() };
    let error = cloud.call(op::DeletePlacementGroup, delete).await.err().unwrap();
    assert_eq!(error.code(), "InvalidPlacementGroup.InUse");
    let again = api::CreatePlacementGroupRequest { group_name: text("near"), ..Default::default() };
    let error = cloud.call(op::CreatePlacementGroup, again).await.err().unwrap();
    assert_eq!(error.code(), "InvalidPlacementGroup.Duplicate");
}

#[tokio::test]
async fn a_group_is_joined_and_left_while_stopped() {
    let cloud = cloud().await;
    group(&cloud, "far", "spread", None).await;
    let one = running(&cloud).await;
    let join = |name: &str| api::ModifyInstancePlacementRequest {
        instance_id: one.clone(),
        group_name: text(name),
        ..Default::default()
    };
    let error = cloud.call(op::ModifyInstancePlacement, join("far")).await.err().unwrap();
    assert_eq!(error.code(), "InvalidInstanceState");
    stop(&cloud, &one).await.unwrap();
    becomes(&cloud, &one, "stopped").await;
    cloud.call(op::ModifyInstancePlacement, join("far")).await.unwrap();
    assert_eq!(describe(&cloud, &one).await.placement.unwrap().group_name.as_deref(), Some("far"));
    cloud.call(op::ModifyInstancePlacement, join("")).await.unwrap();
    assert_eq!(describe(&cloud, &one).await.placement.unwrap().group_name.as_deref(), Some(""));
}

#[tokio::test]
async fn a_host_has_processors_of_its_own_and_is_paid_for_until_it_is_released() {
    let cloud = cloud().await;
    let other = running(&cloud).await;
    let host_id = allocate(&cloud).await;
    processors_become(&cloud, &other, |cores| cores.len() == 63).await;
    let inside = run(&cloud, placed(api::Placement { tenancy: text("host"), ..Default::default() })).await;
    let placement = inside.placement.as_ref().unwrap();
    assert_eq!((placement.host_id.as_ref(), placement.tenancy.as_deref()), (Some(&host_id), Some("host")));
    let inside = id(&inside);
    becomes(&cloud, &inside, "running").await;
    let own = processors_become(&cloud, &inside, |cores| cores.len() == 1).await;
    let shared = cloud.machines.processors(&MachineId::new(other.as_str()).unwrap());
    assert!(!shared.contains(&own[0]));
    let shown = host(&cloud, &host_id).await;
    assert_eq!(shown.instances.unwrap()[0].instance_id.as_ref(), Some(&inside));
    let release = api::ReleaseHostsRequest { host_ids: vec![host_id.clone()] };
    let kept = cloud.call(op::ReleaseHosts, release.clone()).await.unwrap().unsuccessful.unwrap();
    assert_eq!(kept[0].error.as_ref().unwrap().code.as_deref(), Some("Client.InvalidHost.Occupied"));
    terminate(&cloud, &inside).await.unwrap();
    becomes(&cloud, &inside, "terminated").await;
    cloud.advance(HOUR_MS / 2);
    let released = cloud.call(op::ReleaseHosts, release).await.unwrap();
    assert_eq!(released.successful.unwrap(), std::slice::from_ref(&host_id));
    assert_eq!(host(&cloud, &host_id).await.state.as_deref(), Some("released"));
    let rows = kernel::meter::list(&cloud.ctx("ec2"), "ec2", None, 1_000).await.unwrap();
    let hours: Vec<_> = rows.into_iter().filter(|(_, line)| line.usage_type == "HostUsage:t2").collect();
    assert_eq!(hours[0].1.quantity, 1_800);
    processors_become(&cloud, &other, <[u32]>::is_empty).await;
}

#[tokio::test]
async fn hosts_are_refused_with_the_codes_of_aws() {
    let cloud = cloud().await;
    let at = |name: Option<&str>, family: Option<&str>| api::AllocateHostsRequest {
        instance_type: name.map(str::to_owned),
        instance_family: family.map(str::to_owned),
        availability_zone: text("us-east-1a"),
        ..Default::default()
    };
    for (request, code) in [
        (at(None, None), "InvalidParameterCombination"),
        (at(Some("t2.micro"), Some("t2")), "InvalidParameterCombination"),
        (at(Some("t9.huge"), None), "InvalidParameterValue"),
        (at(Some("m5.24xlarge"), None), "InsufficientHostCapacity"),
        (api::AllocateHostsRequest { availability_zone: None, ..at(None, Some("t2")) }, "MissingParameter"),
        (
            api::AllocateHostsRequest { host_recovery: text("on"), ..at(None, Some("t2")) },
            "UnsupportedHostConfiguration",
        ),
        (api::AllocateHostsRequest { quantity: Some(3), ..at(None, Some("t2")) }, "HostLimitExceeded"),
        (api::AllocateHostsRequest { quantity: Some(0), ..at(None, Some("t2")) }, "InvalidQuantity"),
        (
            api::AllocateHostsRequest { auto_placement: text("yes"), ..at(None, Some("t2")) },
            "InvalidAutoPlacement",
        ),
    ] {
        let error = cloud.call(op::AllocateHosts, request).await.err().unwrap();
        assert_eq!(error.code(), code, "{}", error.message());
    }
    let none = placed(api::Placement { tenancy: text("host"), ..Default::default() });
    let error = cloud.call(op::RunInstances, none).await.err().unwrap();
    assert_eq!(error.code(), "UnavailableHostRequirements");
    let unknown = placed(api::Placement { host_id: text("h-12345678"), ..Default::default() });
    let error = cloud.call(op::RunInstances, unknown).await.err().unwrap();
    assert_eq!(error.code(), "InvalidHostID.NotFound");
}

#[tokio::test]
async fn a_dedicated_instance_shares_processors_with_nobody_else() {
    let cloud = cloud().await;
    let other = running(&cloud).await;
    let own = run(&cloud, placed(api::Placement { tenancy: text("dedicated"), ..Default::default() })).await;
    let own = id(&own);
    becomes(&cloud, &own, "running").await;
    let cores = processors_become(&cloud, &own, |cores| cores.len() == 1).await;
    let shared = processors_become(&cloud, &other, |cores| cores.len() == 63).await;
    assert!(!shared.contains(&cores[0]));
    terminate(&cloud, &own).await.unwrap();
    becomes(&cloud, &own, "terminated").await;
    cloud.advance(30_000);
    processors_become(&cloud, &other, <[u32]>::is_empty).await;
    let rows = kernel::meter::list(&cloud.ctx("ec2"), "ec2", None, 1_000).await.unwrap();
    assert!(rows.iter().any(|(_, line)| line.usage_type == "DedicatedUsage:t2.micro"));
}
