//! Invocations: on time, once, in the role, with what they are told; to the dead letters where they cannot be.

use api_scheduler::*;
use api_sqs as sqs_api;
use serde_json::{Value, json};
use shape::Timestamp;

use super::{MINUTE, ROLE, cloud, create, get, is_quiet, next, queue, role, schedule};

fn body(message: &sqs_api::Message) -> Value {
    serde_json::from_str(message.body.as_deref().unwrap()).unwrap()
}

#[tokio::test]
async fn a_rate_calls_at_once_and_then_on_time() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "jobs").await;
    let mut input = schedule("tick", "rate(5 minutes)", &arn);
    input.target.input = Some(r#"{"at":"<aws.scheduler.scheduled-time>"}"#.to_owned());
    let begun = cloud.now();
    create(&cloud, input).await.unwrap();
    let at = |message: &sqs_api::Message| {
        let text = body(message)["at"].as_str().unwrap().to_owned();
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond() / 1_000
    };
    assert_eq!(at(&next(&cloud, "jobs").await), begun / 1_000);
    cloud.advance(4 * MINUTE);
    assert!(is_quiet(&cloud, "jobs").await);
    cloud.advance(MINUTE);
    assert_eq!(at(&next(&cloud, "jobs").await), (begun + 5 * MINUTE) / 1_000);
    // What was missed comes once.
    cloud.advance(22 * MINUTE);
    assert_eq!(at(&next(&cloud, "jobs").await), (begun + 10 * MINUTE) / 1_000);
    assert!(is_quiet(&cloud, "jobs").await);
    cloud.advance(3 * MINUTE);
    assert_eq!(at(&next(&cloud, "jobs").await), (begun + 30 * MINUTE) / 1_000);
}

#[tokio::test]
async fn once_is_once_and_may_go_with_it() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "jobs").await;
    let at = jiff::Timestamp::from_millisecond(cloud.now() + 10 * MINUTE).unwrap();
    let local = at.to_zoned(jiff::tz::TimeZone::get("Asia/Tokyo").unwrap()).datetime();
    let input = CreateScheduleInput {
        schedule_expression_timezone: Some("Asia/Tokyo".to_owned()),
        action_after_completion: Some("DELETE".to_owned()),
        ..schedule("once", &format!("at({})", local.strftime("%Y-%m-%dT%H:%M:%S")), &arn)
    };
    create(&cloud, input).await.unwrap();
    cloud.advance(9 * MINUTE);
    assert!(is_quiet(&cloud, "jobs").await);
    cloud.advance(MINUTE);
    let said = body(&next(&cloud, "jobs").await);
    assert_eq!(said["detail-type"], "Scheduled Event");
    assert_eq!(said["resources"][0], "arn:aws:scheduler:us-east-1:000000000000:schedule/default/once");
    assert_eq!(get(&cloud, "once").await.unwrap_err().code(), "ResourceNotFoundException");
}

#[tokio::test]
async fn a_flexible_window_is_kept_to_and_the_end_is_the_end() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "jobs").await;
    let input = CreateScheduleInput {
        flexible_time_window: FlexibleTimeWindow {
            mode: "FLEXIBLE".to_owned(),
            maximum_window_in_minutes: Some(15),
        },
        start_date: Some(Timestamp::from_millis(cloud.now() + 30 * MINUTE)),
        end_date: Some(Timestamp::from_millis(cloud.now() + 95 * MINUTE)),
        ..schedule("loose", "rate(1 hours)", &arn)
    };
    create(&cloud, input).await.unwrap();
    cloud.advance(30 * MINUTE - 1);
    assert!(is_quiet(&cloud, "jobs").await);
    cloud.advance(15 * MINUTE + 1);
    next(&cloud, "jobs").await;
    cloud.advance(60 * MINUTE);
    next(&cloud, "jobs").await;
    cloud.advance(600 * MINUTE);
    assert!(is_quiet(&cloud, "jobs").await, "it has ended");
}

#[tokio::test]
async fn what_was_missed_of_a_flexible_schedule_does_not_come_in_a_burst() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "jobs").await;
    let window = FlexibleTimeWindow { mode: "FLEXIBLE".to_owned(), maximum_window_in_minutes: Some(1_440) };
    let input =
        CreateScheduleInput { flexible_time_window: window, ..schedule("loose", "rate(1 minutes)", &arn) };
    create(&cloud, input).await.unwrap();
    // Three days away: of more than a thousand calls whose windows are open still, the first is made now.
    cloud.advance(3 * 1_440 * MINUTE);
    next(&cloud, "jobs").await;
    assert!(is_quiet(&cloud, "jobs").await);
}

#[tokio::test]
async fn a_schedule_that_has_no_time_left_goes_where_it_should() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "jobs").await;
    let over = |name: &str, action: &str| CreateScheduleInput {
        action_after_completion: Some(action.to_owned()),
        end_date: Some(Timestamp::from_millis(cloud.now() + MINUTE)),
        ..schedule(name, "cron(0 0 1 1 ? 2199)", &arn)
    };
    create(&cloud, over("stays", "NONE")).await.unwrap();
    create(&cloud, over("goes", "DELETE")).await.unwrap();
    cloud.eventually("it is gone", async || get(&cloud, "goes").await.is_err().then_some(())).await;
    assert!(get(&cloud, "stays").await.is_ok());
    assert!(is_quiet(&cloud, "jobs").await);
}

#[tokio::test]
async fn buses_and_any_operation_are_called() {
    let cloud = cloud().await;
    queue(&cloud, "jobs").await;
    let mut universal = schedule("sdk", "rate(1 days)", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage");
    universal.target.input =
        Some(json!({ "QueueUrl": "000000000000/jobs", "MessageBody": "hello" }).to_string());
    create(&cloud, universal).await.unwrap();
    assert_eq!(next(&cloud, "jobs").await.body.as_deref(), Some("hello"));
    let rule = api_events::PutRuleRequest {
        name: "all".to_owned(),
        event_pattern: Some(json!({ "source": ["shop"] }).to_string()),
        ..Default::default()
    };
    cloud.call(api_events::op::PutRule, rule).await.unwrap();
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sqs:*", "Resource": "*" }] });
    let input = sqs_api::SetQueueAttributesRequest {
        queue_url: "000000000000/jobs".to_owned(),
        attributes: [("Policy".to_owned(), policy.to_string())].into(),
    };
    cloud.call(sqs_api::op::SetQueueAttributes, input).await.unwrap();
    let target = api_events::Target {
        id: "q".to_owned(),
        arn: cloud.scope().arn("sqs", "jobs"),
        ..Default::default()
    };
    let targets =
        api_events::PutTargetsRequest { rule: "all".to_owned(), targets: vec![target], ..Default::default() };
    cloud.call(api_events::op::PutTargets, targets).await.unwrap();
    let mut event =
        schedule("bus", "rate(1 days)", "arn:aws:events:us-east-1:000000000000:event-bus/default");
    event.target.event_bridge_parameters =
        Some(EventBridgeParameters { source: "shop".to_owned(), detail_type: "Opened".to_owned() });
    event.target.input = Some(json!({ "door": 1 }).to_string());
    create(&cloud, event).await.unwrap();
    let said = body(&next(&cloud, "jobs").await);
    assert_eq!((&said["detail-type"], &said["detail"]["door"]), (&json!("Opened"), &json!(1)));
}

#[tokio::test]
async fn what_cannot_be_called_goes_to_the_dead_letters() {
    let cloud = cloud().await;
    let dead = queue(&cloud, "dead").await;
    role(&cloud, "weak", "scheduler.amazonaws.com", "sqs:GetQueueUrl").await;
    let with = |name: &str, target: &str| {
        let mut input = schedule(name, "rate(1 days)", target);
        input.target.dead_letter_config = Some(DeadLetterConfig { arn: Some(dead.clone()) });
        input.target.input = Some(r#"{"n":1}"#.to_owned());
        input
    };
    create(&cloud, with("gone", &cloud.scope().arn("sqs", "nowhere"))).await.unwrap();
    let letter = next(&cloud, "dead").await;
    let said = letter.message_attributes.clone().unwrap();
    let of = |name: &str| said[name].string_value.clone().unwrap();
    assert_eq!(body(&letter), json!({ "n": 1 }));
    assert_eq!(of("RETRY_ATTEMPTS"), "0");
    assert_eq!(of("TARGET_ARN"), cloud.scope().arn("sqs", "nowhere"));
    assert_eq!(of("SCHEDULE_ARN"), "arn:aws:scheduler:us-east-1:000000000000:schedule/default/gone");
    assert!(of("ERROR_CODE").contains("NonExistentQueue") || of("ERROR_CODE").contains("QueueDoesNotExist"));
    // A role that may not send may not bury either: nothing comes, and nothing stays.
    let mut weak = with("weak", &cloud.scope().arn("sqs", "dead"));
    weak.target.role_arn = ROLE.replace("caller", "weak");
    create(&cloud, weak).await.unwrap();
    assert!(is_quiet(&cloud, "dead").await);
    let mut bad = with("bad", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage");
    bad.target.input = Some(r#"{"Nonsense":"x"}"#.to_owned());
    create(&cloud, bad).await.unwrap();
    let said = next(&cloud, "dead").await.message_attributes.unwrap();
    assert_eq!(said["ERROR_CODE"].string_value.as_deref(), Some("SerializationException"));
}
