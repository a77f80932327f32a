//! Hooks hold instances until they are answered, or for as long as they may.

use api_autoscaling::*;

use crate::cloud::{Cloud, GROUP};

async fn hooked(default: &str) -> Cloud {
    let cloud = Cloud::new().await;
    let hook = LifecycleHookSpecification {
        lifecycle_hook_name: "look".to_owned(),
        lifecycle_transition: "autoscaling:EC2_INSTANCE_LAUNCHING".to_owned(),
        default_result: Some(default.to_owned()),
        heartbeat_timeout: Some(60),
        ..Default::default()
    };
    let asked = CreateAutoScalingGroupType {
        lifecycle_hook_specification_list: Some(vec![hook]),
        ..Cloud::asked(1, 1)
    };
    cloud.test.call(op::CreateAutoScalingGroup, asked).await.unwrap();
    cloud
        .test
        .eventually("it waits", async || {
            cloud.test.advance(1);
            let found = cloud.instances().await;
            found.iter().any(|one| one.lifecycle_state == "Pending:Wait").then_some(())
        })
        .await;
    cloud
}

#[tokio::test]
async fn an_answer_lets_it_go_on_or_ends_it() {
    let cloud = hooked("ABANDON").await;
    let id = cloud.instances().await[0].instance_id.clone();
    let answer = |result: &str, id: &str| CompleteLifecycleActionType {
        lifecycle_hook_name: "look".to_owned(),
        auto_scaling_group_name: GROUP.to_owned(),
        lifecycle_action_result: result.to_owned(),
        instance_id: Some(id.to_owned()),
        ..Default::default()
    };
    assert!(cloud.test.call(op::CompleteLifecycleAction, answer("MAYBE", &id)).await.is_err());
    assert!(cloud.test.call(op::CompleteLifecycleAction, answer("CONTINUE", "i-none")).await.is_err());
    cloud.test.call(op::CompleteLifecycleAction, answer("ABANDON", &id)).await.unwrap();
    cloud
        .test
        .eventually("another waits", async || {
            cloud.test.advance(10);
            let found = cloud.instances().await;
            found
                .iter()
                .any(|one| one.instance_id != id && one.lifecycle_state == "Pending:Wait")
                .then_some(())
        })
        .await;
    let second =
        cloud.instances().await.iter().find(|one| one.instance_id != id).unwrap().instance_id.clone();
    cloud.test.call(op::CompleteLifecycleAction, answer("CONTINUE", &second)).await.unwrap();
    cloud.rests(1).await;
}

#[tokio::test]
async fn silence_means_what_the_hook_says_and_a_heartbeat_puts_it_off() {
    let cloud = hooked("CONTINUE").await;
    let id = cloud.instances().await[0].instance_id.clone();
    cloud.test.advance(50_000);
    let beat = RecordLifecycleActionHeartbeatType {
        lifecycle_hook_name: "look".to_owned(),
        auto_scaling_group_name: GROUP.to_owned(),
        instance_id: Some(id),
        ..Default::default()
    };
    cloud.test.call(op::RecordLifecycleActionHeartbeat, beat).await.unwrap();
    cloud.test.advance(30_000);
    assert_eq!(cloud.instances().await[0].lifecycle_state, "Pending:Wait");
    cloud.test.advance(31_000);
    cloud.rests(1).await;
}
