//! From the first request for a load balancer to its end.

use api_elb::*;
use balance::{Ailment, Health};

use crate::cloud::{GROUP, SUBNETS, cloud, instances, listener, service};

#[tokio::test]
async fn every_operation_of_the_list_is_declared() {
    let service = service(
        std::sync::Arc::<balance::FakeFronts>::default(),
        std::sync::Arc::new(net::FakeNetworks::default()),
    );
    let declared: Vec<_> = service.declared().collect();
    assert_eq!(declared, SERVICE.ops.iter().map(|op| op.name).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_balancer_has_an_interface_in_each_subnet_and_one_of_its_name_follows_it() {
    let cloud = cloud().await;
    cloud.balancer("Web").await;
    assert_eq!(cloud.interfaces(), 2);
    let front = &cloud.fronts.all()[0];
    assert!(front.names.contains(&"web.elb.localhost".to_owned()), "{:?}", front.names);
    assert_eq!(front.places[0].known_as.unwrap().to_string(), "198.18.0.9", "it faces the internet");
    let shown = cloud.shown("Web").await;
    assert_eq!(shown.source_security_group.unwrap().group_name.unwrap(), "default");
    assert_eq!(shown.security_groups.unwrap(), [GROUP]);
    assert_eq!(shown.health_check.unwrap().target, "TCP:8080");
    assert_eq!(shown.availability_zones.unwrap(), ["us-east-1a", "us-east-1b"]);

    let subnets = vec![SUBNETS[2].to_owned()];
    let input = AttachLoadBalancerToSubnetsInput { load_balancer_name: "Web".into(), subnets };
    cloud.test.call(op::AttachLoadBalancerToSubnets, input).await.unwrap();
    let subnets = vec![SUBNETS[1].to_owned()];
    let input = DetachLoadBalancerFromSubnetsInput { load_balancer_name: "Web".into(), subnets };
    let left = cloud.test.call(op::DetachLoadBalancerFromSubnets, input).await.unwrap();
    assert_eq!(left.subnets.unwrap(), [SUBNETS[0], SUBNETS[2]]);
    let zones = || cloud.fronts.all()[0].places.iter().map(|place| place.zone.clone()).collect::<Vec<_>>();
    cloud
        .test
        .eventually("it has moved", async || (zones() == ["us-east-1a", "us-east-1c"]).then_some(()))
        .await;
    cloud.test.eventually("the old interface goes", async || (cloud.interfaces() == 2).then_some(())).await;

    // Another one of its name at once: the first goes before.
    let input = || DeleteAccessPointInput { load_balancer_name: "Web".into() };
    cloud.test.call(op::DeleteLoadBalancer, input()).await.unwrap();
    cloud.balancer("Web").await;
    let is_new = || matches!(&cloud.fronts.all()[..], [one] if one.id != front.id);
    cloud.test.eventually("only the new one is left", async || is_new().then_some(())).await;
    cloud.test.call(op::DeleteLoadBalancer, input()).await.unwrap();
    cloud.test.call(op::DeleteLoadBalancer, input()).await.unwrap();
    let is_gone = || cloud.interfaces() == 0 && cloud.fronts.all().is_empty();
    cloud.test.eventually("nothing is left", async || is_gone().then_some(())).await;
}

#[tokio::test]
async fn instances_fare_as_probes_say_and_drain_where_that_is_on() {
    let cloud = cloud().await;
    cloud.balancer("web").await;
    cloud.register("web", &["i-1", "i-2"]).await;
    let state = async |id: &str| cloud.health("web").await.get(id).cloned();
    cloud
        .test
        .eventually("it is in service", async || (state("i-1").await?.0 == "InService").then_some(()))
        .await;
    cloud.fronts.set_health("i-2", Health::Unhealthy(Ailment::Timeout));
    assert_eq!(state("i-2").await.unwrap().0, "OutOfService");
    let pool = &cloud.fronts.all()[0].pools[0];
    assert!(!pool.fail_open);
    assert_eq!(pool.members[0].address.port(), 8_080);

    let deregister = async |id: &str| {
        let input =
            DeregisterEndPointsInput { load_balancer_name: "web".into(), instances: instances(&[id]) };
        cloud.test.call(op::DeregisterInstancesFromLoadBalancer, input).await
    };
    deregister("i-2").await.unwrap();
    assert_eq!(state("i-2").await, None);
    assert_eq!(deregister("i-2").await.unwrap_err().query_code(), "InvalidInstance");
    let draining = ConnectionDraining { enabled: true, timeout: Some(30) };
    let attributes = LoadBalancerAttributes { connection_draining: Some(draining), ..Default::default() };
    let input = ModifyLoadBalancerAttributesInput {
        load_balancer_name: "web".into(),
        load_balancer_attributes: attributes,
    };
    cloud.test.call(op::ModifyLoadBalancerAttributes, input).await.unwrap();
    deregister("i-1").await.unwrap();
    assert_eq!(state("i-1").await.unwrap().1, "Instance deregistration currently in progress.");
    assert!(cloud.shown("web").await.instances.unwrap().is_empty());
    let is_draining = || cloud.fronts.all()[0].pools[0].members.iter().any(|member| member.draining);
    cloud.test.eventually("the front knows", async || is_draining().then_some(())).await;
    cloud.test.advance(29_000);
    assert!(state("i-1").await.is_some());
    cloud
        .test
        .eventually("its time is over", async || {
            cloud.test.advance(1_000);
            state("i-1").await.is_none().then_some(())
        })
        .await;
}

#[tokio::test]
async fn listeners_come_and_go_one_a_port() {
    let cloud = cloud().await;
    cloud.balancer("web").await;
    let create = async |listeners: Vec<Listener>| {
        let input = CreateLoadBalancerListenerInput { load_balancer_name: "web".into(), listeners };
        cloud.test.call(op::CreateLoadBalancerListeners, input).await
    };
    create(vec![listener("TCP", 81)]).await.unwrap();
    create(vec![listener("TCP", 81)]).await.unwrap();
    assert_eq!(create(vec![listener("HTTP", 81)]).await.unwrap_err().query_code(), "DuplicateListener");
    let no_one = Listener { ssl_certificate_id: Some("arn:aws:iam::1:x".into()), ..listener("SSL", 443) };
    assert_eq!(create(vec![no_one]).await.unwrap_err().query_code(), "CertificateNotFound");
    let doors = || cloud.fronts.all()[0].doors.iter().map(|door| door.port).collect::<Vec<_>>();
    cloud.test.eventually("both are open", async || (doors() == [80, 81]).then_some(())).await;
    let input = DeleteLoadBalancerListenerInput {
        load_balancer_name: "web".into(),
        load_balancer_ports: vec![80, 7],
    };
    cloud.test.call(op::DeleteLoadBalancerListeners, input).await.unwrap();
    cloud.test.eventually("one is closed", async || (doors() == [81]).then_some(())).await;
}

#[tokio::test]
async fn hours_and_bytes_are_metered() {
    let cloud = cloud().await;
    cloud.balancer("web").await;
    let front = cloud.fronts.all()[0].id.clone();
    let bytes = balance::FrontSample { bytes: 1 << 20, ..Default::default() };
    let sample = balance::Sample { zones: [("us-east-1a".to_owned(), bytes)].into(), ..Default::default() };
    cloud
        .test
        .eventually("usage is written down", async || {
            cloud.fronts.set_sample(&front, sample.clone());
            cloud.test.advance(60_000);
            let lines = kernel::meter::list(&cloud.test.ctx("elb"), "elb", None, 10).await.unwrap();
            let bytes = lines.iter().find(|(_, line)| line.usage_type == "DataProcessing-Bytes")?;
            (bytes.1.quantity >= 1 << 20 && bytes.1.resource.ends_with("loadbalancer/web")).then_some(())
        })
        .await;
}

#[tokio::test]
async fn the_same_is_made_once_and_another_not_by_its_name() {
    let cloud = cloud().await;
    cloud.balancer("web").await;
    cloud.balancer("web").await;
    let input = CreateAccessPointInput {
        load_balancer_name: "web".into(),
        listeners: vec![listener("TCP", 80)],
        subnets: Some(vec![SUBNETS[0].into()]),
        ..Default::default()
    };
    let refused = cloud.test.call(op::CreateLoadBalancer, input).await.unwrap_err();
    assert_eq!(refused.query_code(), "DuplicateLoadBalancerName");
    cloud.test.house.reset().await.unwrap();
    assert!(cloud.fronts.all().is_empty());
}
