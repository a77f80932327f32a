//! Reservations of room, and of prices.

use api_ec2 as api;
use api_ec2::op;

use crate::cloud::{Cloud, cloud, tight_cloud};
use crate::instance::{becomes, describe, id, launch, run, terminate};

const HOUR_MS: i64 = 3_600_000;

fn reserve(count: i32) -> api::CreateCapacityReservationRequest {
    api::CreateCapacityReservationRequest {
        instance_type: "t3.micro".to_owned(),
        instance_platform: "Linux/UNIX".to_owned(),
        availability_zone: Some("us-east-1a".to_owned()),
        instance_count: count,
        ..Default::default()
    }
}

async fn make(cloud: &Cloud, request: api::CreateCapacityReservationRequest) -> api::CapacityReservation {
    cloud.call(op::CreateCapacityReservation, request).await.unwrap().capacity_reservation.unwrap()
}

async fn available(cloud: &Cloud, id: &str) -> (i32, String) {
    let request = api::DescribeCapacityReservationsRequest {
        capacity_reservation_ids: Some(vec![id.to_owned()]),
        ..Default::default()
    };
    let found = cloud.call(op::DescribeCapacityReservations, request).await.unwrap();
    let found = found.capacity_reservations.unwrap().remove(0);
    (found.available_instance_count.unwrap(), found.state.unwrap())
}

fn in_zone(zone: &str) -> api::RunInstancesRequest {
    let placement = api::Placement { availability_zone: Some(zone.to_owned()), ..Default::default() };
    api::RunInstancesRequest { placement: Some(placement), ..launch() }
}

fn targeting(id: &str) -> api::RunInstancesRequest {
    let target =
        api::CapacityReservationTarget { capacity_reservation_id: Some(id.to_owned()), ..Default::default() };
    let specification = api::CapacityReservationSpecification {
        capacity_reservation_target: Some(target),
        ..Default::default()
    };
    api::RunInstancesRequest {
        capacity_reservation_specification: Some(specification),
        ..in_zone("us-east-1a")
    }
}

async fn usage(cloud: &Cloud, usage_type: &str) -> Vec<u64> {
    let rows = kernel::meter::list(&cloud.ctx("ec2"), "ec2", None, 1_000).await.unwrap();
    let lines = rows.into_iter().map(|(_, line)| line).filter(|line| line.usage_type == usage_type);
    lines.map(|line| line.quantity).collect()
}

#[tokio::test]
async fn reserved_room_is_kept_from_others_and_used_by_who_fits() {
    let cloud = tight_cloud().await;
    let reservation = make(&cloud, reserve(2)).await.capacity_reservation_id.unwrap();
    let error = cloud.call(op::RunInstances, in_zone("us-east-1b")).await.err().unwrap();
    assert_eq!(error.code(), "InsufficientInstanceCapacity");
    let inside = run(&cloud, in_zone("us-east-1a")).await;
    assert_eq!(inside.capacity_reservation_id.as_ref(), Some(&reservation));
    assert_eq!(available(&cloud, &reservation).await.0, 1);
    cloud.advance(HOUR_MS);
    becomes(&cloud, &id(&inside), "running").await;
    terminate(&cloud, &id(&inside)).await.unwrap();
    becomes(&cloud, &id(&inside), "terminated").await;
    assert_eq!(available(&cloud, &reservation).await.0, 2);
    assert_eq!(usage(&cloud, "UnusedBox:t3.micro").await, [3_600], "one was unused for an hour");

    let request = api::CancelCapacityReservationRequest {
        capacity_reservation_id: reservation.clone(),
        ..Default::default()
    };
    cloud.call(op::CancelCapacityReservation, request.clone()).await.unwrap();
    assert_eq!(available(&cloud, &reservation).await, (0, "cancelled".to_owned()));
    let again = cloud.call(op::CancelCapacityReservation, request).await.err().unwrap();
    assert_eq!(again.code(), "InvalidCapacityReservationState");
    run(&cloud, in_zone("us-east-1b")).await;
}

#[tokio::test]
async fn a_targeted_reservation_is_for_who_names_it() {
    let cloud = cloud().await;
    let request = api::CreateCapacityReservationRequest {
        instance_match_criteria: Some("targeted".to_owned()),
        ..reserve(1)
    };
    let reservation = make(&cloud, request).await.capacity_reservation_id.unwrap();
    assert_eq!(run(&cloud, in_zone("us-east-1a")).await.capacity_reservation_id, None);
    let inside = run(&cloud, targeting(&reservation)).await;
    assert_eq!(inside.capacity_reservation_id.as_ref(), Some(&reservation));
    let error = cloud.call(op::RunInstances, targeting(&reservation)).await.err().unwrap();
    assert_eq!(error.code(), "ReservationCapacityExceeded");
    let error = cloud.call(op::RunInstances, targeting("cr-12345678")).await.err().unwrap();
    assert_eq!(error.code(), "InvalidCapacityReservationId.NotFound");
}

#[tokio::test]
async fn an_open_reservation_takes_in_what_runs_and_ends_when_it_shall() {
    let cloud = cloud().await;
    let running = id(&run(&cloud, in_zone("us-east-1a")).await);
    becomes(&cloud, &running, "running").await;
    let end = shape::Timestamp::from_millis(cloud.now() + HOUR_MS);
    let request = api::CreateCapacityReservationRequest {
        end_date_type: Some("limited".to_owned()),
        end_date: Some(end),
        ..reserve(2)
    };
    let made = make(&cloud, request).await;
    assert_eq!(made.available_instance_count, Some(1));
    let reservation = made.capacity_reservation_id.unwrap();
    assert_eq!(describe(&cloud, &running).await.capacity_reservation_id.as_ref(), Some(&reservation));
    let less = api::ModifyCapacityReservationRequest {
        capacity_reservation_id: reservation.clone(),
        instance_count: Some(1),
        ..Default::default()
    };
    cloud.call(op::ModifyCapacityReservation, less).await.unwrap();
    assert_eq!(available(&cloud, &reservation).await.0, 0);
    let usage = api::GetCapacityReservationUsageRequest {
        capacity_reservation_id: reservation.clone(),
        ..Default::default()
    };
    let usage = cloud.call(op::GetCapacityReservationUsage, usage).await.unwrap();
    assert_eq!(usage.instance_usages.unwrap()[0].used_instance_count, Some(1));
    cloud.advance(HOUR_MS);
    cloud
        .eventually("expired", async || (available(&cloud, &reservation).await.1 == "expired").then_some(()))
        .await;
    assert_eq!(describe(&cloud, &running).await.capacity_reservation_id, None);
}

#[tokio::test]
async fn reservations_of_room_are_refused_with_the_codes_of_aws() {
    let cloud = tight_cloud().await;
    for (request, code) in [
        (reserve(0), "InvalidParameterValue"),
        (reserve(3), "InsufficientInstanceCapacity"),
        (api::CreateCapacityReservationRequest { availability_zone: None, ..reserve(1) }, "MissingParameter"),
        (
            api::CreateCapacityReservationRequest { instance_platform: "Windows".to_owned(), ..reserve(1) },
            "UnsupportedOperation",
        ),
        (
            api::CreateCapacityReservationRequest { end_date_type: Some("limited".to_owned()), ..reserve(1) },
            "MissingParameter",
        ),
    ] {
        let error = cloud.call(op::CreateCapacityReservation, request).await.err().unwrap();
        assert_eq!(error.code(), code, "{}", error.message());
    }
    let unknown = api::DescribeCapacityReservationsRequest {
        capacity_reservation_ids: Some(vec!["cr-12345678".to_owned()]),
        ..Default::default()
    };
    let error = cloud.call(op::DescribeCapacityReservations, unknown).await.err().unwrap();
    assert_eq!(error.code(), "InvalidCapacityReservationId.NotFound");
}

async fn offer(cloud: &Cloud, payment: &str) -> api::ReservedInstancesOffering {
    let request = api::DescribeReservedInstancesOfferingsRequest {
        instance_type: Some("t3.micro".to_owned()),
        offering_type: Some(payment.to_owned()),
        offering_class: Some("standard".to_owned()),
        max_duration: Some(31_536_000),
        filters: Some(vec![api::Filter {
            name: Some("scope".to_owned()),
            values: Some(vec!["Region".to_owned()]),
        }]),
        ..Default::default()
    };
    let output = cloud.call(op::DescribeReservedInstancesOfferings, request).await.unwrap();
    let mut offers = output.reserved_instances_offerings.unwrap();
    assert_eq!(offers.len(), 1);
    offers.remove(0)
}

async fn reserved(cloud: &Cloud) -> Vec<api::ReservedInstances> {
    let request = api::DescribeReservedInstancesRequest::default();
    cloud.call(op::DescribeReservedInstances, request).await.unwrap().reserved_instances.unwrap()
}

#[tokio::test]
async fn a_price_is_bought_for_a_year_and_paid_for_by_the_hour_or_at_once() {
    let cloud = cloud().await;
    let buy = async |payment: &str| {
        let id = offer(&cloud, payment).await.reserved_instances_offering_id.unwrap();
        let request = api::PurchaseReservedInstancesOfferingRequest {
            instance_count: 2,
            reserved_instances_offering_id: id,
            ..Default::default()
        };
        let bought = cloud.call(op::PurchaseReservedInstancesOffering, request).await.unwrap();
        bought.reserved_instances_id.unwrap()
    };
    buy("No Upfront").await;
    assert!(usage(&cloud, "ReservedInstancesFee:t3.micro").await.is_empty());
    buy("All Upfront").await;
    let whole = offer(&cloud, "All Upfront").await.fixed_price.unwrap();
    let fee = usage(&cloud, "ReservedInstancesFee:t3.micro").await;
    assert_eq!(fee, [2 * 6_136 * 8_760], "59 hundredths of 0.0104 dollars an hour");
    assert!((whole - 53.751_36).abs() < 0.001, "{whole}");
    cloud
        .eventually("metered", async || {
            cloud.advance(HOUR_MS);
            let lines = usage(&cloud, "HeavyUsage:t3.micro").await;
            (lines.len() == 2 && lines.iter().all(|seconds| *seconds >= 7_200)).then_some(())
        })
        .await;
    let all = reserved(&cloud).await;
    assert!(all.iter().all(|one| one.state.as_deref() == Some("active") && one.instance_count == Some(2)));
}

#[tokio::test]
async fn a_reserved_price_becomes_others_of_its_family_and_size() {
    let cloud = cloud().await;
    let id = offer(&cloud, "No Upfront").await.reserved_instances_offering_id.unwrap();
    let request = api::PurchaseReservedInstancesOfferingRequest {
        instance_count: 2,
        reserved_instances_offering_id: id,
        ..Default::default()
    };
    let bought = cloud.call(op::PurchaseReservedInstancesOffering, request).await.unwrap();
    let ids = vec![bought.reserved_instances_id.unwrap()];
    let target = |name: &str, count| api::ReservedInstancesConfiguration {
        instance_type: Some(name.to_owned()),
        instance_count: Some(count),
        ..Default::default()
    };
    let modify = |target| api::ModifyReservedInstancesRequest {
        reserved_instances_ids: ids.clone(),
        target_configurations: vec![target],
        ..Default::default()
    };
    let error = cloud.call(op::ModifyReservedInstances, modify(target("t3.small", 2))).await.err().unwrap();
    assert_eq!(error.code(), "InvalidParameterValue");
    cloud.call(op::ModifyReservedInstances, modify(target("t3.small", 1))).await.unwrap();
    let mut states: Vec<_> = reserved(&cloud)
        .await
        .into_iter()
        .map(|one| (one.instance_type.unwrap(), one.state.unwrap()))
        .collect();
    states.sort();
    let pair = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    assert_eq!(states, [pair("t3.micro", "retired"), pair("t3.small", "active")]);
    let request = api::DescribeReservedInstancesModificationsRequest::default();
    let all = cloud.call(op::DescribeReservedInstancesModifications, request).await.unwrap();
    assert_eq!(all.reserved_instances_modifications.unwrap()[0].status.as_deref(), Some("fulfilled"));
    let error = cloud.call(op::ModifyReservedInstances, modify(target("t3.small", 1))).await.err().unwrap();
    assert_eq!(error.code(), "InvalidParameterValue", "what is retired is not modified");
}
