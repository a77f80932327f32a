//! Policies that are put, changed and deleted while their alarms are being made.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use api_application_autoscaling::*;
use api_cloudwatch as cw;
use kernel::testing::TestCloud;
use kernel::{Access, Ctx, Error, Kind, Plugs, Result, Service, ServiceBuilder};
use tokio::sync::Notify;

use super::policy::{of_name, tracking};
use super::{Fleet, bounds, stand_in_ec2};

/// Alarms that look at this target are refused.
const REFUSED: f64 = 66.0;

/// A CloudWatch that can be made to wait in the middle of making an alarm.
#[derive(Default)]
struct Watch {
    thresholds: Mutex<BTreeMap<String, f64>>,
    deletions: AtomicUsize,
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
    watch.deletions.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

fn stand_in_cloudwatch(watch: &Arc<Watch>) -> Service {
    let mut s = ServiceBuilder::new(&cw::SERVICE);
    s.own(watch.clone());
    s.op(cw::op::PutMetricAlarm, put).access(|_, _| Ok(Access::any()));
    s.op(cw::op::DeleteAlarms, delete).access(|_, _| Ok(Access::any()));
    s.build()
}

async fn cloud() -> (Arc<TestCloud>, Arc<Watch>) {
    let fleet = Arc::new(Mutex::new(Fleet { capacity: 2, is_fulfilled: true, refuses: false }));
    let watch = Arc::new(Watch::default());
    let services = vec![
        application_autoscaling::service(&Plugs::default()),
        stand_in_cloudwatch(&watch),
        stand_in_ec2(&fleet),
    ];
    let cloud = TestCloud::new(services).await;
    cloud.call(op::RegisterScalableTarget, bounds(Some(1), Some(10))).await.unwrap();
    (Arc::new(cloud), watch)
}

fn to_target(target: f64) -> PutScalingPolicyRequest {
    let mut input = tracking("x");
    input.target_tracking_scaling_policy_configuration.as_mut().unwrap().target_value = target;
    input
}

type Outcome = Result<PutScalingPolicyResponse>;

/// Begins to put a policy, up to the middle of making its first alarm.
async fn begin(cloud: &Arc<TestCloud>, watch: &Watch, target: f64) -> tokio::task::JoinHandle<Outcome> {
    watch.waits.store(true, Ordering::SeqCst);
    let own = cloud.clone();
    #[expect(clippy::disallowed_methods, reason = "a client of a test's")]
    let begun = tokio::spawn(async move { own.call(op::PutScalingPolicy, to_target(target)).await });
    watch.waiting.notified().await;
    begun
}

/// What the policy tracks, where there is one.
async fn tracked(cloud: &TestCloud) -> Option<f64> {
    let list = DescribeScalingPoliciesRequest { service_namespace: "ec2".to_owned(), ..Default::default() };
    let found = cloud.call(op::DescribeScalingPolicies, list).await.unwrap().scaling_policies.unwrap();
    let tracking = found.into_iter().next()?.target_tracking_scaling_policy_configuration;
    Some(tracking.unwrap().target_value)
}

/// Until there are alarms with these thresholds and no others.
async fn watched(cloud: &TestCloud, watch: &Watch, thresholds: &[f64]) {
    let has = async || {
        let now: Vec<f64> = watch.thresholds.lock().unwrap().values().copied().collect();
        (now == thresholds && cloud.house.is_quiet()).then_some(())
    };
    cloud.eventually("the alarms are as they should be", has).await;
}

#[tokio::test]
async fn a_policy_deleted_while_it_is_made_leaves_no_alarm() {
    let (cloud, watch) = cloud().await;
    let begun = begin(&cloud, &watch, 50.0).await;
    cloud.call(op::DeleteScalingPolicy, of_name("x")).await.unwrap();
    let both = async || (watch.deletions.load(Ordering::SeqCst) == 2).then_some(());
    cloud.eventually("both alarms are deleted", both).await;
    watch.go_on.notify_one();
    begun.await.unwrap().unwrap();
    watched(&cloud, &watch, &[]).await;
    assert_eq!(tracked(&cloud).await, None);
}

#[tokio::test]
async fn a_refused_policy_leaves_alone_what_was_put_meanwhile() {
    let (cloud, watch) = cloud().await;
    let begun = begin(&cloud, &watch, REFUSED).await;
    cloud.call(op::PutScalingPolicy, to_target(50.0)).await.unwrap();
    watch.go_on.notify_one();
    assert_eq!(begun.await.unwrap().unwrap_err().code(), "ValidationException");
    assert_eq!(tracked(&cloud).await, Some(50.0));
    watched(&cloud, &watch, &[50.0, 45.0]).await;
}

#[tokio::test]
async fn of_refused_policies_none_brings_another_back() {
    let (cloud, watch) = cloud().await;
    cloud.call(op::PutScalingPolicy, to_target(40.0)).await.unwrap();
    let begun = begin(&cloud, &watch, REFUSED).await;
    let second = cloud.call(op::PutScalingPolicy, to_target(REFUSED)).await.unwrap_err();
    watch.go_on.notify_one();
    let first = begun.await.unwrap().unwrap_err();
    assert_eq!((first.code(), second.code()), ("ValidationException", "ValidationException"));
    assert_eq!(tracked(&cloud).await, Some(40.0));
    watched(&cloud, &watch, &[40.0, 36.0]).await;
}

#[tokio::test]
async fn a_policy_that_a_kill_left_half_made_is_settled_afterwards() {
    let (cloud, watch) = cloud().await;
    cloud.call(op::PutScalingPolicy, to_target(40.0)).await.unwrap();
    // Whoever put it goes away in the middle.
    begin(&cloud, &watch, REFUSED).await.abort();
    let back = async || {
        cloud.advance(60_000);
        (tracked(&cloud).await == Some(40.0)).then_some(())
    };
    cloud.eventually("what was before is again", back).await;
    watched(&cloud, &watch, &[40.0, 36.0]).await;
}
