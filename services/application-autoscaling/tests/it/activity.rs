//! Activities: kept for six weeks, and not for ever.

use api_application_autoscaling::*;
use application_autoscaling::rules::key::TargetKey;
use application_autoscaling::state::activity::{self, Activity};

use super::{Cloud, DIMENSION, FLEET};

const WEEK: i64 = 7 * 86_400_000;

#[tokio::test]
async fn all_that_are_too_old_go_at_once() {
    let cloud = Cloud::new(2).await;
    let (ctx, scope) = (cloud.test.ctx("application-autoscaling"), cloud.test.scope());
    let new = |number: i64, started_at| Activity {
        id: format!("{number:04}"),
        key: TargetKey { dimension: DIMENSION.to_owned(), resource: FLEET.to_owned() },
        description: String::new(),
        cause: String::new(),
        started_at,
        ended_at: Some(started_at),
        status: "Successful".to_owned(),
        message: None,
        not_scaled: None,
    };
    let now = cloud.test.now();
    for from in [0, 1_250] {
        let some = || (from..from + 1_250).map(|number| new(number, now - 6 * WEEK - 1 - number));
        ctx.write(|tx| some().try_for_each(|one| activity::put(tx, &scope, &one))).await.unwrap();
    }
    ctx.write(|tx| activity::put(tx, &scope, &new(9_000, now - 6 * WEEK + 60_000))).await.unwrap();
    activity::sweep(&ctx).await.unwrap();
    let left: Vec<_> = cloud.activities().await.into_iter().map(|one| one.activity_id).collect();
    assert_eq!(left, ["9000"]);
}

#[tokio::test]
async fn what_is_under_way_ends_with_its_target() {
    let cloud = Cloud::new(2).await;
    cloud.fleet.lock().unwrap().is_fulfilled = false;
    let action = PutScheduledActionRequest {
        service_namespace: "ec2".to_owned(),
        resource_id: FLEET.to_owned(),
        scalable_dimension: DIMENSION.to_owned(),
        scheduled_action_name: "up".to_owned(),
        schedule: Some("rate(1 minute)".to_owned()),
        scalable_target_action: Some(ScalableTargetAction { min_capacity: Some(4), max_capacity: Some(9) }),
        ..Default::default()
    };
    cloud.test.call(op::PutScheduledAction, action).await.unwrap();
    cloud.test.advance(60_000);
    cloud.newest("InProgress").await;
    let gone = DeregisterScalableTargetRequest {
        service_namespace: "ec2".to_owned(),
        resource_id: FLEET.to_owned(),
        scalable_dimension: DIMENSION.to_owned(),
    };
    cloud.test.call(op::DeregisterScalableTarget, gone).await.unwrap();
    let last = cloud.newest("Unfulfilled").await;
    assert!(last.end_time.is_some());
}
