//! Load balancers at addresses of IPv6, and targets behind them.

use api_elbv2::*;

use crate::cloud::{Cloud, OWN_RANGE, PEER_RANGE, SUBNETS, VPC, cloud, targets};

#[tokio::test]
async fn a_dualstack_balancer_stands_at_addresses_of_both_families() {
    let cloud = cloud().await;
    let arn = cloud.balancer("web").await;
    let set = async |kind: &str| {
        let ip_address_type = kind.to_owned();
        let input = SetIpAddressTypeInput { load_balancer_arn: arn.clone(), ip_address_type };
        let done = cloud.test.call(op::SetIpAddressType, input).await;
        done.map(|output| output.ip_address_type.unwrap()).map_err(|error| error.query_code())
    };
    let places = || cloud.fronts.all()[0].places.iter().filter(|place| place.address.is_ipv6()).count();
    assert_eq!(set("dualstack").await.as_deref(), Ok("dualstack"));
    cloud.test.eventually("it has both", async || (places() == 2).then_some(())).await;
    assert_eq!((cloud.fronts.all()[0].places.len(), cloud.interfaces_with_six()), (4, 2));

    let groups = ["ipv4", "ipv6"].map(|kind| CreateTargetGroupInput {
        name: kind.into(),
        protocol: Some("HTTP".into()),
        port: Some(80),
        vpc_id: Some(VPC.into()),
        target_type: Some("ip".into()),
        ip_address_type: Some(kind.into()),
        ..Default::default()
    });
    let mut arns = Vec::new();
    for input in groups {
        let made =
            cloud.test.call(op::CreateTargetGroup, input.clone()).await.unwrap().target_groups.unwrap();
        assert_eq!(made[0].ip_address_type, input.ip_address_type);
        arns.push(made[0].target_group_arn.clone().unwrap());
    }
    let register = async |group: &str, id: &str| {
        let input = RegisterTargetsInput { target_group_arn: group.to_owned(), targets: targets(&[id]) };
        cloud.test.call(op::RegisterTargets, input).await.map(drop).map_err(|error| error.query_code())
    };
    assert_eq!(register(&arns[1], "10.0.0.7").await, Err("ValidationError"));
    assert_eq!(register(&arns[0], "fdc1:d1e:0:1::7").await, Err("ValidationError"));
    assert_eq!(register(&arns[1], "fdc1:d1e:0:9::7").await, Err("ValidationError"), "of no subnet");
    register(&arns[1], "fdc1:d1e:0:1::7").await.unwrap();
    cloud.listener(&arn, &arns[1]).await;
    let member = || Some(cloud.fronts.all()[0].pools.first()?.members.first()?.address.to_string());
    let is_there = async || (member().as_deref() == Some("[fdc1:d1e:0:1::7]:80")).then_some(());
    cloud.test.eventually("it is a member", is_there).await;
    assert_eq!(set("ipv4").await.unwrap_err(), "InvalidConfigurationRequest", "its targets have IPv6");

    let input = DescribeListenersInput { load_balancer_arn: Some(arn.clone()), ..Default::default() };
    let listeners = cloud.test.call(op::DescribeListeners, input).await.unwrap().listeners.unwrap();
    let input = DeleteListenerInput { listener_arn: listeners[0].listener_arn.clone().unwrap() };
    cloud.test.call(op::DeleteListener, input).await.unwrap();
    assert_eq!(set("ipv4").await.as_deref(), Ok("ipv4"));
    let is_back = async || (places() == 0 && cloud.interfaces_with_six() == 0).then_some(());
    cloud.test.eventually("it has one", is_back).await;
    assert_eq!(cloud.interfaces(), 2, "the interfaces stay");
}

/// Whom an internal balancer lets in, by each of its places that has IPv6.
fn admitted(cloud: &Cloud) -> Vec<Option<Vec<String>>> {
    let fronts = cloud.fronts.all();
    let places = fronts.iter().flat_map(|front| &front.places).filter(|place| place.address.is_ipv6());
    let texts = |ranges: &Vec<_>| ranges.iter().map(ToString::to_string).collect();
    places.map(|place| place.admits.as_ref().map(texts)).collect()
}

#[tokio::test]
async fn an_internal_balancer_lets_in_by_ipv6_who_comes_by_no_internet_gateway() {
    let cloud = cloud().await;
    let arn = cloud
        .made(CreateLoadBalancerInput {
            name: "web".into(),
            subnets: Some(SUBNETS[..2].iter().map(|&id| id.to_owned()).collect()),
            scheme: Some("internal".into()),
            ip_address_type: Some("dualstack".into()),
            ..Default::default()
        })
        .await;
    let near = Some([OWN_RANGE, PEER_RANGE].map(str::to_owned).to_vec());
    let is_near = || admitted(&cloud) == [near.clone(), near.clone()];
    cloud.test.eventually("it is at both", async || is_near().then_some(())).await;
    assert_eq!(cloud.interfaces_in_public(), 0);
    let fronts = cloud.fronts.all();
    assert!(fronts[0].places.iter().all(|place| place.address.is_ipv6() || place.admits.is_none()));

    let key = "ipv6.deny_all_igw_traffic";
    let input = DescribeLoadBalancerAttributesInput { load_balancer_arn: arn.clone() };
    let found = cloud.test.call(op::DescribeLoadBalancerAttributes, input).await.unwrap();
    let found = found.attributes.unwrap().into_iter().find(|one| one.key.as_deref() == Some(key));
    assert_eq!(found.unwrap().value.as_deref(), Some("true"));
    let open = LoadBalancerAttribute { key: Some(key.into()), value: Some("false".into()) };
    let input = ModifyLoadBalancerAttributesInput { load_balancer_arn: arn, attributes: vec![open] };
    cloud.test.call(op::ModifyLoadBalancerAttributes, input).await.unwrap();
    let all = async || (admitted(&cloud) == [None, None]).then_some(());
    cloud.test.eventually("it lets in everybody", all).await;
}

#[tokio::test]
async fn a_balancer_may_do_without_public_ipv4_and_have_it_again() {
    let cloud = cloud().await;
    let arn = cloud.balancer("web").await;
    let set = async |kind: &str| {
        let ip_address_type = kind.to_owned();
        let input = SetIpAddressTypeInput { load_balancer_arn: arn.clone(), ip_address_type };
        cloud.test.call(op::SetIpAddressType, input).await.unwrap().ip_address_type.unwrap()
    };
    let known = || -> Vec<bool> {
        let fronts = cloud.fronts.all();
        let names = fronts.iter().flat_map(|front| &front.places).filter_map(|place| place.known_as);
        names.map(|address| address.is_ipv6()).collect()
    };
    let kind = "dualstack-without-public-ipv4";
    assert_eq!(set(kind).await, kind);
    let is_closed = || cloud.interfaces_in_public() == 0 && known() == [true, true];
    cloud.test.eventually("it is known by IPv6 alone", async || is_closed().then_some(())).await;
    assert_eq!(cloud.fronts.all()[0].places.len(), 4, "targets are reached by both");
    set("dualstack").await;
    let is_open = || cloud.interfaces_in_public() == 2 && known() == [false, true, false, true];
    cloud.test.eventually("it is known by both", async || is_open().then_some(())).await;
}

#[tokio::test]
async fn instances_are_reached_by_the_addresses_their_group_is_of() {
    let cloud = cloud().await;
    let input = CreateTargetGroupInput {
        name: "six".into(),
        protocol: Some("HTTP".into()),
        port: Some(80),
        vpc_id: Some(VPC.into()),
        ip_address_type: Some("ipv6".into()),
        ..Default::default()
    };
    let made = cloud.test.call(op::CreateTargetGroup, input).await.unwrap().target_groups.unwrap();
    let group = made[0].target_group_arn.clone().unwrap();
    assert_eq!(
        (made[0].target_type.as_deref(), made[0].ip_address_type.as_deref()),
        (Some("instance"), Some("ipv6"))
    );
    let input = RegisterTargetsInput { target_group_arn: group.clone(), targets: targets(&["i-7", "i-100"]) };
    let refused = cloud.test.call(op::RegisterTargets, input).await.unwrap_err();
    assert_eq!(refused.query_code(), "InvalidTarget", "i-100 has no address of IPv6");
    assert!(cloud.health(&group).await.is_empty(), "and nothing is registered");
    cloud.register(&group, &["i-7"]).await;

    let arn = cloud.balancer("web").await;
    let input = SetIpAddressTypeInput { load_balancer_arn: arn.clone(), ip_address_type: "dualstack".into() };
    cloud.test.call(op::SetIpAddressType, input).await.unwrap();
    cloud.listener(&arn, &group).await;
    let member = || Some(cloud.fronts.all()[0].pools.first()?.members.first()?.address.to_string());
    let is_there = async || (member().as_deref() == Some("[fdc1:d1e::7]:80")).then_some(());
    cloud.test.eventually("it is a member", is_there).await;
}
