//! Policies and schedules change the capacity.

use std::sync::Arc;

use api_autoscaling::*;
use kernel::Event;
use serde_json::json;

use crate::cloud::{Cloud, GROUP};

fn policy(name: &str, kind: &str) -> PutScalingPolicyType {
    PutScalingPolicyType {
        auto_scaling_group_name: GROUP.to_owned(),
        policy_name: name.to_owned(),
        policy_type: Some(kind.to_owned()),
        adjustment_type: Some("ChangeInCapacity".to_owned()),
        ..Default::default()
    }
}

async fn group() -> Cloud {
    let cloud = Cloud::new().await;
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(1, 4)).await.unwrap();
    cloud.rests(1).await;
    cloud
}

#[tokio::test]
async fn a_simple_policy_waits_out_its_cooldown() {
    let cloud = group().await;
    let asked = PutScalingPolicyType {
        scaling_adjustment: Some(1),
        cooldown: Some(60),
        ..policy("more", "SimpleScaling")
    };
    cloud.test.call(op::PutScalingPolicy, asked).await.unwrap();
    let execute = |honors| ExecutePolicyType {
        auto_scaling_group_name: Some(GROUP.to_owned()),
        policy_name: "more".to_owned(),
        honor_cooldown: Some(honors),
        ..Default::default()
    };
    cloud.test.call(op::ExecutePolicy, execute(true)).await.unwrap();
    let refused = cloud.test.call(op::ExecutePolicy, execute(true)).await.unwrap_err();
    assert_eq!(refused.query_code(), "ScalingActivityInProgress");
    cloud.test.call(op::ExecutePolicy, execute(false)).await.unwrap();
    cloud.rests(3).await;
    let told = cloud.activities().await;
    assert!(told.iter().any(|one| one.cause.contains("a user request executed policy more changing")));
}

/// What CloudWatch tells when an alarm goes off.
fn alarm(cloud: &Cloud, arn: &str, name: &str, value: f64, threshold: f64) -> Event {
    let data = json!({ "evaluatedDatapoints": [{ "timestamp": "", "value": value }] });
    let detail = json!({
        "action": arn, "AlarmName": name, "NewStateValue": "ALARM",
        "NewStateReasonData": data.to_string(), "Trigger": { "Threshold": threshold },
    });
    Event::new(&cloud.test.ctx("cloudwatch"), "aws.cloudwatch", "CloudWatch Alarm Action", vec![], detail)
}

#[tokio::test]
async fn an_alarm_goes_up_by_steps_and_once_for_what_warms_up() {
    let cloud = group().await;
    let step = |lower, upper, adjustment| StepAdjustment {
        metric_interval_lower_bound: lower,
        metric_interval_upper_bound: upper,
        scaling_adjustment: adjustment,
    };
    let asked = PutScalingPolicyType {
        step_adjustments: Some(vec![step(Some(0.0), Some(10.0), 1), step(Some(10.0), None, 2)]),
        estimated_instance_warmup: Some(3_600),
        ..policy("steps", "StepScaling")
    };
    // What there is has long warmed up.
    cloud.test.advance(7_200_000);
    let arn = cloud.test.call(op::PutScalingPolicy, asked).await.unwrap().policy_arn.unwrap();
    let tell = async |value| {
        let ctx = cloud.test.ctx("autoscaling");
        let event = Arc::new(alarm(&cloud, &arn, "busy", value, 50.0));
        autoscaling::controllers::alarm::take(&ctx, event).await.unwrap();
        cloud.group().await.desired_capacity
    };
    assert_eq!(tell(55.0).await, 2);
    assert_eq!(tell(55.0).await, 2, "what warms up was added for this");
    assert_eq!(tell(70.0).await, 3, "one more makes two");
    assert_eq!(tell(40.0).await, 3, "no step below");
    cloud.rests(3).await;
    let told = cloud.activities().await;
    let words = "a monitor alarm busy in state ALARM triggered policy steps changing the desired capacity from 2 to 3.";
    assert!(told.iter().any(|one| one.cause.contains(words)));
}

#[tokio::test]
async fn scheduled_actions_come_again_in_their_zone() {
    let cloud = group().await;
    // The clock of tests begins at midnight, UTC.
    let asked = PutScheduledUpdateGroupActionType {
        auto_scaling_group_name: GROUP.to_owned(),
        scheduled_action_name: "morning".to_owned(),
        recurrence: Some("0 9 * * *".to_owned()),
        time_zone: Some("Europe/Berlin".to_owned()),
        desired_capacity: Some(3),
        ..Default::default()
    };
    cloud.test.call(op::PutScheduledUpdateGroupAction, asked.clone()).await.unwrap();
    let list = async || {
        let found = cloud.test.call(op::DescribeScheduledActions, Default::default()).await.unwrap();
        found.scheduled_update_group_actions.unwrap().remove(0)
    };
    let at = list().await.time.unwrap().as_millis();
    assert_eq!(at.rem_euclid(86_400_000), 8 * 3_600_000);
    cloud.test.advance(at - cloud.test.now());
    cloud.rests(3).await;
    let told = cloud.activities().await;
    let words = "the scheduled action morning executed. Setting desired capacity from 1 to 3.";
    assert!(told.iter().any(|one| one.cause.contains(words)), "{}", told[0].cause);
    assert_eq!(list().await.time.unwrap().as_millis(), at + 86_400_000);
    let bad = PutScheduledUpdateGroupActionType { time_zone: Some("Mars/Olympus".to_owned()), ..asked };
    assert!(cloud.test.call(op::PutScheduledUpdateGroupAction, bad).await.is_err());
}
