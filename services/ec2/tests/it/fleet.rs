//! Fleets: at once, once, and for as long as they are maintained.

use api_ec2 as api;
use api_ec2::op;
use compute::CommandOutput;

use crate::cloud::{Cloud, cloud, tight_cloud};
use crate::instance::{becomes, launch, terminate};

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn template(cloud: &Cloud) {
    let data = api::RequestLaunchTemplateData {
        image_id: launch().image_id,
        instance_type: text("t3.micro"),
        ..Default::default()
    };
    let request = api::CreateLaunchTemplateRequest {
        launch_template_name: "web".to_owned(),
        launch_template_data: data,
        ..Default::default()
    };
    cloud.call(op::CreateLaunchTemplate, request).await.unwrap();
}

fn fleet(kind: &str, types: &[&str], on_demand: i32, spot: i32) -> api::CreateFleetRequest {
    let overrides = types.iter().map(|name| api::FleetLaunchTemplateOverridesRequest {
        instance_type: text(name),
        ..Default::default()
    });
    api::CreateFleetRequest {
        r#type: text(kind),
        launch_template_configs: vec![api::FleetLaunchTemplateConfigRequest {
            launch_template_specification: Some(api::FleetLaunchTemplateSpecificationRequest {
                launch_template_name: text("web"),
                version: text("$Default"),
                ..Default::default()
            }),
            overrides: Some(overrides.collect()),
        }],
        target_capacity_specification: api::TargetCapacitySpecificationRequest {
            total_target_capacity: on_demand + spot,
            on_demand_target_capacity: Some(on_demand),
            spot_target_capacity: Some(spot),
            default_target_capacity_type: text("spot"),
            ..Default::default()
        },
        ..Default::default()
    }
}

async fn data(cloud: &Cloud, id: &str) -> api::FleetData {
    let request = api::DescribeFleetsRequest { fleet_ids: Some(vec![id.to_owned()]), ..Default::default() };
    cloud.call(op::DescribeFleets, request).await.unwrap().fleets.unwrap().remove(0)
}

async fn members(cloud: &Cloud, id: &str) -> Vec<api::ActiveInstance> {
    let request = api::DescribeFleetInstancesRequest { fleet_id: id.to_owned(), ..Default::default() };
    cloud.call(op::DescribeFleetInstances, request).await.unwrap().active_instances.unwrap()
}

#[tokio::test]
async fn an_instant_fleet_answers_with_its_instances_the_cheapest_first() {
    let cloud = cloud().await;
    template(&cloud).await;
    let made = cloud.call(op::CreateFleet, fleet("instant", &["t3.small", "t3.micro"], 1, 1)).await.unwrap();
    let instances = made.instances.unwrap();
    assert!(instances.iter().all(|one| one.instance_type.as_deref() == Some("t3.micro")));
    let mut lifecycles: Vec<_> = instances.iter().map(|one| one.lifecycle.clone().unwrap()).collect();
    lifecycles.sort();
    assert_eq!(lifecycles, ["on-demand", "spot"]);
    let id = made.fleet_id.unwrap();
    assert_eq!(data(&cloud, &id).await.activity_status.as_deref(), Some("fulfilled"));
    let listed = cloud.call(op::DescribeFleets, api::DescribeFleetsRequest::default()).await.unwrap();
    assert_eq!(listed.fleets.unwrap().len(), 0, "instant ones are for who names them");
    let instance = instances[0].instance_ids.as_ref().unwrap()[0].clone();
    becomes(&cloud, &instance, "running").await;
    let tags = crate::instance::describe(&cloud, &instance).await.tags.unwrap();
    assert!(
        tags.iter()
            .any(|tag| tag.key.as_deref() == Some("aws:ec2:fleet-id") && tag.value.as_ref() == Some(&id))
    );
}

#[tokio::test]
async fn an_instant_fleet_tags_what_it_launches_and_others_do_not() {
    let cloud = cloud().await;
    template(&cloud).await;
    let tag = |of: &str| api::TagSpecification {
        resource_type: text(of),
        tags: Some(vec![api::Tag { key: text("of"), value: text(of) }]),
    };
    let tagged = |kind, of: &[&str]| api::CreateFleetRequest {
        tag_specifications: Some(of.iter().map(|of| tag(of)).collect()),
        ..fleet(kind, &["t3.micro"], 1, 1)
    };
    let made = cloud.call(op::CreateFleet, tagged("instant", &["fleet", "instance"])).await.unwrap();
    let own = |tags: Option<Vec<api::Tag>>| {
        let tags = tags.unwrap_or_default().into_iter().filter(|tag| tag.key.as_deref() == Some("of"));
        tags.filter_map(|tag| tag.value).collect::<Vec<_>>()
    };
    let id = made.fleet_id.unwrap();
    assert_eq!(own(data(&cloud, &id).await.tags), ["fleet"]);
    let instances = made.instances.unwrap();
    assert_eq!(instances.len(), 2);
    for one in instances {
        assert_eq!(one.instance_ids.as_ref().map(Vec::len), Some(1));
        let instance = one.instance_ids.unwrap().remove(0);
        assert_eq!(own(crate::instance::describe(&cloud, &instance).await.tags), ["instance"]);
    }
    for (kind, of) in [("instant", "vpc"), ("maintain", "instance"), ("request", "instance")] {
        let error = cloud.call(op::CreateFleet, tagged(kind, &[of])).await.err().unwrap();
        assert_eq!(error.code(), "InvalidParameterValue", "{kind} {of}");
    }
    let instances = api::DescribeFleetInstancesRequest { fleet_id: id, ..Default::default() };
    let error = cloud.call(op::DescribeFleetInstances, instances).await.err().unwrap();
    assert_eq!(error.code(), "Unsupported");
}

#[tokio::test]
async fn a_diversified_fleet_is_spread_over_its_pools() {
    let cloud = cloud().await;
    template(&cloud).await;
    let request = api::CreateFleetRequest {
        spot_options: Some(api::SpotOptionsRequest {
            allocation_strategy: text("diversified"),
            ..Default::default()
        }),
        ..fleet("instant", &["t3.micro", "t3.small", "t3.nano"], 0, 4)
    };
    let made = cloud.call(op::CreateFleet, request).await.unwrap().instances.unwrap();
    let counts =
        made.iter().map(|one| (one.instance_type.clone().unwrap(), one.instance_ids.as_ref().unwrap().len()));
    let mut counts: Vec<_> = counts.collect();
    counts.sort();
    let wanted = [("t3.micro", 2), ("t3.nano", 1), ("t3.small", 1)];
    assert_eq!(counts, wanted.map(|(name, count)| (name.to_owned(), count)));
}

#[tokio::test]
async fn a_maintained_fleet_is_changed_only_in_what_is_said() {
    let cloud = cloud().await;
    template(&cloud).await;
    let mut request = fleet("maintain", &["t3.micro", "t3.small"], 0, 1);
    let alone = api::FleetLaunchTemplateConfigRequest {
        overrides: None,
        ..request.launch_template_configs[0].clone()
    };
    request.launch_template_configs.push(alone);
    let target = &mut request.target_capacity_specification;
    (target.on_demand_target_capacity, target.spot_target_capacity) = (None, None);
    let id = cloud.call(op::CreateFleet, request).await.unwrap().fleet_id.unwrap();
    let configs = data(&cloud, &id).await.launch_template_configs.unwrap();
    let overrides: Vec<_> = configs.iter().map(|one| one.overrides.as_ref().map(Vec::len)).collect();
    assert_eq!(overrides, [Some(2), None], "as they were given");
    let two = api::ModifyFleetRequest {
        fleet_id: id.clone(),
        target_capacity_specification: Some(api::TargetCapacitySpecificationRequest {
            total_target_capacity: 2,
            ..Default::default()
        }),
        ..Default::default()
    };
    cloud.call(op::ModifyFleet, two).await.unwrap();
    let target = data(&cloud, &id).await.target_capacity_specification.unwrap();
    assert_eq!(target.default_target_capacity_type.as_deref(), Some("spot"));
    assert_eq!((target.spot_target_capacity, target.on_demand_target_capacity), (Some(2), Some(0)));
    let spots = async || {
        let members = members(&cloud, &id).await;
        let spots = members.iter().filter(|one| one.spot_instance_request_id.is_some()).count();
        ((members.len(), spots) == (2, 2)).then_some(())
    };
    cloud.eventually("two, both on spot", spots).await;
}

#[tokio::test]
async fn what_finds_no_room_is_told() {
    let cloud = tight_cloud().await;
    template(&cloud).await;
    let made = cloud.call(op::CreateFleet, fleet("instant", &["t3.micro"], 3, 0)).await.unwrap();
    let instances = made.instances.unwrap();
    assert_eq!(instances.len(), 1, "of one override, in one entry");
    assert_eq!(instances[0].instance_ids.as_ref().map(Vec::len), Some(2));
    let made = cloud.call(op::CreateFleet, fleet("instant", &["t3.micro"], 1, 0)).await.unwrap();
    assert_eq!(made.errors.unwrap()[0].error_code.as_deref(), Some("InsufficientInstanceCapacity"));
}

#[tokio::test]
async fn a_maintained_fleet_is_kept_at_its_target_until_it_is_deleted() {
    let cloud = cloud().await;
    template(&cloud).await;
    let id =
        cloud.call(op::CreateFleet, fleet("maintain", &["t3.micro"], 1, 1)).await.unwrap().fleet_id.unwrap();
    let two = async || {
        let members = members(&cloud, &id).await;
        (members.len() == 2).then_some(members)
    };
    let first = cloud.eventually("two", two).await[0].instance_id.clone().unwrap();
    terminate(&cloud, &first).await.unwrap();
    becomes(&cloud, &first, "terminated").await;
    cloud.advance(60_000);
    let now = cloud.eventually("two again", two).await;
    assert!(now.iter().all(|one| one.instance_id.as_ref() != Some(&first)));
    let delete = api::DeleteFleetsRequest {
        fleet_ids: vec![id.clone()],
        terminate_instances: true,
        ..Default::default()
    };
    let deleted = cloud.call(op::DeleteFleets, delete).await.unwrap().successful_fleet_deletions.unwrap();
    assert_eq!(deleted[0].current_fleet_state.as_deref(), Some("deleted_terminating"));
    cloud
        .eventually("gone", async || {
            (data(&cloud, &id).await.fleet_state.as_deref() == Some("deleted")).then_some(())
        })
        .await;
}

#[tokio::test]
async fn health_follows_the_status_checks() {
    let cloud = cloud().await;
    template(&cloud).await;
    let id =
        cloud.call(op::CreateFleet, fleet("maintain", &["t3.micro"], 1, 0)).await.unwrap().fleet_id.unwrap();
    let one = cloud.eventually("one", async || members(&cloud, &id).await.pop()).await;
    becomes(&cloud, one.instance_id.as_deref().unwrap(), "running").await;
    let health = async || members(&cloud, &id).await.pop()?.instance_health;
    assert_eq!(health().await.as_deref(), Some("healthy"));
    cloud.machines.answer_commands(CommandOutput { stdout: b"down\n".to_vec(), ..Default::default() });
    cloud.advance(3 * 60_000);
    let sick = async || (health().await.as_deref() == Some("unhealthy")).then_some(());
    cloud.eventually("it is unhealthy", sick).await;
    cloud.machines.answer_commands(CommandOutput { stdout: b"up\n".to_vec(), ..Default::default() });
    cloud.eventually("it is well again", async || (health().await? == "healthy").then_some(())).await;
}

#[tokio::test]
async fn fleets_are_refused_with_the_codes_of_aws() {
    let cloud = cloud().await;
    let good = || fleet("instant", &["t3.micro"], 1, 0);
    let mut without_version = good();
    let specification = &mut without_version.launch_template_configs[0].launch_template_specification;
    specification.as_mut().unwrap().version = None;
    for (request, code) in [
        (api::CreateFleetRequest { launch_template_configs: Vec::new(), ..good() }, "MissingParameter"),
        (without_version, "MissingParameter"),
        (api::CreateFleetRequest { r#type: text("always"), ..good() }, "InvalidParameterValue"),
    ] {
        let error = cloud.call(op::CreateFleet, request).await.err().unwrap();
        assert_eq!(error.code(), code, "{}", error.message());
    }
    let made = cloud.call(op::CreateFleet, good()).await.unwrap();
    let fault = made.errors.unwrap().remove(0);
    assert_eq!(fault.error_code.as_deref(), Some("InvalidLaunchTemplateName.NotFoundException"));
    let unknown =
        api::DescribeFleetsRequest { fleet_ids: Some(vec!["fleet-1".to_owned()]), ..Default::default() };
    let error = cloud.call(op::DescribeFleets, unknown).await.err().unwrap();
    assert_eq!(error.code(), "InvalidFleetId.NotFound");
    let delete = api::DeleteFleetsRequest {
        fleet_ids: vec!["fleet-1".to_owned(), made.fleet_id.unwrap()],
        terminate_instances: false,
        ..Default::default()
    };
    let failed = cloud.call(op::DeleteFleets, delete).await.unwrap().unsuccessful_fleet_deletions.unwrap();
    assert_eq!(failed.len(), 2);
}
