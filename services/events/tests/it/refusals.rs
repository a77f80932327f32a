//! What is refused, in AWS's words, and changes nothing.

use api_events::*;
use serde_json::json;

use crate::{cloud, entry, put_event, put_rule, queue, to};

#[tokio::test]
async fn rules_that_say_nothing_or_nonsense() {
    let cloud = cloud().await;
    let rule = || PutRuleRequest { name: "r".into(), ..Default::default() };
    let pattern = |text: &str| PutRuleRequest { event_pattern: Some(text.into()), ..rule() };
    let schedule = |text: &str| PutRuleRequest { schedule_expression: Some(text.into()), ..rule() };
    for (input, code) in [
        (rule(), "ValidationException"),
        (pattern("{}"), "InvalidEventPatternException"),
        (pattern(r#"{"source":"shop"}"#), "InvalidEventPatternException"),
        (schedule("rate(1 minutes)"), "ValidationException"),
        (
            PutRuleRequest { event_bus_name: Some("none".into()), ..pattern(r#"{"a":[1]}"#) },
            "ResourceNotFoundException",
        ),
        (
            PutRuleRequest { event_bus_name: Some("none".into()), ..schedule("rate(1 day)") },
            "ValidationException",
        ),
        (PutRuleRequest { state: Some("ON".into()), ..pattern(r#"{"a":[1]}"#) }, "ValidationException"),
        (PutRuleRequest { role_arn: Some("x".into()), ..pattern(r#"{"a":[1]}"#) }, "ValidationException"),
        (
            PutRuleRequest {
                role_arn: Some("arn:aws:iam::000000000000:user/u".into()),
                ..pattern(r#"{"a":[1]}"#)
            },
            "ValidationException",
        ),
    ] {
        assert_eq!(cloud.call(op::PutRule, input).await.unwrap_err().code(), code);
    }
    let all = cloud.call(op::ListRules, ListRulesRequest::default()).await.unwrap();
    assert!(all.rules.unwrap().is_empty());
}

#[tokio::test]
async fn targets_that_cannot_be() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "q", true).await;
    put_rule(&cloud, None, "r", json!({ "source": ["shop"] })).await;
    let put = async |targets: Vec<Target>| {
        let input = PutTargetsRequest { rule: "r".into(), event_bus_name: None, targets };
        cloud.call(op::PutTargets, input).await.unwrap_err().message().to_owned()
    };
    let template = |text: &str| InputTransformer {
        input_paths_map: Some([("n".to_owned(), "$.detail.n".to_owned())].into()),
        input_template: text.to_owned(),
    };
    let bus = "arn:aws:events:us-east-1:000000000000:event-bus/b";
    for (target, words) in [
        (to("nonsense"), "Provided Arn is not in correct format"),
        (to("arn:aws:lambda:us-east-1:000000000000:function:f"), "Targets of lambda are not supported"),
        (to("arn:aws:sqs:us-east-1:000000000000:q.fifo"), "SqsParameters must be specified"),
        (to("arn:aws:events:us-east-1:000000000000:target/stop-instance"), "RoleArn is required"),
        (Target { input: Some("{".into()), ..to(&arn) }, "JSON syntax error in input"),
        (Target { input_path: Some("x".into()), ..to(&arn) }, "Invalid JSONPath"),
        (Target { input: Some("1".into()), input_path: Some("$.a".into()), ..to(&arn) }, "Only one of Input"),
        (Target { input_transformer: Some(template("\"<a>\"")), ..to(&arn) }, "placeholder a is not defined"),
        (Target { input_transformer: Some(template(r#"{"x":<n>"#)), ..to(&arn) }, "is not valid JSON"),
        (Target { input: Some("1".into()), ..to(bus) }, "not available for event buses"),
        (Target { input_transformer: Some(template("<n>")), ..to(bus) }, "not available for event buses"),
        (Target { role_arn: Some("x".into()), ..to(&arn) }, "Provided Arn is not in correct format"),
        (
            Target { dead_letter_config: Some(DeadLetterConfig { arn: Some("arn:x".into()) }), ..to(&arn) },
            "DeadLetterConfig",
        ),
    ] {
        let message = put(vec![target]).await;
        assert!(message.contains(words), "{message}");
    }
    let six = (0..6).map(|id| Target { id: id.to_string(), ..to(&arn) }).collect();
    assert!(put(six).await.contains("exceeds the maximum"));
    let input = ListTargetsByRuleRequest { rule: "r".into(), ..Default::default() };
    assert!(cloud.call(op::ListTargetsByRule, input).await.unwrap().targets.unwrap().is_empty());
}

#[tokio::test]
async fn entries_are_refused_one_by_one() {
    let cloud = cloud().await;
    let plain = || entry("shop", json!({}));
    for (entry, code) in [
        (PutEventsRequestEntry { source: None, ..plain() }, "InvalidArgument"),
        (PutEventsRequestEntry { detail: Some("[]".into()), ..plain() }, "MalformedDetail"),
        (PutEventsRequestEntry { detail: Some("{".into()), ..plain() }, "MalformedDetail"),
        (
            PutEventsRequestEntry { source: Some("aws.ec2".into()), ..plain() },
            "NotAuthorizedForSourceException",
        ),
    ] {
        assert_eq!(put_event(&cloud, entry).await.error_code.as_deref(), Some(code));
    }
    let nowhere = PutEventsRequestEntry { event_bus_name: Some("none".into()), ..plain() };
    assert!(put_event(&cloud, nowhere).await.event_id.is_some());
    let large =
        PutEventsRequestEntry { detail: Some(json!({ "x": "x".repeat(1 << 20) }).to_string()), ..plain() };
    let input = PutEventsRequest { entries: vec![large], ..Default::default() };
    assert_eq!(cloud.call(op::PutEvents, input).await.unwrap_err().code(), "ValidationException");
}

#[tokio::test]
async fn patterns_are_tried_on_whole_events() {
    let cloud = cloud().await;
    let event = json!({
        "id": "1", "account": "000000000000", "source": "shop", "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1", "resources": [], "detail-type": "Order", "detail": { "n": 1 },
    });
    let test = async |pattern: &str, event: &str| {
        let input = TestEventPatternRequest { event_pattern: pattern.into(), event: event.into() };
        cloud.call(op::TestEventPattern, input).await
    };
    let whole = event.to_string();
    assert_eq!(test(r#"{"detail":{"n":[1]}}"#, &whole).await.unwrap().result, Some(true));
    assert_eq!(test(r#"{"detail":{"n":[2]}}"#, &whole).await.unwrap().result, Some(false));
    assert_eq!(test("[]", &whole).await.unwrap_err().code(), "InvalidEventPatternException");
    assert_eq!(test(r#"{"a":[1]}"#, r#"{"a":1}"#).await.unwrap_err().code(), "ValidationException");
}
