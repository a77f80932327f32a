//! Security groups: what they hold, what they refuse, and that the engine hears of it.

use api_ec2 as api;
use api_ec2::op;
use net::{Peer, Ports, Protocol};

use crate::cloud::{Cloud, cloud};
use crate::instance::{becomes, id, launch, run};
use crate::vpc::{default_vpc, filter};

pub(crate) async fn group(cloud: &Cloud, name: &str) -> String {
    let input = api::CreateSecurityGroupRequest {
        group_name: name.to_owned(),
        description: "for a test".to_owned(),
        ..Default::default()
    };
    cloud.call(op::CreateSecurityGroup, input).await.unwrap().group_id.unwrap()
}

fn tcp(port: i32, cidr: &str) -> api::IpPermission {
    api::IpPermission {
        ip_protocol: Some("tcp".to_owned()),
        from_port: Some(port),
        to_port: Some(port),
        ip_ranges: Some(vec![api::IpRange { cidr_ip: Some(cidr.to_owned()), description: None }]),
        ..Default::default()
    }
}

fn from_group(id: &str) -> api::IpPermission {
    let pair = api::UserIdGroupPair { group_id: Some(id.to_owned()), ..Default::default() };
    api::IpPermission {
        ip_protocol: Some("-1".to_owned()),
        user_id_group_pairs: Some(vec![pair]),
        ..Default::default()
    }
}

async fn authorize(
    cloud: &Cloud,
    id: &str,
    permissions: Vec<api::IpPermission>,
) -> kernel::Result<Vec<api::SecurityGroupRule>> {
    let input = api::AuthorizeSecurityGroupIngressRequest {
        group_id: Some(id.to_owned()),
        ip_permissions: Some(permissions),
        ..Default::default()
    };
    let output = cloud.call(op::AuthorizeSecurityGroupIngress, input).await?;
    Ok(output.security_group_rules.unwrap())
}

async fn revoke(
    cloud: &Cloud,
    id: &str,
    permissions: Vec<api::IpPermission>,
) -> kernel::Result<api::RevokeSecurityGroupIngressResult> {
    let input = api::RevokeSecurityGroupIngressRequest {
        group_id: Some(id.to_owned()),
        ip_permissions: Some(permissions),
        ..Default::default()
    };
    cloud.call(op::RevokeSecurityGroupIngress, input).await
}

async fn describe(cloud: &Cloud, id: &str) -> api::SecurityGroup {
    let group_ids = Some(vec![id.to_owned()]);
    let input = api::DescribeSecurityGroupsRequest { group_ids, ..Default::default() };
    cloud.call(op::DescribeSecurityGroups, input).await.unwrap().security_groups.unwrap().remove(0)
}

async fn delete(cloud: &Cloud, id: &str) -> kernel::Result<api::DeleteSecurityGroupResult> {
    let input = api::DeleteSecurityGroupRequest { group_id: Some(id.to_owned()), ..Default::default() };
    cloud.call(op::DeleteSecurityGroup, input).await
}

#[tokio::test]
async fn a_group_is_made_found_and_deleted() {
    let cloud = cloud().await;
    let id = group(&cloud, "web").await;
    let found = describe(&cloud, &id).await;
    assert_eq!(found.group_name.as_deref(), Some("web"));
    assert_eq!(found.vpc_id, default_vpc(&cloud).await.vpc_id);
    assert_eq!(found.ip_permissions.unwrap().len(), 0);
    assert_eq!(found.ip_permissions_egress.unwrap()[0].ip_protocol.as_deref(), Some("-1"));

    let input =
        api::DescribeSecurityGroupsRequest { filters: filter("group-name", &["w*"]), ..Default::default() };
    let listed = cloud.call(op::DescribeSecurityGroups, input).await.unwrap().security_groups.unwrap();
    assert_eq!(listed.len(), 1);

    let input = api::CreateSecurityGroupRequest {
        group_name: "web".to_owned(),
        description: "again".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        cloud.call(op::CreateSecurityGroup, input).await.unwrap_err().code(),
        "InvalidGroup.Duplicate"
    );

    let deleted = delete(&cloud, &id).await.unwrap();
    assert_eq!((deleted.r#return, deleted.group_id), (Some(true), Some(id.clone())));
    let error = delete(&cloud, &id).await.unwrap_err();
    assert_eq!(error.message(), format!("The security group '{id}' does not exist"));
    assert_eq!(delete(&cloud, "sg-nonsense").await.unwrap_err().code(), "InvalidGroupId.Malformed");
}

#[tokio::test]
async fn rules_are_added_once_and_taken_away() {
    let cloud = cloud().await;
    let id = group(&cloud, "web").await;
    let rules = authorize(&cloud, &id, vec![tcp(22, "10.0.0.1/8"), tcp(80, "0.0.0.0/0")]).await.unwrap();
    assert_eq!((rules.len(), rules[0].cidr_ipv4.as_deref()), (2, Some("10.0.0.0/8")));
    let error = authorize(&cloud, &id, vec![tcp(22, "10.0.0.0/8")]).await.unwrap_err();
    assert_eq!(error.code(), "InvalidPermission.Duplicate");
    assert_eq!(
        error.message(),
        "the specified rule \"peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW\" already exists"
    );

    let output = revoke(&cloud, &id, vec![tcp(22, "10.0.0.0/8"), tcp(23, "10.0.0.0/8")]).await.unwrap();
    assert_eq!(output.revoked_security_group_rules.unwrap().len(), 1);
    assert_eq!(output.unknown_ip_permissions.unwrap()[0].from_port, Some(23));

    let input = api::RevokeSecurityGroupIngressRequest {
        group_id: Some(id.clone()),
        security_group_rule_ids: Some(vec![rules[1].security_group_rule_id.clone().unwrap()]),
        ..Default::default()
    };
    cloud.call(op::RevokeSecurityGroupIngress, input.clone()).await.unwrap();
    let error = cloud.call(op::RevokeSecurityGroupIngress, input).await.unwrap_err();
    assert_eq!(error.code(), "InvalidSecurityGroupRuleId.NotFound");
    assert_eq!(describe(&cloud, &id).await.ip_permissions.unwrap().len(), 0);
}

#[tokio::test]
async fn clients_of_old_give_the_permission_itself() {
    let cloud = cloud().await;
    let id = group(&cloud, "web").await;
    let input = api::AuthorizeSecurityGroupIngressRequest {
        group_name: Some("web".to_owned()),
        ip_protocol: Some("tcp".to_owned()),
        from_port: Some(80),
        to_port: Some(81),
        cidr_ip: Some("0.0.0.0/0".to_owned()),
        ..Default::default()
    };
    cloud.call(op::AuthorizeSecurityGroupIngress, input).await.unwrap();
    let permission = describe(&cloud, &id).await.ip_permissions.unwrap().remove(0);
    assert_eq!((permission.from_port, permission.to_port), (Some(80), Some(81)));
    let none = api::AuthorizeSecurityGroupIngressRequest { group_id: Some(id), ..Default::default() };
    let error = cloud.call(op::AuthorizeSecurityGroupIngress, none).await.unwrap_err();
    assert_eq!(error.code(), "MissingParameter");
}

#[tokio::test]
async fn no_more_rules_than_the_quota() {
    let cloud = cloud().await;
    let id = group(&cloud, "web").await;
    let full = (1..=60).map(|port| tcp(port, "10.0.0.0/8")).collect();
    authorize(&cloud, &id, full).await.unwrap();
    let error = authorize(&cloud, &id, vec![tcp(61, "10.0.0.0/8")]).await.unwrap_err();
    assert_eq!(error.code(), "RulesPerSecurityGroupLimitExceeded");
}

#[tokio::test]
async fn rules_are_listed_one_by_one_in_pages() {
    let cloud = cloud().await;
    let id = group(&cloud, "web").await;
    authorize(&cloud, &id, (1..=6).map(|port| tcp(port, "10.0.0.0/8")).collect()).await.unwrap();
    let page = |next_token| api::DescribeSecurityGroupRulesRequest {
        filters: filter("group-id", &[&id]),
        max_results: Some(5),
        next_token,
        ..Default::default()
    };
    let first = cloud.call(op::DescribeSecurityGroupRules, page(None)).await.unwrap();
    let second = cloud.call(op::DescribeSecurityGroupRules, page(first.next_token.clone())).await.unwrap();
    let count =
        |page: &api::DescribeSecurityGroupRulesResult| page.security_group_rules.as_ref().unwrap().len();
    // Six, and the one that lets everything out.
    assert_eq!((count(&first), count(&second), second.next_token.clone()), (5, 2, None));
    let other = cloud.as_account("111122223333");
    let error = other.call(op::DescribeSecurityGroupRules, page(first.next_token)).await.unwrap_err();
    assert_eq!(error.code(), "InvalidNextToken");
}

#[tokio::test]
async fn groups_in_use_and_default_groups_stay() {
    let cloud = cloud().await;
    let (web, db) = (group(&cloud, "web").await, group(&cloud, "db").await);
    authorize(&cloud, &db, vec![from_group(&web)]).await.unwrap();
    let error = delete(&cloud, &web).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("DependencyViolation", &*format!("resource {web} has a dependent object"))
    );
    let input =
        api::DeleteSecurityGroupRequest { group_name: Some("default".to_owned()), ..Default::default() };
    assert_eq!(cloud.call(op::DeleteSecurityGroup, input).await.unwrap_err().code(), "CannotDelete");
    revoke(&cloud, &db, vec![from_group(&web)]).await.unwrap();
    delete(&cloud, &web).await.unwrap();
}

#[tokio::test]
async fn the_engine_filters_by_the_rules_when_the_change_is_answered() {
    let cloud = cloud().await;
    let web = group(&cloud, "web").await;
    authorize(&cloud, &web, vec![tcp(80, "0.0.0.0/0")]).await.unwrap();
    let request = api::RunInstancesRequest { security_group_ids: Some(vec![web.clone()]), ..launch() };
    let instance = run(&cloud, request).await;
    becomes(&cloud, &id(&instance), "running").await;
    let network = net::NetworkId(default_vpc(&cloud).await.vpc_id.unwrap());
    let group_id = net::GroupId(web.clone());
    let ingress = || cloud.networks.group(&network, &group_id).unwrap().ingress;
    let port = |port| net::Rule {
        protocol: Protocol::Tcp(Ports::one(port)),
        peer: Peer::Cidr("0.0.0.0/0".parse().unwrap()),
    };
    assert_eq!(ingress(), [port(80)]);
    authorize(&cloud, &web, vec![tcp(81, "0.0.0.0/0")]).await.unwrap();
    assert_eq!(ingress(), [port(80), port(81)]);
    revoke(&cloud, &web, vec![tcp(80, "0.0.0.0/0")]).await.unwrap();
    assert_eq!(ingress(), [port(81)]);
    assert_eq!(delete(&cloud, &web).await.unwrap_err().code(), "DependencyViolation");
}

#[tokio::test]
async fn rules_change_in_place_and_keep_their_ids() {
    let cloud = cloud().await;
    let id = group(&cloud, "web").await;
    let rules = authorize(&cloud, &id, vec![tcp(80, "0.0.0.0/0"), tcp(81, "0.0.0.0/0")]).await.unwrap();
    let rule_id = rules[0].security_group_rule_id.clone().unwrap();
    let modify = |port, cidr: Option<&str>| api::ModifySecurityGroupRulesRequest {
        group_id: id.clone(),
        security_group_rules: vec![api::SecurityGroupRuleUpdate {
            security_group_rule_id: rule_id.clone(),
            security_group_rule: Some(api::SecurityGroupRuleRequest {
                ip_protocol: Some("tcp".to_owned()),
                from_port: Some(port),
                to_port: Some(port),
                cidr_ipv4: cidr.map(str::to_owned),
                description: Some("new".to_owned()),
                ..Default::default()
            }),
        }],
        dry_run: None,
    };
    cloud.call(op::ModifySecurityGroupRules, modify(8080, Some("10.0.0.0/8"))).await.unwrap();
    let error = cloud.call(op::ModifySecurityGroupRules, modify(81, Some("0.0.0.0/0"))).await.unwrap_err();
    assert_eq!(error.code(), "InvalidPermission.Duplicate");
    assert!(cloud.call(op::ModifySecurityGroupRules, modify(81, None)).await.is_err());

    let describe = |description: &str| api::UpdateSecurityGroupRuleDescriptionsIngressRequest {
        group_id: Some(id.clone()),
        security_group_rule_descriptions: Some(vec![api::SecurityGroupRuleDescription {
            security_group_rule_id: Some(rule_id.clone()),
            description: Some(description.to_owned()),
        }]),
        ..Default::default()
    };
    let listed = || async {
        let security_group_rule_ids = Some(vec![rule_id.clone()]);
        let input = api::DescribeSecurityGroupRulesRequest { security_group_rule_ids, ..Default::default() };
        let output = cloud.call(op::DescribeSecurityGroupRules, input).await.unwrap();
        output.security_group_rules.unwrap().remove(0)
    };
    let rule = listed().await;
    assert_eq!((rule.from_port, rule.cidr_ipv4.as_deref()), (Some(8080), Some("10.0.0.0/8")));
    cloud.call(op::UpdateSecurityGroupRuleDescriptionsIngress, describe("other")).await.unwrap();
    assert_eq!(listed().await.description.as_deref(), Some("other"));
    let error =
        cloud.call(op::UpdateSecurityGroupRuleDescriptionsIngress, describe("a<b")).await.unwrap_err();
    assert_eq!(error.code(), "InvalidParameterValue");
    let output = api::UpdateSecurityGroupRuleDescriptionsEgressRequest {
        group_id: Some(id.clone()),
        ip_permissions: Some(vec![tcp(80, "0.0.0.0/0")]),
        ..Default::default()
    };
    let error = cloud.call(op::UpdateSecurityGroupRuleDescriptionsEgress, output).await.unwrap_err();
    assert_eq!(error.code(), "InvalidPermission.NotFound");
}

#[tokio::test]
async fn a_change_the_engine_refuses_comes_into_force_later() {
    let cloud = cloud().await;
    let web = group(&cloud, "web").await;
    let request = api::RunInstancesRequest { security_group_ids: Some(vec![web.clone()]), ..launch() };
    let instance = id(&run(&cloud, request).await);
    becomes(&cloud, &instance, "running").await;
    cloud.networks.fail(Some(net::Error::Worker));
    let error = authorize(&cloud, &web, vec![tcp(80, "0.0.0.0/0")]).await.unwrap_err();
    assert_eq!(error.status(), 500);
    cloud.networks.fail(None);
    let network = net::NetworkId(default_vpc(&cloud).await.vpc_id.unwrap());
    cloud
        .eventually("the rule is in force", async || {
            cloud.advance(1_000);
            let group = cloud.networks.group(&network, &net::GroupId(web.clone())).unwrap();
            (group.ingress.len() == 1).then_some(())
        })
        .await;
}
