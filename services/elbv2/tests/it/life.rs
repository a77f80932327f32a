//! From the first request for a load balancer to its end.

use api_elbv2::*;
use balance::{Ailment, Fronts, Health};

use crate::cloud::{SUBNETS, cloud, service, targets};

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
async fn a_balancer_has_an_interface_in_each_subnet_and_a_front_with_its_names() {
    let cloud = cloud().await;
    let arn = cloud.balancer("Web").await;
    assert_eq!(cloud.interfaces(), 2);
    let front = &cloud.fronts.all()[0];
    assert!(front.names.contains(&"web.elb.localhost".to_owned()), "{:?}", front.names);
    assert_eq!(front.places.len(), 2);
    assert_eq!(front.places[0].known_as.unwrap().to_string(), "198.18.0.9", "it faces the internet");
    let group = cloud.group("g").await;
    cloud.listener(&arn, &group).await;
    cloud.register(&group, &["i-1", "i-2"]).await;
    let members = || cloud.fronts.all()[0].pools.first().map(|pool| pool.members.len());
    cloud.test.eventually("both are members", async || (members() == Some(2)).then_some(())).await;

    // Another subnet in place of one.
    let subnets = Some(vec![SUBNETS[0].to_owned(), SUBNETS[2].to_owned()]);
    let input = SetSubnetsInput { load_balancer_arn: arn.clone(), subnets, ..Default::default() };
    cloud.test.call(op::SetSubnets, input).await.unwrap();
    let zones = || cloud.fronts.all()[0].places.iter().map(|place| place.zone.clone()).collect::<Vec<_>>();
    cloud
        .test
        .eventually("it has moved", async || (zones() == ["us-east-1a", "us-east-1c"]).then_some(()))
        .await;
    cloud.test.eventually("the old interface goes", async || (cloud.interfaces() == 2).then_some(())).await;

    let input = DeleteLoadBalancerInput { load_balancer_arn: arn };
    cloud.test.call(op::DeleteLoadBalancer, input).await.unwrap();
    let is_gone = || cloud.interfaces() == 0 && cloud.fronts.all().is_empty();
    cloud.test.eventually("nothing is left", async || is_gone().then_some(())).await;
    let input = DeleteTargetGroupInput { target_group_arn: group };
    cloud.test.call(op::DeleteTargetGroup, input).await.unwrap();
}

#[tokio::test]
async fn targets_drain_for_as_long_as_their_group_says() {
    let cloud = cloud().await;
    let arn = cloud.balancer("web").await;
    let group = cloud.group("g").await;
    cloud.register(&group, &["i-1", "i-2"]).await;
    assert_eq!(cloud.health(&group).await["i-1"], "unused");
    cloud.listener(&arn, &group).await;
    let state = async |id: &str| cloud.health(&group).await.get(id).cloned();
    cloud.test.eventually("it is healthy", async || (state("i-1").await? == "healthy").then_some(())).await;
    cloud.fronts.set_health("i-1:80", Health::Unhealthy(Ailment::Timeout));
    assert_eq!(state("i-1").await.unwrap(), "unhealthy");

    let input = DeregisterTargetsInput { target_group_arn: group.clone(), targets: targets(&["i-1"]) };
    cloud.test.call(op::DeregisterTargets, input).await.unwrap();
    assert_eq!(state("i-1").await.unwrap(), "draining");
    let is_draining = || cloud.fronts.all()[0].pools[0].members.iter().any(|member| member.draining);
    cloud.test.eventually("the front knows", async || is_draining().then_some(())).await;
    cloud.test.advance(299_000);
    assert_eq!(state("i-1").await.unwrap(), "draining");
    cloud
        .test
        .eventually("its time is over", async || {
            cloud.test.advance(1_000);
            state("i-1").await.is_none().then_some(())
        })
        .await;
    assert_eq!(cloud.health(&group).await.len(), 1);
}

#[tokio::test]
async fn the_engine_takes_what_it_is_asked_and_forgets_it() {
    let cloud = cloud().await;
    cloud.balancer("web").await;
    let front = cloud.fronts.all()[0].clone();
    assert!(cloud.fronts.sample(&front.id).is_some());
    cloud.test.house.reset().await.unwrap();
    assert!(cloud.fronts.all().is_empty());
}

#[tokio::test]
async fn hours_and_capacity_units_are_metered() {
    let cloud = cloud().await;
    let arn = cloud.balancer("web").await;
    let front = cloud.fronts.all()[0].id.clone();
    let bytes = balance::FrontSample { bytes: 1 << 30, ..Default::default() };
    let sample = balance::Sample { zones: [("us-east-1a".to_owned(), bytes)].into(), ..Default::default() };
    let mut lines = Vec::new();
    cloud
        .test
        .eventually("usage is written down", async || {
            cloud.fronts.set_sample(&front, sample.clone());
            cloud.test.advance(60_000);
            let ctx = cloud.test.ctx("elbv2");
            lines = kernel::meter::list(&ctx, "elbv2", None, 10).await.unwrap();
            lines.iter().any(|(_, line)| line.usage_type == "LCUUsage").then_some(())
        })
        .await;
    let of = |usage_type: &str| {
        let line = lines.iter().find(|(_, line)| line.usage_type == usage_type).unwrap();
        assert_eq!(line.1.resource, arn);
        line.1.quantity
    };
    assert!(of("LoadBalancerUsage") >= 60);
    // A gigabyte is the unit of an hour.
    assert!(of("LCUUsage") >= 3_600_000);
}

#[tokio::test]
async fn an_interface_that_gets_no_address_goes_with_its_balancer() {
    let cloud = cloud().await;
    let mapping = SubnetMapping {
        subnet_id: Some(SUBNETS[0].into()),
        allocation_id: Some("eipalloc-1".into()),
        ..Default::default()
    };
    let input = CreateLoadBalancerInput {
        name: "net".into(),
        r#type: Some("network".into()),
        subnet_mappings: Some(vec![mapping]),
        ..Default::default()
    };
    let made = cloud.test.call(op::CreateLoadBalancer, input).await.unwrap().load_balancers.unwrap();
    let arn = made[0].load_balancer_arn.clone().unwrap();
    cloud.test.eventually("it is made", async || (cloud.interfaces() == 1).then_some(())).await;
    assert_eq!(cloud.state(&arn).await, "provisioning");
    let input = DeleteLoadBalancerInput { load_balancer_arn: arn };
    cloud.test.call(op::DeleteLoadBalancer, input).await.unwrap();
    cloud.test.eventually("it has gone", async || (cloud.interfaces() == 0).then_some(())).await;
}
