//! Spot fleets, and fleets that are modified.

use api_ec2 as api;
use api_ec2::op;
use kernel::testing::TestCloud;

use crate::cloud::{Cloud, cloud_with_roles};
use crate::instance::{becomes, launch, terminate};

const ROLE: &str = "arn:aws:iam::000000000000:role/fleet";

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn cloud() -> Cloud {
    let (cloud, known) = cloud_with_roles().await;
    known.profile("fleet", "spotfleet.amazonaws.com");
    known.profile("web", "ec2.amazonaws.com");
    cloud
}

fn config(capacity: i32, firm: i32) -> api::SpotFleetRequestConfigData {
    let one = |kind: &str| api::SpotFleetLaunchSpecification {
        image_id: launch().image_id,
        instance_type: text(kind),
        ..Default::default()
    };
    api::SpotFleetRequestConfigData {
        iam_fleet_role: ROLE.to_owned(),
        target_capacity: capacity,
        on_demand_target_capacity: Some(firm),
        launch_specifications: Some(vec![one("t3.small"), one("t3.micro")]),
        ..Default::default()
    }
}

async fn request(cloud: &TestCloud, config: api::SpotFleetRequestConfigData) -> kernel::Result<String> {
    let wanted = api::RequestSpotFleetRequest { spot_fleet_request_config: config, ..Default::default() };
    Ok(cloud.call(op::RequestSpotFleet, wanted).await?.spot_fleet_request_id.unwrap())
}

async fn shown(cloud: &TestCloud, id: &str) -> api::SpotFleetRequestConfig {
    let look = api::DescribeSpotFleetRequestsRequest {
        spot_fleet_request_ids: Some(vec![id.to_owned()]),
        ..Default::default()
    };
    let found = cloud.call(op::DescribeSpotFleetRequests, look).await.unwrap();
    found.spot_fleet_request_configs.unwrap().remove(0)
}

async fn members(cloud: &TestCloud, id: &str) -> Vec<api::ActiveInstance> {
    let look =
        api::DescribeSpotFleetInstancesRequest { spot_fleet_request_id: id.to_owned(), ..Default::default() };
    cloud.call(op::DescribeSpotFleetInstances, look).await.unwrap().active_instances.unwrap()
}

async fn has(cloud: &TestCloud, id: &str, count: usize) -> Vec<api::ActiveInstance> {
    cloud
        .eventually("it has as many", async || {
            let members = members(cloud, id).await;
            (members.len() == count).then_some(members)
        })
        .await
}

async fn history(cloud: &TestCloud, id: &str, kind: &str) -> Vec<String> {
    let look = api::DescribeSpotFleetRequestHistoryRequest {
        spot_fleet_request_id: id.to_owned(),
        event_type: text(kind),
        ..Default::default()
    };
    let found = cloud.call(op::DescribeSpotFleetRequestHistory, look).await.unwrap();
    let rows = found.history_records.unwrap().into_iter();
    rows.map(|row| row.event_information.unwrap().event_sub_type.unwrap()).collect()
}

async fn modify(cloud: &TestCloud, id: &str, capacity: i32, excess: Option<&str>) -> kernel::Result<()> {
    let wanted = api::ModifySpotFleetRequestRequest {
        spot_fleet_request_id: id.to_owned(),
        target_capacity: Some(capacity),
        excess_capacity_termination_policy: excess.map(str::to_owned),
        ..Default::default()
    };
    cloud.call(op::ModifySpotFleetRequest, wanted).await.map(drop)
}

async fn cancel(cloud: &TestCloud, id: &str, terminates: bool) -> api::CancelSpotFleetRequestsResponse {
    let wanted = api::CancelSpotFleetRequestsRequest {
        spot_fleet_request_ids: vec![id.to_owned()],
        terminate_instances: terminates,
        ..Default::default()
    };
    cloud.call(op::CancelSpotFleetRequests, wanted).await.unwrap()
}

#[tokio::test]
async fn a_spot_fleet_is_kept_at_its_target_in_its_cheapest_pool() {
    let cloud = cloud().await;
    let id = request(&cloud, config(3, 1)).await.unwrap();
    let made = has(&cloud, &id, 3).await;
    assert!(made.iter().all(|one| one.instance_type.as_deref() == Some("t3.micro")));
    assert_eq!(made.iter().filter(|one| one.spot_instance_request_id.is_some()).count(), 2);
    let seen = shown(&cloud, &id).await;
    assert_eq!(seen.spot_fleet_request_state.as_deref(), Some("active"));
    assert_eq!(seen.activity_status.as_deref(), Some("fulfilled"));
    let config = seen.spot_fleet_request_config.unwrap();
    assert_eq!((config.target_capacity, config.on_demand_target_capacity), (3, Some(1)));
    assert_eq!(config.launch_specifications.unwrap().len(), 2);
    assert_eq!(config.iam_fleet_role, ROLE);
    let first = made[0].instance_id.clone().unwrap();
    let tags = crate::instance::describe(&cloud, &first).await.tags.unwrap();
    assert!(tags.iter().any(|tag| tag.key.as_deref() == Some("aws:ec2spot:fleet-request-id")));
    becomes(&cloud, &first, "running").await;
    terminate(&cloud, &first).await.unwrap();
    becomes(&cloud, &first, "terminated").await;
    cloud.advance(60_000);
    let now = has(&cloud, &id, 3).await;
    assert!(now.iter().all(|one| one.instance_id.as_ref() != Some(&first)));
    assert_eq!(history(&cloud, &id, "instanceChange").await, ["launched"; 4]);
    let fleets = cloud.call(op::DescribeFleets, Default::default()).await.unwrap();
    assert!(fleets.fleets.unwrap().is_empty(), "it is no other fleet");
}

#[tokio::test]
async fn a_target_that_is_lowered_ends_what_is_beyond_it_unless_that_is_to_stay() {
    let cloud = cloud().await;
    let id = request(&cloud, config(3, 0)).await.unwrap();
    has(&cloud, &id, 3).await;
    modify(&cloud, &id, 1, None).await.unwrap();
    has(&cloud, &id, 1).await;
    modify(&cloud, &id, 2, None).await.unwrap();
    has(&cloud, &id, 2).await;
    modify(&cloud, &id, 1, Some("noTermination")).await.unwrap();
    cloud.advance(60_000);
    let seen = shown(&cloud, &id).await.spot_fleet_request_config.unwrap();
    assert_eq!(seen.excess_capacity_termination_policy.as_deref(), Some("noTermination"));
    assert_eq!(members(&cloud, &id).await.len(), 2);
    let changes = history(&cloud, &id, "fleetRequestChange").await;
    assert_eq!(changes, ["submitted", "active", "modify_succeeded", "modify_succeeded", "modify_succeeded"]);
}

#[tokio::test]
async fn one_that_is_cancelled_ends_with_or_without_its_instances() {
    let cloud = cloud().await;
    let stays = request(&cloud, config(1, 0)).await.unwrap();
    let goes = request(&cloud, config(1, 0)).await.unwrap();
    has(&cloud, &stays, 1).await;
    has(&cloud, &goes, 1).await;
    let done = cancel(&cloud, &stays, false).await.successful_fleet_requests.unwrap().remove(0);
    assert_eq!(done.previous_spot_fleet_request_state.as_deref(), Some("active"));
    assert_eq!(done.current_spot_fleet_request_state.as_deref(), Some("cancelled_running"));
    let done = cancel(&cloud, &goes, true).await.successful_fleet_requests.unwrap().remove(0);
    assert_eq!(done.current_spot_fleet_request_state.as_deref(), Some("cancelled_terminating"));
    cloud
        .eventually("it has ended", async || {
            let state = shown(&cloud, &goes).await.spot_fleet_request_state;
            (state.as_deref() == Some("cancelled")).then_some(())
        })
        .await;
    assert_eq!(members(&cloud, &stays).await.len(), 1);
    let again = cancel(&cloud, &stays, false).await.unsuccessful_fleet_requests.unwrap().remove(0);
    assert_eq!(again.error.unwrap().code.as_deref(), Some("fleetRequestNotInCancellableState"));
    let unknown = cancel(&cloud, "sfr-00000000-0000-0000-0000-000000000000", true).await;
    let error = unknown.unsuccessful_fleet_requests.unwrap().remove(0).error.unwrap();
    assert_eq!(error.code.as_deref(), Some("fleetRequestIdDoesNotExist"));
    assert_eq!(modify(&cloud, &stays, 2, None).await.unwrap_err().code(), "FleetNotInModifiableState");
}

#[tokio::test]
async fn spot_fleets_are_refused_with_the_codes_of_aws() {
    let cloud = cloud().await;
    let role = |arn: &str| api::SpotFleetRequestConfigData { iam_fleet_role: arn.to_owned(), ..config(1, 0) };
    let wrong = [
        role("arn:aws:iam::000000000000:role/none"),
        role("arn:aws:iam::000000000000:role/web"),
        config(1, 2),
        api::SpotFleetRequestConfigData { launch_specifications: None, ..config(1, 0) },
        api::SpotFleetRequestConfigData { allocation_strategy: text("cheap"), ..config(1, 0) },
    ];
    for config in wrong {
        assert_eq!(request(&cloud, config).await.unwrap_err().code(), "InvalidSpotFleetRequestConfig");
    }
    for (id, code) in [
        ("sfr-1", "InvalidSpotFleetRequestId.Malformed"),
        ("sfr-00000000-0000-0000-0000-000000000000", "InvalidSpotFleetRequestId.NotFound"),
    ] {
        assert_eq!(modify(&cloud, id, 1, None).await.unwrap_err().code(), code);
    }
    let once = || api::SpotFleetRequestConfigData { client_token: text("once"), ..config(1, 0) };
    let first = request(&cloud, once()).await.unwrap();
    assert_eq!(request(&cloud, once()).await.unwrap(), first);
}

#[tokio::test]
async fn a_maintained_fleet_takes_another_target_and_other_pools() {
    let cloud = cloud().await;
    let data = api::RequestLaunchTemplateData {
        image_id: launch().image_id,
        instance_type: text("t3.micro"),
        ..Default::default()
    };
    let template = api::CreateLaunchTemplateRequest {
        launch_template_name: "web".to_owned(),
        launch_template_data: data,
        ..Default::default()
    };
    cloud.call(op::CreateLaunchTemplate, template).await.unwrap();
    let pools = |kind: &str| {
        let one =
            api::FleetLaunchTemplateOverridesRequest { instance_type: text(kind), ..Default::default() };
        vec![api::FleetLaunchTemplateConfigRequest {
            launch_template_specification: Some(api::FleetLaunchTemplateSpecificationRequest {
                launch_template_name: text("web"),
                version: text("$Default"),
                ..Default::default()
            }),
            overrides: Some(vec![one]),
        }]
    };
    let target = |count| api::TargetCapacitySpecificationRequest {
        total_target_capacity: count,
        ..Default::default()
    };
    let made = api::CreateFleetRequest {
        launch_template_configs: pools("t3.micro"),
        target_capacity_specification: target(2),
        ..Default::default()
    };
    let id = cloud.call(op::CreateFleet, made).await.unwrap().fleet_id.unwrap();
    let look = || api::DescribeFleetInstancesRequest { fleet_id: id.clone(), ..Default::default() };
    let types = async |wanted: &[&str]| {
        cloud
            .eventually("its instances are these", async || {
                let found = cloud.call(op::DescribeFleetInstances, look()).await.ok()?.active_instances?;
                let mut found: Vec<_> = found.into_iter().filter_map(|one| one.instance_type).collect();
                found.sort();
                (found == wanted).then_some(())
            })
            .await;
    };
    types(&["t3.micro", "t3.micro"]).await;
    let change = |count, kind: Option<&str>| api::ModifyFleetRequest {
        fleet_id: id.clone(),
        target_capacity_specification: Some(target(count)),
        launch_template_configs: kind.map(pools),
        ..Default::default()
    };
    cloud.call(op::ModifyFleet, change(3, Some("t3.small"))).await.unwrap();
    types(&["t3.micro", "t3.micro", "t3.small"]).await;
    cloud.call(op::ModifyFleet, change(1, None)).await.unwrap();
    types(&["t3.micro"]).await;
    let none = api::ModifyFleetRequest { fleet_id: "fleet-1".to_owned(), ..change(1, None) };
    assert_eq!(cloud.call(op::ModifyFleet, none).await.err().unwrap().code(), "InvalidFleetId.NotFound");
}
