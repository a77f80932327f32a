//! Policies of listeners and of instances' ports, and what the front is asked for by them.

use api_elb::*;
use balance::{ProxyHeader, Sticky};

use crate::cloud::{Cloud, cloud, listener};

async fn set(cloud: &Cloud, port: i32, names: &[&str]) -> kernel::Result<()> {
    let input = SetLoadBalancerPoliciesOfListenerInput {
        load_balancer_name: "web".into(),
        load_balancer_port: port,
        policy_names: names.iter().map(|&name| name.to_owned()).collect(),
    };
    cloud.test.call(op::SetLoadBalancerPoliciesOfListener, input).await.map(drop)
}

async fn create(cloud: &Cloud, name: &str, type_name: &str, attribute: (&str, &str)) -> kernel::Result<()> {
    let attribute = PolicyAttribute {
        attribute_name: Some(attribute.0.into()),
        attribute_value: Some(attribute.1.into()),
    };
    let input = CreateLoadBalancerPolicyInput {
        load_balancer_name: "web".into(),
        policy_name: name.into(),
        policy_type_name: type_name.into(),
        policy_attributes: Some(vec![attribute]),
    };
    cloud.test.call(op::CreateLoadBalancerPolicy, input).await.map(drop)
}

#[tokio::test]
async fn cookies_stick_where_a_listener_has_their_policy() {
    let cloud = cloud().await;
    cloud.balancer("web").await;
    let input = CreateAppCookieStickinessPolicyInput {
        load_balancer_name: "web".into(),
        policy_name: "app".into(),
        cookie_name: "session".into(),
    };
    cloud.test.call(op::CreateAppCookieStickinessPolicy, input).await.unwrap();
    create(&cloud, "lb", "LBCookieStickinessPolicyType", ("CookieExpirationPeriod", "60")).await.unwrap();
    let sticky = || cloud.fronts.all()[0].pools[0].sticky.clone();
    set(&cloud, 80, &["app"]).await.unwrap();
    let wanted = Sticky::Application { name: "session".into(), cookie: "AWSELB", life: None };
    cloud.test.eventually("it sticks", async || (sticky().as_ref() == Some(&wanted)).then_some(())).await;
    let refused = set(&cloud, 80, &["app", "lb"]).await.unwrap_err();
    assert_eq!(refused.query_code(), "InvalidConfigurationRequest");
    assert_eq!(set(&cloud, 80, &["none"]).await.unwrap_err().query_code(), "PolicyNotFound");
    assert_eq!(set(&cloud, 9, &["lb"]).await.unwrap_err().query_code(), "ListenerNotFound");
    set(&cloud, 80, &[]).await.unwrap();
    cloud.test.eventually("it sticks no more", async || sticky().is_none().then_some(())).await;
}

#[tokio::test]
async fn streams_begin_with_who_asks_where_their_port_has_the_policy() {
    let cloud = cloud().await;
    cloud.balancer("web").await;
    let listeners = vec![listener("TCP", 81)];
    let input = CreateLoadBalancerListenerInput { load_balancer_name: "web".into(), listeners };
    cloud.test.call(op::CreateLoadBalancerListeners, input).await.unwrap();
    create(&cloud, "proxy", "ProxyProtocolPolicyType", ("ProxyProtocol", "true")).await.unwrap();
    let of_port = |instance_port: i32| SetLoadBalancerPoliciesForBackendServerInput {
        load_balancer_name: "web".into(),
        instance_port,
        policy_names: vec!["proxy".into()],
    };
    let refused = cloud.test.call(op::SetLoadBalancerPoliciesForBackendServer, of_port(1)).await.unwrap_err();
    assert_eq!(refused.query_code(), "InvalidConfigurationRequest");
    // Only an HTTP listener has that one.
    let input = of_port(8_080);
    let refused = cloud.test.call(op::SetLoadBalancerPoliciesForBackendServer, input).await.unwrap_err();
    assert!(refused.message().contains("no TCP or SSL listener"), "{refused}");
    cloud.test.call(op::SetLoadBalancerPoliciesForBackendServer, of_port(8_081)).await.unwrap();
    let tells = || {
        let front = cloud.fronts.all().remove(0);
        front.pools.iter().any(|pool| pool.id == "81".into() && pool.proxy_header == ProxyHeader::V1)
    };
    cloud.test.eventually("it tells", async || tells().then_some(())).await;
    let input =
        DeleteLoadBalancerPolicyInput { load_balancer_name: "web".into(), policy_name: "proxy".into() };
    let refused = cloud.test.call(op::DeleteLoadBalancerPolicy, input).await.unwrap_err();
    assert_eq!(refused.query_code(), "InvalidConfigurationRequest", "it is in use");
}
