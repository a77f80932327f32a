//! Policies: alarms that are really made, and what they do to a capacity.

use std::sync::Arc;

use api_application_autoscaling::*;
use api_cloudwatch as cw;
use kernel::Event;
use serde_json::json;
use shape::Timestamp;

use super::{Cloud, DIMENSION, FLEET, MINUTE};

fn policy(name: &str, kind: &str) -> PutScalingPolicyRequest {
    PutScalingPolicyRequest {
        policy_name: name.to_owned(),
        service_namespace: "ec2".to_owned(),
        resource_id: FLEET.to_owned(),
        scalable_dimension: DIMENSION.to_owned(),
        policy_type: Some(kind.to_owned()),
        ..Default::default()
    }
}

pub(crate) fn tracking(name: &str) -> PutScalingPolicyRequest {
    let custom = CustomizedMetricSpecification {
        namespace: Some("shop".to_owned()),
        metric_name: Some("Load".to_owned()),
        statistic: Some("Average".to_owned()),
        ..Default::default()
    };
    PutScalingPolicyRequest {
        target_tracking_scaling_policy_configuration: Some(TargetTrackingScalingPolicyConfiguration {
            target_value: 50.0,
            customized_metric_specification: Some(custom),
            scale_in_cooldown: Some(60),
            ..Default::default()
        }),
        ..policy(name, "TargetTrackingScaling")
    }
}

/// By its name, to delete it.
pub(crate) fn of_name(name: &str) -> DeleteScalingPolicyRequest {
    DeleteScalingPolicyRequest {
        policy_name: name.to_owned(),
        service_namespace: "ec2".to_owned(),
        resource_id: FLEET.to_owned(),
        scalable_dimension: DIMENSION.to_owned(),
    }
}

async fn alarms(cloud: &Cloud) -> Vec<cw::MetricAlarm> {
    let input = cw::DescribeAlarmsInput::default();
    cloud.test.call(cw::op::DescribeAlarms, input).await.unwrap().metric_alarms.unwrap()
}

/// Has the metric at this for minutes on end, until the capacity is what it should be.
async fn load_until(cloud: &Cloud, value: f64, capacity: i32) {
    for _ in 0..40 {
        let datum = cw::MetricDatum {
            metric_name: "Load".to_owned(),
            timestamp: Some(Timestamp::from_millis(cloud.test.now())),
            value: Some(value),
            ..Default::default()
        };
        let namespace = "shop".to_owned();
        let input =
            cw::PutMetricDataInput { namespace, metric_data: Some(vec![datum]), ..Default::default() };
        cloud.test.call(cw::op::PutMetricData, input).await.unwrap();
        cloud.test.advance(MINUTE);
        for _ in 0..50 {
            if cloud.capacity() == capacity {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    panic!("a capacity of {} never became {capacity}", cloud.capacity());
}

#[tokio::test]
async fn a_tracked_metric_drives_the_capacity_out_and_in() {
    let cloud = Cloud::new(2).await;
    let made = cloud.test.call(op::PutScalingPolicy, tracking("cpu")).await.unwrap();
    assert!(made.policy_arn.ends_with(":resource/ec2/spot-fleet-request/sfr-1:policyName/cpu"));
    let names: Vec<String> = made.alarms.unwrap().into_iter().map(|one| one.alarm_name).collect();
    let known = alarms(&cloud).await;
    assert_eq!(known.len(), 2);
    assert!(known.iter().all(|one| names.contains(one.alarm_name.as_ref().unwrap())));
    assert!(
        known.iter().all(|one| one.alarm_actions.as_deref() == Some(std::slice::from_ref(&made.policy_arn)))
    );
    load_until(&cloud, 100.0, 4).await;
    let done = cloud.newest("Successful").await;
    assert!(done.cause.contains("AlarmHigh") && done.cause.ends_with("in state ALARM triggered policy cpu"));
    load_until(&cloud, 5.0, 1).await;
    // Without its lower alarm it goes no lower; gone, it leaves none.
    let mut no_less = tracking("cpu");
    no_less.target_tracking_scaling_policy_configuration.as_mut().unwrap().disable_scale_in = Some(true);
    let changed = cloud.test.call(op::PutScalingPolicy, no_less).await.unwrap();
    assert_eq!((changed.policy_arn, changed.alarms.unwrap().len()), (made.policy_arn, 1));
    assert_eq!(alarms(&cloud).await.len(), 1);
    let gone = of_name("cpu");
    cloud.test.call(op::DeleteScalingPolicy, gone.clone()).await.unwrap();
    cloud.test.eventually("no alarm", async || alarms(&cloud).await.is_empty().then_some(())).await;
    assert_eq!(
        cloud.test.call(op::DeleteScalingPolicy, gone).await.unwrap_err().code(),
        "ObjectNotFoundException"
    );
}

fn stepping(name: &str) -> PutScalingPolicyRequest {
    let step = |lower, upper, scaling_adjustment| StepAdjustment {
        metric_interval_lower_bound: lower,
        metric_interval_upper_bound: upper,
        scaling_adjustment,
    };
    PutScalingPolicyRequest {
        step_scaling_policy_configuration: Some(StepScalingPolicyConfiguration {
            adjustment_type: Some("ChangeInCapacity".to_owned()),
            step_adjustments: Some(vec![step(Some(0.0), Some(10.0), 2), step(Some(10.0), None, 20)]),
            cooldown: Some(120),
            ..Default::default()
        }),
        ..policy(name, "StepScaling")
    }
}

/// As if an alarm at 50 had gone off.
async fn tell(cloud: &Cloud, policy: &str, value: f64) {
    let ctx = cloud.test.ctx("cloudwatch");
    let data = json!({ "evaluatedDatapoints": [{ "timestamp": "", "value": value }] });
    let detail = json!({
        "action": policy, "AlarmName": "busy", "NewStateValue": "ALARM",
        "NewStateReasonData": data.to_string(), "Trigger": { "Threshold": 50.0 },
    });
    let event = Event::new(&ctx, "aws.cloudwatch", "CloudWatch Alarm Action", vec![], detail);
    let ctx = cloud.test.ctx("application-autoscaling");
    application_autoscaling::controllers::alarm::take(&ctx, Arc::new(event)).await.unwrap();
}

#[tokio::test]
async fn steps_wait_for_what_they_added_and_stop_at_the_bounds() {
    let cloud = Cloud::new(2).await;
    cloud.fleet.lock().unwrap().is_fulfilled = false;
    let arn = cloud.test.call(op::PutScalingPolicy, stepping("steps")).await.unwrap().policy_arn;
    let tell = async |value: f64| tell(&cloud, &arn, value).await;
    tell(55.0).await;
    cloud.has(4).await;
    let begun = cloud.newest("InProgress").await;
    assert_eq!(begun.cause, "monitor alarm busy in state ALARM triggered policy steps");
    cloud.fleet.lock().unwrap().is_fulfilled = true;
    cloud.test.advance(MINUTE);
    cloud.newest("Successful").await;
    tell(55.0).await;
    tell(65.0).await;
    cloud.has(10).await;
    cloud.newest("Successful").await;
    // Told again and again, it is written down once.
    for _ in 0..3 {
        cloud.test.advance(3 * MINUTE);
        tell(65.0).await;
        let stays = async || cloud.activities().await[0].not_scaled_reasons.clone();
        let why = cloud.test.eventually("it stays", stays).await.remove(0);
        assert_eq!((why.code.as_str(), why.max_capacity), ("AlreadyAtMaxCapacity", Some(10)));
    }
    assert_eq!(cloud.activities().await.len(), 3);
}

#[tokio::test]
async fn what_no_policy_may_be_is_refused() {
    let cloud = Cloud::new(2).await;
    let with = |change: &dyn Fn(&mut TargetTrackingScalingPolicyConfiguration)| {
        let mut input = tracking("x");
        change(input.target_tracking_scaling_policy_configuration.as_mut().unwrap());
        input
    };
    let predefined = |name: &str| {
        Some(PredefinedMetricSpecification { predefined_metric_type: name.to_owned(), resource_label: None })
    };
    let bad = [
        policy("x", "StepScaling"),
        policy("x", "PredictiveScaling"),
        PutScalingPolicyRequest { policy_type: None, ..tracking("x") },
        PutScalingPolicyRequest { policy_type: Some("StepScaling".to_owned()), ..tracking("x") },
        with(&|one| one.target_value = 0.0),
        with(&|one| one.scale_in_cooldown = Some(-1)),
        with(&|one| one.customized_metric_specification = None),
        with(&|one| one.predefined_metric_specification = predefined("EC2SpotFleetRequestAverageNetworkIn")),
        with(&|one| {
            one.customized_metric_specification = None;
            one.predefined_metric_specification = predefined("ECSServiceAverageCPUUtilization");
        }),
        with(&|one| one.customized_metric_specification.as_mut().unwrap().namespace = None),
        with(&|one| {
            one.customized_metric_specification.as_mut().unwrap().namespace = Some("AWS/".repeat(100));
        }),
        // CloudWatch refuses this one, and the policy goes again.
        with(&|one| {
            let expression = Some("SUM((".to_owned());
            let query =
                TargetTrackingMetricDataQuery { id: "m".to_owned(), expression, ..Default::default() };
            let metrics = Some(vec![query]);
            one.customized_metric_specification =
                Some(CustomizedMetricSpecification { metrics, ..Default::default() });
        }),
    ];
    for input in bad {
        let error = cloud.test.call(op::PutScalingPolicy, input.clone()).await.unwrap_err();
        assert_eq!(error.code(), "ValidationException", "{input:?}");
    }
    let list = DescribeScalingPoliciesRequest { service_namespace: "ec2".to_owned(), ..Default::default() };
    let found = cloud.test.call(op::DescribeScalingPolicies, list).await.unwrap();
    assert!(found.scaling_policies.unwrap().is_empty());
    assert!(alarms(&cloud).await.is_empty());
    cloud.test.call(op::PutScalingPolicy, tracking("x")).await.unwrap();
    let other = cloud.test.call(op::PutScalingPolicy, stepping("x")).await.unwrap_err();
    assert_eq!(other.code(), "ValidationException");
}

#[tokio::test]
async fn a_change_in_while_one_out_is_new_is_a_change_in() {
    let cloud = Cloud::new(2).await;
    let mut input = stepping("steps");
    let steps = input.step_scaling_policy_configuration.as_mut().unwrap();
    let all = [(None, Some(0.0), -1), (Some(0.0), None, 4)];
    let step = |(metric_interval_lower_bound, metric_interval_upper_bound, scaling_adjustment)| {
        StepAdjustment { metric_interval_lower_bound, metric_interval_upper_bound, scaling_adjustment }
    };
    steps.step_adjustments = Some(all.map(step).to_vec());
    let arn = cloud.test.call(op::PutScalingPolicy, input).await.unwrap().policy_arn;
    tell(&cloud, &arn, 55.0).await;
    cloud.has(6).await;
    tell(&cloud, &arn, 45.0).await;
    cloud.has(5).await;
    cloud.newest("Successful").await;
    // What was taken is cooling: no more goes for a while.
    tell(&cloud, &arn, 45.0).await;
    cloud.test.eventually("all is done", async || cloud.test.house.is_quiet().then_some(())).await;
    assert_eq!(cloud.capacity(), 5);
    cloud.test.advance(3 * MINUTE);
    tell(&cloud, &arn, 45.0).await;
    cloud.has(4).await;
}
