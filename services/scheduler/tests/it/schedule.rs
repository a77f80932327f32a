//! Schedules: made, changed, listed, deleted, refused.

use api_scheduler::*;

use super::{MINUTE, ROLE, cloud, create, get, names, next, queue, role, schedule};

#[tokio::test]
async fn a_schedule_is_kept_as_it_was_made() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "jobs").await;
    let input = CreateScheduleInput {
        description: Some("nightly".to_owned()),
        schedule_expression_timezone: Some("Europe/Berlin".to_owned()),
        action_after_completion: Some("DELETE".to_owned()),
        client_token: Some("once".to_owned()),
        ..schedule("night", "cron(0 3 * * ? *)", &arn)
    };
    let made = create(&cloud, input.clone()).await.unwrap();
    assert_eq!(made, "arn:aws:scheduler:us-east-1:000000000000:schedule/default/night");
    assert_eq!(create(&cloud, input.clone()).await.unwrap(), made, "the same request again");
    let other = CreateScheduleInput { description: None, ..input.clone() };
    assert_eq!(create(&cloud, other).await.unwrap_err().code(), "ConflictException");
    let again = CreateScheduleInput { client_token: None, ..input };
    assert_eq!(create(&cloud, again).await.unwrap_err().code(), "ConflictException");
    let shown = get(&cloud, "night").await.unwrap();
    assert_eq!(shown.schedule_expression_timezone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(shown.description.as_deref(), Some("nightly"));
    assert_eq!(shown.state.as_deref(), Some("ENABLED"));
    assert_eq!(shown.target.unwrap().retry_policy.unwrap().maximum_retry_attempts, Some(185));
    let update = UpdateScheduleInput {
        name: "night".to_owned(),
        schedule_expression: "rate(1 hours)".to_owned(),
        flexible_time_window: FlexibleTimeWindow {
            mode: "FLEXIBLE".to_owned(),
            maximum_window_in_minutes: Some(5),
        },
        target: Target { arn, role_arn: ROLE.to_owned(), ..Default::default() },
        state: Some("DISABLED".to_owned()),
        ..Default::default()
    };
    cloud.call(op::UpdateSchedule, update).await.unwrap();
    let shown = get(&cloud, "night").await.unwrap();
    assert_eq!((shown.description, shown.state.as_deref()), (None, Some("DISABLED")));
    assert_eq!(shown.flexible_time_window.unwrap().maximum_window_in_minutes, Some(5));
    let gone = || DeleteScheduleInput { name: "night".to_owned(), ..Default::default() };
    cloud.call(op::DeleteSchedule, gone()).await.unwrap();
    let error = cloud.call(op::DeleteSchedule, gone()).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("ResourceNotFoundException", 404));
}

#[tokio::test]
async fn schedules_are_listed_by_group_name_and_state() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "jobs").await;
    let group = CreateScheduleGroupInput { name: "team".to_owned(), ..Default::default() };
    cloud.call(op::CreateScheduleGroup, group).await.unwrap();
    for name in ["a1", "a2", "a3", "b1"] {
        create(&cloud, schedule(name, "rate(1 days)", &arn)).await.unwrap();
    }
    let input = CreateScheduleInput {
        group_name: Some("team".to_owned()),
        state: Some("DISABLED".to_owned()),
        ..schedule("a4", "rate(1 days)", &arn)
    };
    create(&cloud, input).await.unwrap();
    assert_eq!(names(&cloud, ListSchedulesInput::default()).await, ["a1", "a2", "a3", "b1", "a4"]);
    let prefixed = ListSchedulesInput { name_prefix: Some("a".to_owned()), ..Default::default() };
    assert_eq!(names(&cloud, prefixed).await, ["a1", "a2", "a3", "a4"]);
    let of_group = ListSchedulesInput { group_name: Some("team".to_owned()), ..Default::default() };
    assert_eq!(names(&cloud, of_group).await, ["a4"]);
    let resting = ListSchedulesInput { state: Some("DISABLED".to_owned()), ..Default::default() };
    assert_eq!(names(&cloud, resting).await, ["a4"]);
    let none = ListSchedulesInput { group_name: Some("none".to_owned()), ..Default::default() };
    assert_eq!(cloud.call(op::ListSchedules, none).await.unwrap_err().code(), "ResourceNotFoundException");
}

#[tokio::test]
async fn what_no_schedule_may_be_is_refused() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "jobs").await;
    role(&cloud, "stranger", "ec2.amazonaws.com", "*").await;
    let with = |change: &dyn Fn(&mut CreateScheduleInput)| {
        let mut input = schedule("x", "rate(1 hours)", &arn);
        change(&mut input);
        input
    };
    let bad = [
        with(&|input| input.schedule_expression = "rate(1 fortnight)".to_owned()),
        with(&|input| input.schedule_expression = "at(2020-01-01T00:00:00)".to_owned()),
        with(&|input| input.target.role_arn = "arn:aws:iam::000000000000:role/none".to_owned()),
        with(&|input| input.target.role_arn = "arn:aws:iam::000000000000:role/stranger".to_owned()),
        with(&|input| input.target.arn = "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned()),
        with(&|input| input.target.arn = "arn:aws:scheduler:::aws-sdk:sqs:receiveMessage".to_owned()),
        with(&|input| {
            input.target.arn = "arn:aws:events:us-east-1:000000000000:event-bus/default".to_owned();
        }),
        with(&|input| {
            input.target.sqs_parameters = Some(SqsParameters { message_group_id: Some("g".to_owned()) });
        }),
    ];
    for input in bad {
        let error = create(&cloud, input.clone()).await.unwrap_err();
        assert_eq!(error.code(), "ValidationException", "{input:?}");
    }
    let nowhere = with(&|input| input.group_name = Some("none".to_owned()));
    assert_eq!(create(&cloud, nowhere).await.unwrap_err().code(), "ResourceNotFoundException");
    assert!(names(&cloud, ListSchedulesInput::default()).await.is_empty());
    create(&cloud, schedule("x", "rate(1 hours)", &arn)).await.unwrap();
    next(&cloud, "jobs").await;
    cloud.advance(60 * MINUTE);
    next(&cloud, "jobs").await;
}
