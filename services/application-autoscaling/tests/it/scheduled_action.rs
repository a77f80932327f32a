//! Scheduled actions: other bounds on time, which the capacity keeps within.

use api_application_autoscaling::*;

use super::{Cloud, DIMENSION, FLEET, MINUTE, bounds};

fn action(name: &str, schedule: &str, min: i32, max: i32) -> PutScheduledActionRequest {
    PutScheduledActionRequest {
        service_namespace: "ec2".to_owned(),
        resource_id: FLEET.to_owned(),
        scalable_dimension: DIMENSION.to_owned(),
        scheduled_action_name: name.to_owned(),
        schedule: Some(schedule.to_owned()),
        scalable_target_action: Some(ScalableTargetAction {
            min_capacity: Some(min),
            max_capacity: Some(max),
        }),
        ..Default::default()
    }
}

async fn list(cloud: &Cloud) -> Vec<ScheduledAction> {
    let input = DescribeScheduledActionsRequest { service_namespace: "ec2".to_owned(), ..Default::default() };
    cloud.test.call(op::DescribeScheduledActions, input).await.unwrap().scheduled_actions.unwrap()
}

#[tokio::test]
async fn bounds_change_on_time_and_the_capacity_with_them() {
    let cloud = Cloud::new(2).await;
    cloud.test.call(op::PutScheduledAction, action("up", "rate(10 minutes)", 4, 20)).await.unwrap();
    cloud.test.advance(9 * MINUTE);
    assert_eq!(cloud.target().await.min_capacity, 1);
    cloud.test.advance(MINUTE);
    cloud.has(4).await;
    let done = cloud.newest("Successful").await;
    assert_eq!(done.description, "Setting target capacity to 4.");
    assert_eq!(done.cause, "minimum capacity was set to 4");
    let words = "Successfully set target capacity to 4. Change successfully fulfilled by ec2.";
    assert_eq!(done.status_message.as_deref(), Some(words));
    let set = &cloud.activities().await[1];
    assert_eq!(set.description, "Setting min capacity to 4 and max capacity to 20");
    assert_eq!(set.cause, "scheduled action name up was triggered");
    // The same once more, with other bounds only.
    let fewer = ScalableTargetAction { min_capacity: Some(0), max_capacity: Some(3) };
    let change = PutScheduledActionRequest {
        schedule: None,
        scalable_target_action: Some(fewer),
        ..action("up", "", 0, 0)
    };
    cloud.test.call(op::PutScheduledAction, change).await.unwrap();
    let [listed] = list(&cloud).await.try_into().unwrap();
    assert_eq!(listed.schedule, "rate(10 minutes)");
    assert!(
        listed.scheduled_action_arn.contains(":resource/ec2/spot-fleet-request/sfr-1:scheduledActionName/up")
    );
    cloud.test.advance(10 * MINUTE);
    cloud.has(3).await;
    assert_eq!(cloud.newest("Successful").await.cause, "maximum capacity was set to 3");
    let gone = DeleteScheduledActionRequest {
        service_namespace: "ec2".to_owned(),
        resource_id: FLEET.to_owned(),
        scalable_dimension: DIMENSION.to_owned(),
        scheduled_action_name: "up".to_owned(),
    };
    cloud.test.call(op::DeleteScheduledAction, gone.clone()).await.unwrap();
    let error = cloud.test.call(op::DeleteScheduledAction, gone).await.unwrap_err();
    assert_eq!(error.code(), "ObjectNotFoundException");
    assert!(list(&cloud).await.is_empty());
}

#[tokio::test]
async fn a_suspended_target_is_left_alone_and_a_refusal_is_told() {
    let cloud = Cloud::new(2).await;
    let suspend = |is| {
        let state = SuspendedState { scheduled_scaling_suspended: Some(is), ..Default::default() };
        RegisterScalableTargetRequest { suspended_state: Some(state), ..bounds(None, None) }
    };
    cloud.test.call(op::RegisterScalableTarget, suspend(true)).await.unwrap();
    cloud.test.call(op::PutScheduledAction, action("up", "rate(1 minute)", 5, 9)).await.unwrap();
    let first = cloud.test.ctx("application-autoscaling");
    cloud.test.advance(MINUTE);
    let timer = format!("{DIMENSION}|{FLEET}|up");
    application_autoscaling::controllers::scheduled_action::due(&first, timer).await.unwrap();
    assert_eq!((cloud.target().await.min_capacity, cloud.capacity()), (1, 2));
    cloud.test.call(op::RegisterScalableTarget, suspend(false)).await.unwrap();
    cloud.fleet.lock().unwrap().refuses = true;
    cloud.test.advance(MINUTE);
    let failed = cloud.newest("Failed").await;
    let words = "Failed to set target capacity to 5. Reason: no room";
    assert_eq!(failed.status_message.as_deref(), Some(words));
    assert_eq!(cloud.capacity(), 2);
}

#[tokio::test]
async fn names_that_the_model_forbids_are_refused() {
    let cloud = Cloud::new(2).await;
    for bad in ["a|b", "a:b", " a"] {
        let input = action(bad, "rate(1 minute)", 1, 2);
        let error = cloud.test.call(op::PutScheduledAction, input).await.unwrap_err();
        assert_eq!(error.code(), "ValidationException", "{bad}");
    }
    assert!(list(&cloud).await.is_empty());
}
