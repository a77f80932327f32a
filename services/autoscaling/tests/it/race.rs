//! Policies that are put, changed and deleted while their alarms are being made.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use api_autoscaling::*;
use api_cloudwatch as cw;
use kernel::{Access, Ctx, Error, Kind, Result, Service, ServiceBuilder};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::cloud::{Cloud, GROUP};

/// Alarms that look at this target are refused.
const REFUSED: f64 = 66.0;

/// A CloudWatch that can be made to wait in the middle of making an alarm.
#[derive(Default)]
struct Watch {
    thresholds: Mutex<BTreeMap<String, f64>>,
    waits: AtomicBool,
    waiting: Notify,
    go_on: Notify,
}

async fn put(ctx: &Ctx, input: cw::PutMetricAlarmInput) -> Result<()> {
    let watch = ctx.own::<Arc<Watch>>();
    if watch.waits.swap(false, Ordering::SeqCst) {
        watch.waiting.notify_one();
        watch.go_on.notified().await;
    }
    let threshold = input.threshold.unwrap();
    if threshold == REFUSED {
        return Err(Error::new(Kind::Invalid, "ValidationError", "not this one"));
    }
    watch.thresholds.lock().unwrap().insert(input.alarm_name, threshold);
    Ok(())
}

async fn delete(ctx: &Ctx, input: cw::DeleteAlarmsInput) -> Result<()> {
    let watch = ctx.own::<Arc<Watch>>();
    watch.thresholds.lock().unwrap().retain(|name, _| !input.alarm_names.contains(name));
    Ok(())
}

fn stand_in_cloudwatch(watch: &Arc<Watch>) -> Service {
    let mut s = ServiceBuilder::new(&cw::SERVICE);
    s.own(watch.clone());
    s.op(cw::op::PutMetricAlarm, put).access(|_, _| Ok(Access::any()));
    s.op(cw::op::DeleteAlarms, delete).access(|_, _| Ok(Access::any()));
    s.build()
}

async fn cloud() -> (Arc<Cloud>, Arc<Watch>) {
    let watch = Arc::new(Watch::default());
    let cloud = Cloud::watched_by(stand_in_cloudwatch(&watch)).await;
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(0, 4)).await.unwrap();
    (Arc::new(cloud), watch)
}

fn to_target(target_value: f64) -> PutScalingPolicyType {
    let metric = PredefinedMetricSpecification {
        predefined_metric_type: "ASGAverageCPUUtilization".to_owned(),
        ..Default::default()
    };
    PutScalingPolicyType {
        auto_scaling_group_name: GROUP.to_owned(),
        policy_name: "x".to_owned(),
        policy_type: Some("TargetTrackingScaling".to_owned()),
        target_tracking_configuration: Some(TargetTrackingConfiguration {
            predefined_metric_specification: Some(metric),
            target_value,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn named() -> DeletePolicyType {
    DeletePolicyType { auto_scaling_group_name: Some(GROUP.to_owned()), policy_name: "x".to_owned() }
}

/// Begins to put a policy, up to the middle of making its first alarm.
async fn begin(cloud: &Arc<Cloud>, watch: &Watch, target: f64) -> JoinHandle<Result<PolicyARNType>> {
    watch.waits.store(true, Ordering::SeqCst);
    let own = cloud.clone();
    #[expect(clippy::disallowed_methods, reason = "a client of a test's")]
    let begun = tokio::spawn(async move { own.test.call(op::PutScalingPolicy, to_target(target)).await });
    watch.waiting.notified().await;
    begun
}

/// What the policy tracks, where there is one.
async fn tracked(cloud: &Cloud) -> Option<f64> {
    let found = cloud.test.call(op::DescribePolicies, Default::default()).await.unwrap();
    let found = found.scaling_policies.unwrap().into_iter().next()?;
    Some(found.target_tracking_configuration.unwrap().target_value)
}

/// Until there are alarms with these thresholds and no others.
async fn watched(cloud: &Cloud, watch: &Watch, thresholds: &[f64]) {
    let has = async || {
        let now: Vec<f64> = watch.thresholds.lock().unwrap().values().copied().collect();
        (now == thresholds && cloud.test.house.is_quiet()).then_some(())
    };
    cloud.test.eventually("the alarms are as they should be", has).await;
}

#[tokio::test]
async fn a_refused_policy_is_none_and_a_refused_change_changes_nothing() {
    let (cloud, watch) = cloud().await;
    let refused = cloud.test.call(op::PutScalingPolicy, to_target(REFUSED)).await.unwrap_err();
    assert_eq!(refused.query_code(), "ValidationError");
    assert_eq!(tracked(&cloud).await, None);
    cloud.test.call(op::PutScalingPolicy, to_target(40.0)).await.unwrap();
    cloud.test.call(op::PutScalingPolicy, to_target(REFUSED)).await.unwrap_err();
    assert_eq!(tracked(&cloud).await, Some(40.0));
    watched(&cloud, &watch, &[40.0, 36.0]).await;
}

#[tokio::test]
async fn a_policy_deleted_while_it_is_made_leaves_no_alarm() {
    let (cloud, watch) = cloud().await;
    let begun = begin(&cloud, &watch, 50.0).await;
    cloud.test.call(op::DeletePolicy, named()).await.unwrap();
    watch.go_on.notify_one();
    begun.await.unwrap().unwrap();
    watched(&cloud, &watch, &[]).await;
    assert_eq!(tracked(&cloud).await, None);
}

#[tokio::test]
async fn a_refused_policy_leaves_alone_what_was_put_meanwhile() {
    let (cloud, watch) = cloud().await;
    let begun = begin(&cloud, &watch, REFUSED).await;
    cloud.test.call(op::PutScalingPolicy, to_target(50.0)).await.unwrap();
    watch.go_on.notify_one();
    assert_eq!(begun.await.unwrap().unwrap_err().query_code(), "ValidationError");
    assert_eq!(tracked(&cloud).await, Some(50.0));
    watched(&cloud, &watch, &[50.0, 45.0]).await;
}

#[tokio::test]
async fn a_policy_that_a_kill_left_half_made_is_settled_afterwards() {
    let (cloud, watch) = cloud().await;
    cloud.test.call(op::PutScalingPolicy, to_target(40.0)).await.unwrap();
    // Whoever put it goes away in the middle.
    begin(&cloud, &watch, REFUSED).await.abort();
    let back = async || {
        cloud.test.advance(60_000);
        (tracked(&cloud).await == Some(40.0)).then_some(())
    };
    cloud.test.eventually("what was before is again", back).await;
    watched(&cloud, &watch, &[40.0, 36.0]).await;
}

#[tokio::test]
async fn the_alarms_of_a_group_go_with_it() {
    let (cloud, watch) = cloud().await;
    cloud.test.call(op::PutScalingPolicy, to_target(50.0)).await.unwrap();
    let group =
        DeleteAutoScalingGroupType { auto_scaling_group_name: GROUP.to_owned(), force_delete: Some(true) };
    cloud.test.call(op::DeleteAutoScalingGroup, group).await.unwrap();
    watched(&cloud, &watch, &[]).await;
}
