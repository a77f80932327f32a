//! The spot market: asked, filled, taken back, billed.

use api_ec2 as api;
use api_ec2::op;

use crate::cloud::{Cloud, cloud, tight_cloud};
use crate::instance::{becomes, describe, id, launch, run, start, stop, terminate};

const MINUTE_MS: i64 = 60_000;

fn on_spot(options: api::SpotMarketOptions) -> api::RunInstancesRequest {
    let market = api::InstanceMarketOptionsRequest {
        market_type: Some("spot".to_owned()),
        spot_options: Some(options),
    };
    api::RunInstancesRequest { instance_market_options: Some(market), ..launch() }
}

fn persistent(behavior: &str) -> api::SpotMarketOptions {
    api::SpotMarketOptions {
        spot_instance_type: Some("persistent".to_owned()),
        instance_interruption_behavior: Some(behavior.to_owned()),
        ..Default::default()
    }
}

fn ask(price: Option<&str>) -> api::RequestSpotInstancesRequest {
    api::RequestSpotInstancesRequest {
        spot_price: price.map(str::to_owned),
        launch_specification: Some(api::RequestSpotLaunchSpecification {
            image_id: launch().image_id,
            instance_type: launch().instance_type,
            ..Default::default()
        }),
        ..Default::default()
    }
}

async fn requests(cloud: &Cloud) -> Vec<api::SpotInstanceRequest> {
    let request = api::DescribeSpotInstanceRequestsRequest::default();
    cloud.call(op::DescribeSpotInstanceRequests, request).await.unwrap().spot_instance_requests.unwrap()
}

async fn request_becomes(cloud: &Cloud, state: &str, code: &str) -> api::SpotInstanceRequest {
    cloud
        .eventually(&format!("{state} {code}"), async || {
            let found = requests(cloud).await.into_iter().next()?;
            let status = found.status.clone()?.code?;
            (found.state.as_deref() == Some(state) && status == code).then_some(found)
        })
        .await
}

async fn usage(cloud: &Cloud, usage_type: &str) -> Vec<(i64, u64)> {
    let rows = kernel::meter::list(&cloud.ctx("ec2"), "ec2", None, 1_000).await.unwrap();
    let lines = rows.into_iter().map(|(_, line)| line).filter(|line| line.usage_type == usage_type);
    lines.map(|line| (line.start_at, line.quantity)).collect()
}

#[tokio::test]
async fn a_launch_on_spot_is_a_spot_instance_with_a_request_behind_it() {
    let cloud = cloud().await;
    let instance = run(&cloud, on_spot(api::SpotMarketOptions::default())).await;
    assert_eq!(instance.instance_lifecycle.as_deref(), Some("spot"));
    let request = request_becomes(&cloud, "active", "fulfilled").await;
    assert_eq!(request.instance_id, instance.instance_id);
    assert_eq!(request.spot_instance_request_id, instance.spot_instance_request_id);
    assert_eq!(request.spot_price.as_deref(), Some("0.010400"));
    let id = id(&instance);
    becomes(&cloud, &id, "running").await;
    assert_eq!(stop(&cloud, &id).await.unwrap_err().code(), "UnsupportedOperation");
    terminate(&cloud, &id).await.unwrap();
    becomes(&cloud, &id, "terminated").await;
    request_becomes(&cloud, "closed", "instance-terminated-by-user").await;
}

#[tokio::test]
async fn a_launch_on_spot_is_not_asked_for_until_a_time_that_is_past() {
    let cloud = cloud().await;
    let until = |at: i64| {
        let valid_until = Some(shape::Timestamp::from_millis(cloud.now() + at));
        on_spot(api::SpotMarketOptions { valid_until, ..persistent("terminate") })
    };
    let error = cloud.call(op::RunInstances, until(-MINUTE_MS)).await.unwrap_err();
    assert_eq!(error.code(), "InvalidParameterValue");
    cloud.call(op::RunInstances, until(MINUTE_MS)).await.unwrap();
}

#[tokio::test]
async fn a_request_waits_for_its_price_and_is_filled_when_it_has_come() {
    let cloud = cloud().await;
    let low = on_spot(api::SpotMarketOptions { max_price: Some("0.001".to_owned()), ..Default::default() });
    let error = cloud.call(op::RunInstances, low).await.err().unwrap();
    assert_eq!(error.code(), "SpotMaxPriceTooLow");
    cloud.call(op::RequestSpotInstances, ask(Some("0.001"))).await.unwrap();
    let waiting = request_becomes(&cloud, "open", "price-too-low").await;
    let ids = vec![waiting.spot_instance_request_id.unwrap()];
    let cancel =
        api::CancelSpotInstanceRequestsRequest { spot_instance_request_ids: ids, ..Default::default() };
    let cancelled = cloud.call(op::CancelSpotInstanceRequests, cancel).await.unwrap();
    let cancelled = cancelled.cancelled_spot_instance_requests.unwrap().remove(0);
    assert_eq!(cancelled.state.as_deref(), Some("cancelled"));

    let open = cloud.call(op::RequestSpotInstances, ask(None)).await.unwrap().spot_instance_requests.unwrap();
    assert_eq!(open[0].state.as_deref(), Some("open"));
    let wanted = open[0].spot_instance_request_id.clone();
    let filled = cloud
        .eventually("filled", async || {
            let all = requests(&cloud).await;
            all.into_iter().find(|one| one.spot_instance_request_id == wanted && one.instance_id.is_some())
        })
        .await;
    assert_eq!(filled.launch_specification.unwrap().instance_type.as_deref(), Some("t3.micro"));
    becomes(&cloud, &filled.instance_id.unwrap(), "running").await;
}

#[tokio::test]
async fn a_request_waits_for_its_interface_and_the_next_instance_has_the_same() {
    let cloud = cloud().await;
    let subnets = cloud.call(op::DescribeSubnets, Default::default()).await.unwrap().subnets.unwrap();
    let subnet_id = subnets[0].subnet_id.clone().unwrap();
    let make = api::CreateNetworkInterfaceRequest { subnet_id, ..Default::default() };
    let made = cloud.call(op::CreateNetworkInterface, make).await.unwrap().network_interface.unwrap();
    let face = api::InstanceNetworkInterfaceSpecification {
        device_index: Some(0),
        network_interface_id: made.network_interface_id.clone(),
        ..Default::default()
    };
    let mut asked = ask(None);
    asked.r#type = Some("persistent".to_owned());
    asked.launch_specification.as_mut().unwrap().network_interfaces = Some(vec![face.clone()]);
    let twice = api::RequestSpotInstancesRequest { instance_count: Some(2), ..asked.clone() };
    let error = cloud.call(op::RequestSpotInstances, twice).await.unwrap_err();
    assert_eq!(error.code(), "InvalidParameterCombination");

    let holder = api::RunInstancesRequest { network_interfaces: Some(vec![face]), ..launch() };
    let holder = id(&run(&cloud, holder).await);
    becomes(&cloud, &holder, "running").await;
    cloud.call(op::RequestSpotInstances, asked).await.unwrap();
    request_becomes(&cloud, "open", "constraint-not-fulfillable").await;
    let mut before = holder;
    // The first waits for somebody else's instance to end, the second for its own.
    for _ in 0..2 {
        terminate(&cloud, &before).await.unwrap();
        becomes(&cloud, &before, "terminated").await;
        let filled = cloud
            .eventually("filled", async || {
                cloud.advance(MINUTE_MS);
                let found = requests(&cloud).await.into_iter().next()?;
                let is_filled =
                    found.state.as_deref() == Some("active") && found.instance_id != Some(before.clone());
                found.instance_id.filter(|_| is_filled)
            })
            .await;
        let instance = becomes(&cloud, &filled, "running").await;
        let faces = instance.network_interfaces.unwrap();
        assert_eq!(faces[0].network_interface_id, made.network_interface_id);
        before = filled;
    }
}

#[tokio::test]
async fn who_pays_on_demand_takes_the_room_of_spot_after_two_minutes_notice() {
    let cloud = tight_cloud().await;
    let one = id(&run(&cloud, on_spot(api::SpotMarketOptions::default())).await);
    becomes(&cloud, &one, "running").await;
    crate::instance::running(&cloud).await;
    let notice = crate::imds::read(&cloud, &one, "/latest/meta-data/spot/instance-action").await;
    assert_eq!(notice, None, "there was room for two");
    let third = on_spot(api::SpotMarketOptions::default());
    let error = cloud.call(op::RunInstances, third).await.err().unwrap();
    assert_eq!(error.code(), "InsufficientInstanceCapacity", "spot takes nobody's room");

    crate::instance::running(&cloud).await;
    request_becomes(&cloud, "active", "marked-for-termination").await;
    let notice = crate::imds::read(&cloud, &one, "/latest/meta-data/spot/instance-action").await.unwrap();
    assert!(notice.contains("terminate"), "{notice}");
    let path = "/latest/meta-data/events/recommendations/rebalance";
    assert!(crate::imds::read(&cloud, &one, path).await.unwrap().contains("noticeTime"));
    assert_eq!(crate::instance::state(&describe(&cloud, &one).await), "running", "it has its two minutes");
    cloud.advance(2 * MINUTE_MS);
    let gone = becomes(&cloud, &one, "terminated").await;
    assert_eq!(gone.state_reason.unwrap().code.as_deref(), Some("Server.SpotInstanceTermination"));
    request_becomes(&cloud, "closed", "instance-terminated-no-capacity").await;
}

#[tokio::test]
async fn a_persistent_request_stops_its_instance_and_starts_it_when_there_is_room_again() {
    let cloud = tight_cloud().await;
    let one = id(&run(&cloud, on_spot(persistent("stop"))).await);
    becomes(&cloud, &one, "running").await;
    let firm = [crate::instance::running(&cloud).await, crate::instance::running(&cloud).await];
    request_becomes(&cloud, "active", "marked-for-stop").await;
    cloud.advance(2 * MINUTE_MS);
    becomes(&cloud, &one, "stopped").await;
    request_becomes(&cloud, "disabled", "instance-stopped-no-capacity").await;
    assert_eq!(start(&cloud, &one).await.unwrap_err().code(), "IncorrectSpotRequestState");
    terminate(&cloud, &firm[0]).await.unwrap();
    becomes(&cloud, &firm[0], "terminated").await;
    cloud.advance(MINUTE_MS);
    becomes(&cloud, &one, "running").await;
    request_becomes(&cloud, "active", "fulfilled").await;
    let gone = crate::imds::read(&cloud, &one, "/latest/meta-data/spot/instance-action").await;
    assert_eq!(gone, None);
}

#[tokio::test]
async fn a_price_above_the_maximum_takes_the_instance_back() {
    let cloud = tight_cloud().await;
    // 36 % of the price on demand: above the price on an empty host, below that of a fuller one.
    let cheap = api::SpotMarketOptions { max_price: Some("0.0038".to_owned()), ..persistent("terminate") };
    let one = id(&run(&cloud, on_spot(cheap)).await);
    becomes(&cloud, &one, "running").await;
    crate::instance::running(&cloud).await;
    cloud.advance(MINUTE_MS);
    request_becomes(&cloud, "active", "marked-for-termination").await;
    cloud.advance(2 * MINUTE_MS);
    becomes(&cloud, &one, "terminated").await;
    cloud.advance(MINUTE_MS);
    request_becomes(&cloud, "open", "price-too-low").await;
    let history = cloud
        .call(
            op::DescribeSpotPriceHistory,
            api::DescribeSpotPriceHistoryRequest {
                instance_types: Some(vec!["t3.micro".to_owned()]),
                availability_zone: Some("us-east-1a".to_owned()),
                ..Default::default()
            },
        )
        .await
        .unwrap()
        .spot_price_history
        .unwrap();
    assert!(history.len() > 1, "the price has moved");
    assert!(history.windows(2).all(|pair| pair[0].timestamp > pair[1].timestamp), "the latest first");
}

#[tokio::test]
async fn spot_is_billed_by_the_hour_it_began() {
    let cloud = cloud().await;
    let one = id(&run(&cloud, on_spot(api::SpotMarketOptions::default())).await);
    becomes(&cloud, &one, "running").await;
    let began = cloud.now();
    cloud.advance(90 * MINUTE_MS);
    terminate(&cloud, &one).await.unwrap();
    becomes(&cloud, &one, "terminated").await;
    let lines = usage(&cloud, "SpotUsage:t3.micro").await;
    assert_eq!(lines, [(began, 3_600), (began + 60 * MINUTE_MS, 1_800)]);
    assert!(usage(&cloud, "BoxUsage:t3.micro").await.is_empty());
}

#[tokio::test]
async fn requests_are_refused_with_the_codes_of_aws() {
    let cloud = cloud().await;
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (api::RequestSpotInstancesRequest { launch_specification: None, ..ask(None) }, "MissingParameter"),
        (ask(Some("cheap")), "InvalidParameterValue"),
        (api::RequestSpotInstancesRequest { instance_count: Some(0), ..ask(None) }, "InvalidParameterValue"),
        (
            api::RequestSpotInstancesRequest { instance_count: Some(1_001), ..ask(None) },
            "RequestResourceCountExceeded",
        ),
        (
            api::RequestSpotInstancesRequest { instance_interruption_behavior: text("stop"), ..ask(None) },
            "InvalidParameterCombination",
        ),
        (
            api::RequestSpotInstancesRequest {
                instance_interruption_behavior: text("hibernate"),
                r#type: text("persistent"),
                ..ask(None)
            },
            "UnsupportedOperation",
        ),
    ];
    for (request, code) in cases {
        let error = cloud.call(op::RequestSpotInstances, request).await.err().unwrap();
        assert_eq!(error.code(), code, "{}", error.message());
    }
    for (ids, code) in [
        (vec!["sir-12345678".to_owned()], "InvalidSpotInstanceRequestID.NotFound"),
        (vec!["mine".to_owned()], "InvalidSpotInstanceRequestID.Malformed"),
    ] {
        let request =
            api::CancelSpotInstanceRequestsRequest { spot_instance_request_ids: ids, ..Default::default() };
        assert_eq!(cloud.call(op::CancelSpotInstanceRequests, request).await.err().unwrap().code(), code);
    }
    assert_eq!(requests(&cloud).await.len(), 0);
}
