//! Buses, rules and targets: put, seen, paged, tagged, deleted.

use api_events::*;
use serde_json::json;

use crate::{cloud, put_rule, put_target, queue, to};

#[tokio::test]
async fn every_operation_of_the_list_is_declared() {
    let service = events::service(&kernel::Plugs::default());
    let declared: Vec<_> = service.declared().collect();
    assert_eq!(declared, SERVICE.ops.iter().map(|op| op.name).collect::<Vec<_>>());
}

#[tokio::test]
async fn rules_are_seen_as_they_were_put_and_go_without_their_targets() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "q", true).await;
    let pattern = json!({ "source": ["shop"] });
    for name in ["c", "a", "b"] {
        put_rule(&cloud, None, name, pattern.clone()).await;
    }
    let target = Target {
        retry_policy: Some(RetryPolicy {
            maximum_retry_attempts: Some(3),
            maximum_event_age_in_seconds: Some(60),
        }),
        input_path: Some("$.detail".into()),
        ..to(&arn)
    };
    put_target(&cloud, None, "a", target).await;
    let list = |next_token| ListRulesRequest { limit: Some(2), next_token, ..Default::default() };
    let page = cloud.call(op::ListRules, list(None)).await.unwrap();
    let names = |page: &ListRulesResponse| {
        page.rules.as_ref().unwrap().iter().map(|rule| rule.name.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(&page), ["a", "b"]);
    let rest = cloud.call(op::ListRules, list(page.next_token)).await.unwrap();
    assert_eq!((names(&rest), rest.next_token), (vec!["c".to_owned()], None));
    let input = DescribeRuleRequest { name: "a".into(), ..Default::default() };
    let seen = cloud.call(op::DescribeRule, input).await.unwrap();
    assert_eq!(seen.event_pattern, Some(pattern.to_string()));
    assert_eq!(seen.state.as_deref(), Some("ENABLED"));
    assert_eq!(seen.arn.as_deref(), Some("arn:aws:events:us-east-1:000000000000:rule/a"));
    let input = ListTargetsByRuleRequest { rule: "a".into(), ..Default::default() };
    let targets = cloud.call(op::ListTargetsByRule, input).await.unwrap().targets.unwrap();
    assert_eq!(targets[0].retry_policy.as_ref().unwrap().maximum_retry_attempts, Some(3));
    assert_eq!(targets[0].input_path.as_deref(), Some("$.detail"));
    let input = ListRuleNamesByTargetRequest { target_arn: arn, ..Default::default() };
    assert_eq!(cloud.call(op::ListRuleNamesByTarget, input).await.unwrap().rule_names.unwrap(), ["a"]);

    let delete = || DeleteRuleRequest { name: "a".into(), ..Default::default() };
    let refused = cloud.call(op::DeleteRule, delete()).await.unwrap_err();
    assert_eq!(refused.message(), "Rule can't be deleted since it has targets.");
    let ids = vec!["1".to_owned(), "9".to_owned()];
    let input = RemoveTargetsRequest { rule: "a".into(), ids, ..Default::default() };
    let removed = cloud.call(op::RemoveTargets, input).await.unwrap();
    assert_eq!(removed.failed_entries.unwrap()[0].target_id.as_deref(), Some("9"));
    cloud.call(op::DeleteRule, delete()).await.unwrap();
    cloud.call(op::DeleteRule, delete()).await.unwrap();
}

#[tokio::test]
async fn buses_have_tags_and_take_their_rules_with_them() {
    let cloud = cloud().await;
    let tag = || Tag { key: "team".into(), value: "red".into() };
    let input = CreateEventBusRequest {
        name: "orders".into(),
        description: Some("of the shop".into()),
        tags: Some(vec![tag()]),
        ..Default::default()
    };
    let arn = cloud.call(op::CreateEventBus, input.clone()).await.unwrap().event_bus_arn.unwrap();
    let again = cloud.call(op::CreateEventBus, input).await.unwrap_err();
    assert_eq!(again.code(), "ResourceAlreadyExistsException");
    put_rule(&cloud, Some("orders"), "r", json!({ "source": ["shop"] })).await;
    let tags = async |arn: &str| {
        let input = ListTagsForResourceRequest { resource_arn: arn.to_owned() };
        let tags = cloud.call(op::ListTagsForResource, input).await.unwrap().tags.unwrap();
        tags.into_iter().map(|tag| tag.key).collect::<Vec<_>>()
    };
    assert_eq!(tags(&arn).await, ["team"]);
    let rule_arn = "arn:aws:events:us-east-1:000000000000:rule/orders/r";
    let input = TagResourceRequest { resource_arn: rule_arn.into(), tags: vec![tag()] };
    cloud.call(op::TagResource, input).await.unwrap();
    assert_eq!(tags(rule_arn).await, ["team"]);
    let input = UntagResourceRequest { resource_arn: rule_arn.into(), tag_keys: vec!["team".into()] };
    cloud.call(op::UntagResource, input).await.unwrap();
    assert!(tags(rule_arn).await.is_empty());

    let input = UpdateEventBusRequest {
        name: Some("orders".into()),
        description: Some("anew".into()),
        ..Default::default()
    };
    cloud.call(op::UpdateEventBus, input).await.unwrap();
    let describe = |name: &str| DescribeEventBusRequest { name: Some(name.to_owned()) };
    let seen = cloud.call(op::DescribeEventBus, describe(&arn)).await.unwrap();
    assert_eq!(seen.description.as_deref(), Some("anew"));
    let all = cloud.call(op::ListEventBuses, ListEventBusesRequest::default()).await.unwrap();
    let names: Vec<_> = all.event_buses.unwrap().into_iter().map(|bus| bus.name.unwrap()).collect();
    assert_eq!(names, ["default", "orders"]);
    let delete = |name: &str| DeleteEventBusRequest { name: name.to_owned() };
    let refused = cloud.call(op::DeleteEventBus, delete("orders")).await.unwrap_err();
    assert_eq!(refused.message(), "EventBus can't be deleted since it has rules.");
    let rule =
        DeleteRuleRequest { name: "r".into(), event_bus_name: Some("orders".into()), ..Default::default() };
    cloud.call(op::DeleteRule, rule).await.unwrap();
    cloud.call(op::DeleteEventBus, delete("orders")).await.unwrap();
    cloud.call(op::DeleteEventBus, delete("orders")).await.unwrap();
    let gone = cloud.call(op::DescribeEventBus, describe("orders")).await.unwrap_err();
    assert_eq!(gone.message(), "Event bus orders does not exist.");
    assert!(cloud.call(op::DeleteEventBus, delete("default")).await.is_err());
}
