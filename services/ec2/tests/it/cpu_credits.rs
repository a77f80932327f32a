//! CPU credits: accounts kept, machines held, metrics put, settings changed.

use api_cloudwatch as cw;
use api_ec2 as api;
use api_ec2::op;
use compute::{MachineId, Stats};
use ec2::controllers::cpu_credits::keep_all;
use kernel::Plugs;
use kernel::testing::TestCloud;
use shape::Timestamp;

use crate::cloud::{Cloud, plugs};
use crate::instance::{becomes, id, launch, run};

const MINUTE_MS: i64 = 60_000;

async fn cloud() -> Cloud {
    let machines = std::sync::Arc::new(compute::FakeMachines::new());
    let networks = std::sync::Arc::new(net::FakeNetworks::new());
    let services = vec![ec2::service(&plugs(&machines, &networks)), cloudwatch::service(&Plugs::default())];
    Cloud { cloud: TestCloud::new(services).await, machines, networks }
}

async fn started(cloud: &Cloud, credits: Option<&str>) -> String {
    let credit_specification =
        credits.map(|credits| api::CreditSpecificationRequest { cpu_credits: credits.to_owned() });
    let instance = id(&run(cloud, api::RunInstancesRequest { credit_specification, ..launch() }).await);
    becomes(cloud, &instance, "running").await;
    instance
}

/// Lets minutes go by, after which what runs has used so many seconds of processors since its start.
async fn used(cloud: &Cloud, minutes: i64, cpu_s: u64) {
    cloud.machines.use_resources(Stats { cpu_ns: cpu_s * 1_000_000_000, ..Stats::default() });
    cloud.advance(minutes * MINUTE_MS);
    keep_all(&cloud.ctx("ec2")).await.unwrap();
}

fn share(cloud: &Cloud, instance: &str) -> Option<u32> {
    cloud.machines.share(&MachineId::new(instance).unwrap())
}

async fn last(cloud: &Cloud, instance: &str, name: &str) -> Option<f64> {
    let dimension = cw::Dimension { name: "InstanceId".to_owned(), value: instance.to_owned() };
    let input = cw::GetMetricStatisticsInput {
        namespace: "AWS/EC2".to_owned(),
        metric_name: name.to_owned(),
        dimensions: Some(vec![dimension]),
        start_time: Timestamp::from_millis(cloud.now() - 5 * MINUTE_MS),
        end_time: Timestamp::from_millis(cloud.now() + MINUTE_MS),
        period: 60,
        statistics: Some(vec!["Maximum".to_owned()]),
        ..Default::default()
    };
    let points = cloud.call(cw::op::GetMetricStatistics, input).await.unwrap().datapoints.unwrap();
    points.into_iter().filter_map(|point| point.maximum).next_back()
}

fn change(instance: &str, credits: &str) -> api::ModifyInstanceCreditSpecificationRequest {
    api::ModifyInstanceCreditSpecificationRequest {
        instance_credit_specifications: vec![api::InstanceCreditSpecificationRequest {
            instance_id: instance.to_owned(),
            cpu_credits: Some(credits.to_owned()),
        }],
        ..Default::default()
    }
}

#[tokio::test]
async fn a_standard_instance_is_held_to_its_baseline_when_its_credits_are_used_up() {
    let cloud = cloud().await;
    let (standard, unlimited) = (started(&cloud, Some("standard")).await, started(&cloud, None).await);
    used(&cloud, 0, 0).await;
    assert_eq!((share(&cloud, &standard), share(&cloud, &unlimited)), (Some(200), None));
    used(&cloud, 60, 0).await;
    assert_eq!(share(&cloud, &standard), None, "an hour of doing nothing");
    let balance = last(&cloud, &standard, "CPUCreditBalance").await.unwrap();
    assert!((11.9..=12.1).contains(&balance), "{balance}");
    used(&cloud, 10, 20 * 60).await;
    assert_eq!((share(&cloud, &standard), share(&cloud, &unlimited)), (Some(200), None));
    assert_eq!(last(&cloud, &standard, "CPUCreditBalance").await, Some(0.0));
    assert_eq!(last(&cloud, &standard, "CPUCreditUsage").await, Some(20.0));
    let owed = last(&cloud, &unlimited, "CPUSurplusCreditBalance").await.unwrap();
    assert!((5.9..=6.1).contains(&owed), "{owed}");

    // In force at once, both ways; who owed pays.
    cloud.call(op::ModifyInstanceCreditSpecification, change(&standard, "unlimited")).await.unwrap();
    assert_eq!(share(&cloud, &standard), None);
    cloud.call(op::ModifyInstanceCreditSpecification, change(&unlimited, "standard")).await.unwrap();
    assert_eq!(share(&cloud, &unlimited), Some(200));
    let input = api::DescribeInstanceCreditSpecificationsRequest {
        instance_ids: Some(vec![standard.clone()]),
        ..Default::default()
    };
    let shown = cloud.call(op::DescribeInstanceCreditSpecifications, input).await.unwrap();
    let shown = shown.instance_credit_specifications.unwrap().remove(0);
    assert_eq!(shown.cpu_credits.as_deref(), Some("unlimited"));
}

#[tokio::test]
async fn settings_are_refused_one_by_one_and_have_defaults() {
    let cloud = cloud().await;
    let plain = api::RunInstancesRequest { instance_type: Some("c5.large".to_owned()), ..launch() };
    let plain = id(&run(&cloud, plain).await);
    becomes(&cloud, &plain, "running").await;
    for (instance, wanted) in [
        ("i-0123456789abcdef0", "InvalidInstanceID.NotFound"),
        ("i-nothing", "InvalidInstanceID.Malformed"),
        (plain.as_str(), "InstanceCreditSpecification.NotSupported"),
    ] {
        let answer = cloud.call(op::ModifyInstanceCreditSpecification, change(instance, "standard")).await;
        let refused = answer.unwrap().unsuccessful_instance_credit_specifications.unwrap().remove(0);
        assert_eq!(refused.error.unwrap().code.as_deref(), Some(wanted));
    }
    let bad = cloud.call(op::ModifyInstanceCreditSpecification, change(&plain, "endless")).await;
    assert_eq!(bad.unwrap_err().code(), "InvalidCpuCredits.Malformed");
    let set = |family: &str| api::ModifyDefaultCreditSpecificationRequest {
        instance_family: family.to_owned(),
        cpu_credits: "standard".to_owned(),
        ..Default::default()
    };
    let bad = cloud.call(op::ModifyDefaultCreditSpecification, set("c5")).await;
    assert_eq!(bad.unwrap_err().code(), "InvalidInstanceFamily");
    for minutes in [5, 5, 5, 24 * 60] {
        cloud.call(op::ModifyDefaultCreditSpecification, set("t3")).await.unwrap();
        let soon = cloud.call(op::ModifyDefaultCreditSpecification, set("t3")).await;
        assert_eq!(soon.unwrap_err().code(), "UpdateLimitExceeded");
        cloud.advance(minutes * 60_000);
    }
    for _ in 0..4 {
        cloud.call(op::ModifyDefaultCreditSpecification, set("t3")).await.unwrap();
        cloud.advance(5 * 60_000);
    }
    let fifth = cloud.call(op::ModifyDefaultCreditSpecification, set("t3")).await;
    assert_eq!(fifth.unwrap_err().code(), "UpdateLimitExceeded");
    let get =
        api::GetDefaultCreditSpecificationRequest { instance_family: "t3".to_owned(), ..Default::default() };
    let shown = cloud.call(op::GetDefaultCreditSpecification, get).await.unwrap();
    let shown = shown.instance_family_credit_specification.unwrap();
    assert_eq!(shown.cpu_credits.as_deref(), Some("standard"));
    let instance = started(&cloud, None).await;
    used(&cloud, 0, 0).await;
    assert_eq!(share(&cloud, &instance), Some(200));
}
