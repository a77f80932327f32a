//! What is refused, and in which words.

use api_elbv2::*;
use kernel::Error;

use crate::cloud::{Cloud, SUBNETS, cloud};

fn code<T>(outcome: Result<T, Error>) -> &'static str {
    outcome.err().map_or("nothing", |error| error.query_code())
}

fn fixed(text: &str) -> Vec<Action> {
    let config = FixedResponseActionConfig {
        message_body: Some(text.into()),
        status_code: "200".into(),
        content_type: None,
    };
    vec![Action {
        r#type: "fixed-response".into(),
        fixed_response_config: Some(config),
        ..Default::default()
    }]
}

async fn rule(cloud: &Cloud, listener: &str, priority: i32, path: &str) -> Result<CreateRuleOutput, Error> {
    let condition = RuleCondition {
        field: Some("path-pattern".into()),
        values: Some(vec![path.into()]),
        ..Default::default()
    };
    let input = CreateRuleInput {
        listener_arn: listener.into(),
        conditions: vec![condition],
        priority,
        actions: fixed("x"),
        ..Default::default()
    };
    cloud.test.call(op::CreateRule, input).await
}

#[tokio::test]
async fn names_are_taken_once_and_the_same_is_the_same() {
    let cloud = cloud().await;
    let arn = cloud.balancer("web").await;
    assert_eq!(cloud.balancer("web").await, arn);
    let input = CreateLoadBalancerInput {
        name: "web".into(),
        subnets: Some(SUBNETS[1..].iter().map(|&id| id.to_owned()).collect()),
        ..Default::default()
    };
    assert_eq!(code(cloud.test.call(op::CreateLoadBalancer, input).await), "DuplicateLoadBalancerName");
    let input = CreateLoadBalancerInput {
        name: "x".into(),
        subnets: Some(vec![SUBNETS[0].into(), "subnet-none".into()]),
        ..Default::default()
    };
    assert_eq!(code(cloud.test.call(op::CreateLoadBalancer, input).await), "SubnetNotFound");
}

#[tokio::test]
async fn ipv6_needs_ranges_and_what_is_not_served_is_named() {
    let cloud = cloud().await;
    let wish = |kind: &str, scheme: &str, subnets: [usize; 2]| CreateLoadBalancerInput {
        name: "web".into(),
        subnets: Some(subnets.map(|at| SUBNETS[at].to_owned()).to_vec()),
        ip_address_type: Some(kind.into()),
        scheme: Some(scheme.into()),
        ..Default::default()
    };
    let made = async |input| code(cloud.test.call(op::CreateLoadBalancer, input).await);
    let open = "internet-facing";
    assert_eq!(made(wish("dualstack", open, [1, 2])).await, "ValidationError");
    let closed = "dualstack-without-public-ipv4";
    assert_eq!(made(wish(closed, "internal", [0, 1])).await, "InvalidConfigurationRequest");
    assert_eq!(made(wish(closed, open, [1, 2])).await, "ValidationError");
    assert_eq!(made(wish("ipv6", open, [0, 1])).await, "ValidationError");
    let network = |kind| CreateLoadBalancerInput {
        r#type: Some("network".into()),
        name: "net".into(),
        ..wish(kind, open, [0, 1])
    };
    assert_eq!(made(network(closed)).await, "InvalidConfigurationRequest");
    let network = network("dualstack");
    let made = cloud.test.call(op::CreateLoadBalancer, network).await.unwrap().load_balancers.unwrap();
    let arn = made[0].load_balancer_arn.clone().unwrap();
    assert_eq!(made[0].ip_address_type.as_deref(), Some("dualstack"));
    let input = CreateTargetGroupInput {
        name: "g".into(),
        protocol: Some("UDP".into()),
        port: Some(80),
        vpc_id: Some(crate::cloud::VPC.into()),
        ..Default::default()
    };
    let group = cloud.test.call(op::CreateTargetGroup, input).await.unwrap().target_groups.unwrap();
    let forward = Action {
        r#type: "forward".into(),
        target_group_arn: group[0].target_group_arn.clone(),
        ..Default::default()
    };
    let input = CreateListenerInput {
        load_balancer_arn: arn.clone(),
        protocol: Some("UDP".into()),
        port: Some(80),
        default_actions: vec![forward],
        ..Default::default()
    };
    assert_eq!(code(cloud.test.call(op::CreateListener, input).await), "InvalidConfigurationRequest");
    let subnets = Some(SUBNETS[1..].iter().map(|&id| id.to_owned()).collect());
    let input = SetSubnetsInput { load_balancer_arn: arn, subnets, ..Default::default() };
    assert_eq!(code(cloud.test.call(op::SetSubnets, input).await), "ValidationError");
}

#[tokio::test]
async fn a_target_group_serves_one_load_balancer_and_is_kept_while_it_does() {
    let cloud = cloud().await;
    let (one, two) = (cloud.balancer("one").await, cloud.balancer("two").await);
    let group = cloud.group("g").await;
    cloud.listener(&one, &group).await;
    let forward =
        Action { r#type: "forward".into(), target_group_arn: Some(group.clone()), ..Default::default() };
    let input = CreateListenerInput {
        load_balancer_arn: two,
        protocol: Some("HTTP".into()),
        port: Some(80),
        default_actions: vec![forward],
        ..Default::default()
    };
    assert_eq!(code(cloud.test.call(op::CreateListener, input).await), "TargetGroupAssociationLimit");
    let input = DeleteTargetGroupInput { target_group_arn: group };
    assert_eq!(code(cloud.test.call(op::DeleteTargetGroup, input).await), "ResourceInUse");
}

#[tokio::test]
async fn priorities_are_unique_and_can_be_exchanged_at_once() {
    let cloud = cloud().await;
    let balancer = cloud.balancer("web").await;
    let group = cloud.group("g").await;
    let listener = cloud.listener(&balancer, &group).await;
    let made = rule(&cloud, &listener, 1, "/a").await.unwrap().rules.unwrap();
    let first = made[0].rule_arn.clone().unwrap();
    let made = rule(&cloud, &listener, 2, "/b").await.unwrap().rules.unwrap();
    let second = made[0].rule_arn.clone().unwrap();
    assert_eq!(code(rule(&cloud, &listener, 1, "/c").await), "PriorityInUse");
    assert_eq!(code(rule(&cloud, &listener, 0, "/c").await), "ValidationError");
    let pair =
        |arn: &String, priority| RulePriorityPair { rule_arn: Some(arn.clone()), priority: Some(priority) };
    let input = SetRulePrioritiesInput { rule_priorities: vec![pair(&first, 2), pair(&second, 1)] };
    cloud.test.call(op::SetRulePriorities, input).await.unwrap();
    let input = SetRulePrioritiesInput { rule_priorities: vec![pair(&first, 1)] };
    assert_eq!(code(cloud.test.call(op::SetRulePriorities, input).await), "PriorityInUse");
    let input = DescribeRulesInput { listener_arn: Some(listener), page_size: Some(2), ..Default::default() };
    let page = cloud.test.call(op::DescribeRules, input.clone()).await.unwrap();
    let arns: Vec<_> = page.rules.unwrap().into_iter().filter_map(|rule| rule.rule_arn).collect();
    assert_eq!(arns, [second, first]);
    let input = DescribeRulesInput { marker: page.next_marker, ..input };
    let page = cloud.test.call(op::DescribeRules, input).await.unwrap();
    assert_eq!(page.rules.unwrap()[0].is_default, Some(true));
    assert!(page.next_marker.is_none());
}

#[tokio::test]
async fn grpc_needs_https_and_the_host_has_a_condition_of_its_own() {
    let cloud = cloud().await;
    let balancer = cloud.balancer("web").await;
    let input = CreateTargetGroupInput {
        name: "grpc".into(),
        protocol: Some("HTTP".into()),
        protocol_version: Some("GRPC".into()),
        port: Some(80),
        vpc_id: Some(crate::cloud::VPC.into()),
        ..Default::default()
    };
    let grpc = cloud.test.call(op::CreateTargetGroup, input).await.unwrap().target_groups.unwrap();
    let forward = Action {
        r#type: "forward".into(),
        target_group_arn: grpc[0].target_group_arn.clone(),
        ..Default::default()
    };
    let input = CreateListenerInput {
        load_balancer_arn: balancer.clone(),
        protocol: Some("HTTP".into()),
        port: Some(80),
        default_actions: vec![forward],
        ..Default::default()
    };
    let refused = cloud.test.call(op::CreateListener, input).await.unwrap_err();
    assert!(refused.message().contains("'GRPC'"), "{refused}");

    let listener = cloud.listener(&balancer, &cloud.group("g").await).await;
    let by_header = async |name: &str| {
        let config = HttpHeaderConditionConfig {
            http_header_name: Some(name.into()),
            values: Some(vec!["x".into()]),
            ..Default::default()
        };
        let condition = RuleCondition {
            field: Some("http-header".into()),
            http_header_config: Some(config),
            ..Default::default()
        };
        let input = CreateRuleInput {
            listener_arn: listener.clone(),
            conditions: vec![condition],
            priority: 1,
            actions: fixed("x"),
            ..Default::default()
        };
        code(cloud.test.call(op::CreateRule, input).await)
    };
    assert_eq!(by_header("HOST").await, "ValidationError");
    assert_eq!(by_header("X-Host").await, "nothing");
}

#[tokio::test]
async fn the_same_settings_in_another_order_are_the_same() {
    let cloud = cloud().await;
    let arn = cloud.balancer("web").await;
    let input = CreateLoadBalancerInput {
        name: "web".into(),
        subnets: Some(SUBNETS[..2].iter().rev().map(|&id| id.to_owned()).collect()),
        ..Default::default()
    };
    let again = cloud.test.call(op::CreateLoadBalancer, input).await.unwrap().load_balancers.unwrap();
    assert_eq!(again[0].load_balancer_arn, Some(arn));
    let input = CreateLoadBalancerInput { name: String::new(), ..Default::default() };
    let refused = cloud.test.call(op::CreateLoadBalancer, input).await.err().unwrap();
    assert_eq!(refused.message(), "Load balancer name cannot be empty");
    let names = (0..21).map(|number| format!("n{number}")).collect();
    let input = DescribeLoadBalancersInput { names: Some(names), ..Default::default() };
    assert_eq!(code(cloud.test.call(op::DescribeLoadBalancers, input).await), "ValidationError");
}

#[tokio::test]
async fn what_goes_with_another_type_of_action_is_refused() {
    let cloud = cloud().await;
    let listener = cloud.listener(&cloud.balancer("web").await, &cloud.group("g").await).await;
    let modified = async |actions| {
        let input = ModifyListenerInput {
            listener_arn: listener.clone(),
            default_actions: Some(actions),
            ..Default::default()
        };
        code(cloud.test.call(op::ModifyListener, input).await)
    };
    let redirect = |port: &str| RedirectActionConfig {
        status_code: "HTTP_301".into(),
        port: Some(port.into()),
        ..Default::default()
    };
    let mut beside = fixed("x");
    beside[0].redirect_config = Some(redirect("81"));
    assert_eq!(modified(beside).await, "InvalidLoadBalancerAction");
    let mut beside = fixed("x");
    beside[0].target_group_arn = Some("arn".into());
    assert_eq!(modified(beside).await, "InvalidLoadBalancerAction");
    // Back to where it came from, and elsewhere.
    let to = |port| {
        let config = Some(redirect(port));
        vec![Action { r#type: "redirect".into(), redirect_config: config, ..Default::default() }]
    };
    assert_eq!(modified(to("80")).await, "InvalidLoadBalancerAction");
    assert_eq!(modified(to("81")).await, "nothing");
    assert_eq!(modified(fixed("x")).await, "nothing");
}

#[tokio::test]
async fn the_internet_is_faced_where_a_gateway_leads_to_it() {
    let cloud = cloud().await;
    cloud.set_gateway(false);
    let wish = |scheme: &str| CreateLoadBalancerInput {
        name: "web".into(),
        subnets: Some(SUBNETS[..2].iter().map(|&id| id.to_owned()).collect()),
        scheme: Some(scheme.into()),
        ..Default::default()
    };
    let refused = cloud.test.call(op::CreateLoadBalancer, wish("internet-facing")).await.err().unwrap();
    assert_eq!(refused.query_code(), "InvalidSubnet");
    assert_eq!(refused.message(), format!("VPC {} has no internet gateway", crate::cloud::VPC));
    cloud.test.call(op::CreateLoadBalancer, wish("internal")).await.unwrap();
}

#[tokio::test]
async fn a_load_balancer_has_a_hundred_target_groups_at_most() {
    let cloud = cloud().await;
    let mut groups = Vec::new();
    for number in 0..101 {
        groups.push(cloud.group(&format!("g{number}")).await);
    }
    let listener = cloud.listener(&cloud.balancer("web").await, &groups[0]).await;
    let forward = |some: &[String]| {
        let tuple = |arn: &String| TargetGroupTuple { target_group_arn: Some(arn.clone()), weight: None };
        let target_groups = Some(some.iter().map(tuple).collect());
        let config = ForwardActionConfig { target_groups, ..Default::default() };
        vec![Action { r#type: "forward".into(), forward_config: Some(config), ..Default::default() }]
    };
    for (priority, some) in (1..).zip(groups[1..].chunks(5)) {
        let condition = RuleCondition {
            field: Some("path-pattern".into()),
            values: Some(vec!["/x".into()]),
            ..Default::default()
        };
        let input = CreateRuleInput {
            listener_arn: listener.clone(),
            conditions: vec![condition],
            priority,
            actions: forward(some),
            ..Default::default()
        };
        let told = code(cloud.test.call(op::CreateRule, input).await);
        let wanted = if priority < 20 { "nothing" } else { "TooManyUniqueTargetGroupsPerLoadBalancer" };
        assert_eq!(told, wanted, "{priority}");
    }
}
