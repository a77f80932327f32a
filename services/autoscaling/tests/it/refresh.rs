//! Refreshes replace every instance, the new before the old, and go back when it comes to nothing.

use api_autoscaling::*;

use crate::cloud::{Cloud, GROUP, template};

fn start(version: &str, preferences: RefreshPreferences) -> StartInstanceRefreshType {
    StartInstanceRefreshType {
        auto_scaling_group_name: GROUP.to_owned(),
        desired_configuration: Some(DesiredConfiguration {
            launch_template: Some(template(version)),
            mixed_instances_policy: None,
        }),
        preferences: Some(preferences),
        ..Default::default()
    }
}

async fn group(count: i32) -> Cloud {
    let cloud = Cloud::new().await;
    let asked = CreateAutoScalingGroupType { default_instance_warmup: Some(0), ..Cloud::asked(count, 6) };
    cloud.test.call(op::CreateAutoScalingGroup, asked).await.unwrap();
    cloud.rests(usize::try_from(count).unwrap()).await;
    cloud
}

async fn newest(cloud: &Cloud) -> InstanceRefresh {
    let input =
        DescribeInstanceRefreshesType { auto_scaling_group_name: GROUP.to_owned(), ..Default::default() };
    let found = cloud.test.call(op::DescribeInstanceRefreshes, input).await.unwrap();
    found.instance_refreshes.unwrap().remove(0)
}

fn versions(of: &[Instance]) -> Vec<String> {
    of.iter().filter_map(|one| one.launch_template.as_ref()?.version.clone()).collect()
}

#[tokio::test]
async fn every_instance_is_replaced_and_the_group_takes_on_the_template() {
    let cloud = group(3).await;
    let wishes = RefreshPreferences { min_healthy_percentage: Some(100), ..Default::default() };
    cloud.test.call(op::StartInstanceRefresh, start("2", wishes.clone())).await.unwrap();
    let again = cloud.test.call(op::StartInstanceRefresh, start("2", wishes)).await.unwrap_err();
    assert_eq!(again.query_code(), "InstanceRefreshInProgress");
    cloud
        .until("it succeeds", async || {
            // Never fewer than there should be.
            let serving = cloud.instances().await;
            assert!(serving.iter().filter(|one| one.lifecycle_state == "InService").count() >= 3);
            newest(&cloud).await.status.as_deref() == Some("Successful")
        })
        .await;
    assert_eq!(versions(&cloud.rests(3).await), ["2", "2", "2"]);
    assert_eq!(cloud.group().await.launch_template.unwrap().version.as_deref(), Some("2"));
    let told = cloud.activities().await;
    assert!(told.iter().any(|one| one.cause.contains("in response to an instance refresh.")));
    assert_eq!(newest(&cloud).await.percentage_complete, Some(100));
}

#[tokio::test]
async fn a_checkpoint_waits_and_a_rollback_goes_back() {
    let cloud = group(2).await;
    let wishes = RefreshPreferences {
        min_healthy_percentage: Some(100),
        checkpoint_percentages: Some(vec![50, 100]),
        checkpoint_delay: Some(3_600),
        ..Default::default()
    };
    cloud.test.call(op::StartInstanceRefresh, start("2", wishes)).await.unwrap();
    let half = async || {
        let mut seen = versions(&cloud.rests(2).await);
        seen.sort();
        seen == ["1", "2"] && newest(&cloud).await.percentage_complete == Some(50)
    };
    cloud.until("half is done", half).await;
    cloud.test.advance(60_000);
    assert!(half().await, "it waits at the checkpoint");
    let back = RollbackInstanceRefreshType { auto_scaling_group_name: GROUP.to_owned() };
    cloud.test.call(op::RollbackInstanceRefresh, back).await.unwrap();
    cloud
        .until("it is back", async || newest(&cloud).await.status.as_deref() == Some("RollbackSuccessful"))
        .await;
    assert_eq!(versions(&cloud.rests(2).await), ["1", "1"]);
}

#[tokio::test]
async fn checkpoints_need_not_lead_to_the_end() {
    let cloud = group(2).await;
    let wishes = RefreshPreferences {
        min_healthy_percentage: Some(100),
        checkpoint_percentages: Some(vec![50]),
        checkpoint_delay: Some(60),
        ..Default::default()
    };
    cloud.test.call(op::StartInstanceRefresh, start("2", wishes)).await.unwrap();
    // What it says itself is not changed beside it.
    let update = UpdateAutoScalingGroupType {
        auto_scaling_group_name: GROUP.to_owned(),
        launch_template: Some(template("1")),
        ..Default::default()
    };
    let refused = cloud.test.call(op::UpdateAutoScalingGroup, update.clone()).await.unwrap_err();
    assert_eq!(refused.code(), "ValidationError");
    cloud
        .until("it ends at half", async || {
            cloud.test.advance(10_000);
            newest(&cloud).await.status.as_deref() == Some("Successful")
        })
        .await;
    let mut seen = versions(&cloud.rests(2).await);
    seen.sort();
    assert_eq!(seen, ["1", "2"]);
    cloud.test.call(op::UpdateAutoScalingGroup, update).await.unwrap();
    let alone = RefreshPreferences { checkpoint_delay: Some(60), ..Default::default() };
    let refused = cloud.test.call(op::StartInstanceRefresh, start("2", alone)).await.unwrap_err();
    assert_eq!(refused.code(), "ValidationError");
}

#[tokio::test]
async fn nothing_leads_back_to_a_version_that_moves() {
    let cloud = Cloud::new().await;
    let asked =
        CreateAutoScalingGroupType { launch_template: Some(template("$Latest")), ..Cloud::asked(0, 1) };
    cloud.test.call(op::CreateAutoScalingGroup, asked).await.unwrap();
    let wishes = RefreshPreferences { auto_rollback: Some(true), ..Default::default() };
    let refused = cloud.test.call(op::StartInstanceRefresh, start("2", wishes)).await.unwrap_err();
    assert_eq!(refused.code(), "ValidationError");
}

#[tokio::test]
async fn launches_that_fail_end_it_and_roll_back_by_themselves() {
    let cloud = group(1).await;
    *cloud.stand.refusal.lock().unwrap() = Some("No room.".to_owned());
    let wishes = RefreshPreferences {
        min_healthy_percentage: Some(100),
        auto_rollback: Some(true),
        ..Default::default()
    };
    cloud.test.call(op::StartInstanceRefresh, start("2", wishes)).await.unwrap();
    cloud
        .until("it goes back", async || {
            cloud.test.advance(5_000);
            newest(&cloud).await.rollback_details.is_some()
        })
        .await;
    *cloud.stand.refusal.lock().unwrap() = None;
    cloud
        .until("it is back", async || newest(&cloud).await.status.as_deref() == Some("RollbackSuccessful"))
        .await;
    assert_eq!(versions(&cloud.rests(1).await), ["1"]);
}

#[tokio::test]
async fn who_stands_by_is_waited_for_left_alone_or_ended() {
    let cloud = group(2).await;
    let fewer = UpdateAutoScalingGroupType {
        auto_scaling_group_name: GROUP.to_owned(),
        min_size: Some(0),
        ..Default::default()
    };
    cloud.test.call(op::UpdateAutoScalingGroup, fewer).await.unwrap();
    let away = cloud.instances().await.remove(0).instance_id;
    let leave = EnterStandbyQuery {
        instance_ids: Some(vec![away.clone()]),
        auto_scaling_group_name: GROUP.to_owned(),
        should_decrement_desired_capacity: true,
    };
    cloud.test.call(op::EnterStandby, leave).await.unwrap();
    let stands_by = async || {
        let all = cloud.instances().await;
        all.iter().any(|one| one.instance_id == away && one.lifecycle_state == "Standby")
    };
    cloud.until("it stands by", stands_by).await;
    let refresh = async |version: &str, standby: Option<&str>, ends: &str| {
        let wishes = RefreshPreferences {
            min_healthy_percentage: Some(100),
            standby_instances: standby.map(str::to_owned),
            ..Default::default()
        };
        cloud.test.call(op::StartInstanceRefresh, start(version, wishes)).await.unwrap();
        cloud
            .until(ends, async || {
                cloud.test.advance(60_000);
                newest(&cloud).await.status.as_deref() == Some(ends)
            })
            .await;
    };
    refresh("2", None, "Failed").await;
    let told = newest(&cloud).await.status_reason.unwrap();
    assert!(told.contains("Standby"), "{told}");
    refresh("1", Some("Ignore"), "Successful").await;
    assert!(stands_by().await, "it was left alone");
    refresh("2", Some("Terminate"), "Successful").await;
    assert_eq!(versions(&cloud.rests(1).await), ["2"]);
    assert!(!cloud.instances().await.iter().any(|one| one.instance_id == away));
}
