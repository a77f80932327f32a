//! What services of the house tell.

use api_events::*;
use kernel::Event;
use serde_json::json;

use crate::{cloud, is_empty, next_json, put_rule, put_target, queue, to};

#[tokio::test]
async fn what_a_service_tells_comes_once_and_what_is_private_does_not() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "q", true).await;
    put_rule(&cloud, None, "r", json!({ "source": ["aws.ec2"] })).await;
    put_target(&cloud, None, "r", to(&arn)).await;
    let ctx = cloud.ctx("sqs");
    let event = |state: &str| {
        let detail = json!({ "instance-id": "i-1", "state": state });
        let resources = vec!["arn:aws:ec2:us-east-1:000000000000:instance/i-1".to_owned()];
        Event::new(&ctx, "aws.ec2", "EC2 Instance State-change Notification", resources, detail)
    };
    let (private, told) = (event("private").in_private(), event("running"));
    ctx.write(|tx| tx.publish(&private).and_then(|()| tx.publish(&told))).await.unwrap();
    let seen = next_json(&cloud, "q").await;
    assert_eq!(seen["id"], json!(told.id));
    assert_eq!(seen["source"], "aws.ec2");
    assert_eq!(seen["detail"], json!({ "instance-id": "i-1", "state": "running" }));
    assert_eq!(seen["resources"], json!(["arn:aws:ec2:us-east-1:000000000000:instance/i-1"]));
    // The same once more.
    let again = std::sync::Arc::new(event("again"));
    events::events::told(&cloud.ctx("events"), again.clone()).await.unwrap();
    events::events::told(&cloud.ctx("events"), again).await.unwrap();
    assert_eq!(next_json(&cloud, "q").await["detail"]["state"], "again");
    assert!(is_empty(&cloud, "q").await);
}

#[tokio::test]
async fn a_rule_goes_off_by_the_clock_and_not_when_it_is_disabled() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "q", true).await;
    let rule = || PutRuleRequest {
        name: "tick".into(),
        schedule_expression: Some("rate(5 minutes)".into()),
        ..Default::default()
    };
    let rule_arn = cloud.call(op::PutRule, rule()).await.unwrap().rule_arn.unwrap();
    put_target(&cloud, None, "tick", Target { input: Some(r#"{"tick":true}"#.into()), ..to(&arn) }).await;
    cloud.advance(299_000);
    assert!(is_empty(&cloud, "q").await);
    cloud.advance(1_000);
    assert_eq!(next_json(&cloud, "q").await, json!({ "tick": true }));
    put_target(&cloud, None, "tick", to(&arn)).await;
    cloud.advance(300_000);
    let event = next_json(&cloud, "q").await;
    assert_eq!(event["detail-type"], "Scheduled Event");
    assert_eq!(event["source"], "aws.events");
    assert_eq!(event["resources"], json!([rule_arn]));
    let name = || "tick".to_owned();
    cloud.call(op::DisableRule, DisableRuleRequest { name: name(), ..Default::default() }).await.unwrap();
    cloud.advance(600_000);
    cloud.call(op::EnableRule, EnableRuleRequest { name: name(), ..Default::default() }).await.unwrap();
    cloud.advance(299_000);
    assert!(is_empty(&cloud, "q").await, "nothing is made up for");
    cloud.advance(1_000);
    next_json(&cloud, "q").await;
}
