//! Groups keep their number, over zones, behind balancers, and say why.

use api_autoscaling::*;

use crate::cloud::{Cloud, GROUP, TARGETS};

#[tokio::test]
async fn a_group_keeps_its_number_over_its_zones_and_tells_why() {
    let cloud = Cloud::new().await;
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(2, 4)).await.unwrap();
    let two = cloud.rests(2).await;
    let mut zones: Vec<_> = two.iter().map(|one| one.availability_zone.clone()).collect();
    zones.sort();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
    let told = cloud.activities().await;
    assert_eq!(told.len(), 2);
    let created = "a user request created an AutoScalingGroup changing the desired capacity from 0 to 2.";
    assert!(told[0].cause.contains(created), "{}", told[0].cause);
    assert!(told[0].cause.contains("increasing the capacity from 0 to 2."));
    assert_eq!(told[0].status_code, "Successful");

    // One is ended behind the group's back.
    let dead = two[0].instance_id.clone();
    let end = api_ec2::TerminateInstancesRequest { instance_ids: vec![dead.clone()], ..Default::default() };
    cloud.test.call(api_ec2::op::TerminateInstances, end).await.unwrap();
    cloud
        .until("it is replaced", async || {
            let found = cloud.instances().await;
            found.len() == 2
                && found.iter().all(|one| one.instance_id != dead && one.lifecycle_state == "InService")
        })
        .await;
    let told = cloud.activities().await;
    assert!(
        told.iter().any(|one| one.cause.contains("an EC2 health check indicating it has been terminated"))
    );
    assert!(told.iter().any(|one| one.cause.contains("unhealthy instance needing to be replaced")));

    cloud.capacity(3).await.unwrap();
    cloud.rests(3).await;
    assert!(cloud.capacity(5).await.is_err() && cloud.capacity(1).await.is_err());
    cloud.capacity(2).await.unwrap();
    let left = cloud.rests(2).await;
    let zones: std::collections::BTreeSet<_> = left.iter().map(|one| one.availability_zone.clone()).collect();
    assert_eq!(zones.len(), 2, "the fuller zone gives");
    let told = cloud.activities().await;
    assert!(told.iter().any(|one| one.cause.contains("was selected for termination.")));
}

#[tokio::test]
async fn behind_a_balancer_it_serves_when_healthy_and_leaves_when_drained() {
    let cloud = Cloud::new().await;
    let asked = CreateAutoScalingGroupType {
        target_group_arns: Some(vec![TARGETS.to_owned()]),
        health_check_type: Some("ELB".to_owned()),
        ..Cloud::asked(1, 2)
    };
    cloud.test.call(op::CreateAutoScalingGroup, asked).await.unwrap();
    cloud.until("it is registered", async || !cloud.stand.targets.lock().unwrap().is_empty()).await;
    cloud.test.eventually("it waits", async || (cloud.instances().await.len() == 1).then_some(())).await;
    assert!(cloud.instances().await[0].lifecycle_state.starts_with("Pending"));
    let fare = |state: &str| {
        for one in cloud.stand.targets.lock().unwrap().values_mut() {
            state.clone_into(one);
        }
    };
    fare("healthy");
    let first = cloud.rests(1).await[0].instance_id.clone();

    // Its balancer says no: it goes, but only when it is drained, and another comes.
    fare("unhealthy");
    cloud
        .until("it drains", async || {
            let told = cloud.activities().await;
            told.iter().any(|one| one.status_code == "WaitingForELBConnectionDraining")
        })
        .await;
    let runs = |id: &str| {
        let known = cloud.stand.instances.lock().unwrap();
        known[id].state.as_ref().unwrap().name.as_deref() == Some("running")
    };
    assert!(runs(&first), "it runs until it is drained");
    cloud.stand.targets.lock().unwrap().remove(&first);
    cloud.until("it ends", async || !runs(&first)).await;
    cloud.until("another is registered", async || !cloud.stand.targets.lock().unwrap().is_empty()).await;
    fare("healthy");
    assert_ne!(cloud.rests(1).await[0].instance_id, first);
    let told = cloud.activities().await;
    assert!(told.iter().any(|one| one.cause.contains("an ELB system health check failure")));
}

#[tokio::test]
async fn a_launch_that_fails_is_told_and_tried_again_later() {
    let cloud = Cloud::new().await;
    *cloud.stand.refusal.lock().unwrap() = Some("We do not have sufficient capacity.".to_owned());
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(1, 2)).await.unwrap();
    cloud
        .until("it fails", async || cloud.activities().await.iter().any(|one| one.status_code == "Failed"))
        .await;
    let told = cloud.activities().await;
    let failed = told.iter().find(|one| one.status_code == "Failed").unwrap();
    assert_eq!(failed.status_message.as_deref(), Some("We do not have sufficient capacity."));
    assert!(failed.description.as_ref().unwrap().ends_with("Launching EC2 instance failed."));
    *cloud.stand.refusal.lock().unwrap() = None;
    cloud.rests(1).await;
}

#[tokio::test]
async fn instances_stand_by_are_protected_and_go_by_name() {
    let cloud = Cloud::new().await;
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(1, 3)).await.unwrap();
    cloud.capacity(2).await.unwrap();
    let ids: Vec<String> = cloud.rests(2).await.into_iter().map(|one| one.instance_id).collect();
    let standby = EnterStandbyQuery {
        instance_ids: Some(vec![ids[0].clone()]),
        auto_scaling_group_name: GROUP.to_owned(),
        should_decrement_desired_capacity: true,
    };
    let answer = cloud.test.call(op::EnterStandby, standby).await.unwrap();
    let words = format!("Moving EC2 instance to Standby: {}", ids[0]);
    assert_eq!(answer.activities.unwrap()[0].description.as_deref(), Some(&*words));
    cloud
        .until("it stands by", async || {
            cloud.instances().await.iter().any(|one| one.lifecycle_state == "Standby")
        })
        .await;
    assert_eq!(cloud.group().await.desired_capacity, 1);
    let back = ExitStandbyQuery {
        instance_ids: Some(vec![ids[0].clone()]),
        auto_scaling_group_name: GROUP.to_owned(),
    };
    cloud.test.call(op::ExitStandby, back).await.unwrap();
    cloud.rests(2).await;
    let protect = SetInstanceProtectionQuery {
        instance_ids: vec![ids[1].clone()],
        auto_scaling_group_name: GROUP.to_owned(),
        protected_from_scale_in: true,
    };
    cloud.test.call(op::SetInstanceProtection, protect).await.unwrap();
    cloud.capacity(1).await.unwrap();
    assert_eq!(cloud.rests(1).await[0].instance_id, ids[1]);

    let terminate = TerminateInstanceInAutoScalingGroupType {
        instance_id: ids[1].clone(),
        should_decrement_desired_capacity: true,
    };
    let refused = cloud.test.call(op::TerminateInstanceInAutoScalingGroup, terminate.clone()).await;
    assert!(refused.unwrap_err().message().contains("min size constraint"));
    let terminate =
        TerminateInstanceInAutoScalingGroupType { should_decrement_desired_capacity: false, ..terminate };
    let begun = cloud.test.call(op::TerminateInstanceInAutoScalingGroup, terminate).await.unwrap();
    assert!(begun.activity.unwrap().cause.contains("in response to a user request."));
    cloud
        .until("another comes", async || {
            let found = cloud.instances().await;
            found.len() == 1 && found[0].instance_id != ids[1] && found[0].lifecycle_state == "InService"
        })
        .await;

    let delete = |force| DeleteAutoScalingGroupType {
        auto_scaling_group_name: GROUP.to_owned(),
        force_delete: Some(force),
    };
    let refused = cloud.test.call(op::DeleteAutoScalingGroup, delete(false)).await.unwrap_err();
    assert_eq!(refused.query_code(), "ResourceInUse");
    cloud.test.call(op::DeleteAutoScalingGroup, delete(true)).await.unwrap();
    cloud
        .until("it is gone", async || {
            let found = cloud.test.call(op::DescribeAutoScalingGroups, Default::default()).await.unwrap();
            found.auto_scaling_groups.is_empty()
        })
        .await;
}

#[tokio::test]
async fn a_warm_pool_lends_its_instances() {
    let cloud = Cloud::new().await;
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(1, 3)).await.unwrap();
    cloud.rests(1).await;
    let pool = PutWarmPoolType {
        auto_scaling_group_name: GROUP.to_owned(),
        max_group_prepared_capacity: Some(2),
        ..Default::default()
    };
    cloud.test.call(op::PutWarmPool, pool).await.unwrap();
    let describe =
        || DescribeWarmPoolType { auto_scaling_group_name: GROUP.to_owned(), ..Default::default() };
    let resting = async || {
        let found = cloud.test.call(op::DescribeWarmPool, describe()).await.unwrap().instances.unwrap();
        found.into_iter().find(|one| one.lifecycle_state == "Warmed:Stopped").map(|one| one.instance_id)
    };
    cloud.until("one rests", async || resting().await.is_some()).await;
    let warm = resting().await.unwrap();
    cloud.capacity(2).await.unwrap();
    let two = cloud.rests(2).await;
    assert!(two.iter().any(|one| one.instance_id == warm), "the warm one came");
}

const PROTECTED: &str =
    "Could not scale to desired capacity because all remaining instances are protected from scale-in.";

#[tokio::test]
async fn a_group_that_may_not_shrink_says_so_once() {
    let cloud = Cloud::new().await;
    let asked = CreateAutoScalingGroupType {
        new_instances_protected_from_scale_in: Some(true),
        ..Cloud::asked(0, 2)
    };
    cloud.test.call(op::CreateAutoScalingGroup, asked).await.unwrap();
    cloud.capacity(2).await.unwrap();
    cloud.rests(2).await;
    cloud.capacity(1).await.unwrap();
    let stuck = async || {
        let told = cloud.activities().await;
        told.into_iter().filter(|one| one.description.as_deref() == Some(PROTECTED)).collect::<Vec<_>>()
    };
    cloud.until("it says so", async || !stuck().await.is_empty()).await;
    for _ in 0..20 {
        cloud.test.advance(5_000);
        cloud.rests(2).await;
    }
    let told = stuck().await;
    assert_eq!((told.len(), told[0].status_code.as_str()), (1, "Failed"));
    assert!(told[0].cause.contains("changing the desired capacity from 2 to 1."), "{}", told[0].cause);
}

#[tokio::test]
async fn templates_are_known_by_id_and_name_and_shares_in_whole() {
    let cloud = Cloud::new().await;
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(0, 2)).await.unwrap();
    let spec = cloud.group().await.launch_template.unwrap();
    let both = (Some("lt-1".to_owned()), Some("web".to_owned()));
    assert_eq!((spec.launch_template_id, spec.launch_template_name), both);
    // What was not changed is not refused for it.
    let name = GROUP.to_owned();
    let update =
        UpdateAutoScalingGroupType { auto_scaling_group_name: name, max_size: Some(3), ..Default::default() };
    cloud.test.call(op::UpdateAutoScalingGroup, update.clone()).await.unwrap();
    let by_name =
        LaunchTemplateSpecification { launch_template_name: Some("web".to_owned()), ..Default::default() };
    let choice = LaunchTemplateOverrides {
        instance_type: Some("t3.small".to_owned()),
        launch_template_specification: Some(by_name.clone()),
        ..Default::default()
    };
    let policy = MixedInstancesPolicy {
        launch_template: Some(LaunchTemplate {
            launch_template_specification: Some(by_name),
            overrides: Some(vec![choice]),
        }),
        instances_distribution: None,
    };
    let update = UpdateAutoScalingGroupType { mixed_instances_policy: Some(policy), ..update };
    cloud.test.call(op::UpdateAutoScalingGroup, update).await.unwrap();
    let shown = cloud.group().await.mixed_instances_policy.unwrap();
    let template = shown.launch_template.unwrap();
    let overridden = template.overrides.unwrap().remove(0).launch_template_specification.unwrap();
    for spec in [template.launch_template_specification.unwrap(), overridden] {
        assert_eq!((spec.launch_template_id, spec.launch_template_name), both);
    }
    let shares = shown.instances_distribution.unwrap();
    assert_eq!(shares.on_demand_percentage_above_base_capacity, Some(100));
    assert_eq!(
        (shares.spot_allocation_strategy.as_deref(), shares.spot_instance_pools),
        (Some("lowest-price"), Some(2))
    );
}
