//! Instances have metrics, and alarms on them act.

use api_cloudwatch as cw;
use api_ec2 as api;
use api_ec2::op;
use compute::Stats;
use ec2::controllers::metric::put_all;
use kernel::Plugs;
use kernel::testing::TestCloud;
use shape::Timestamp;

use crate::cloud::{Cloud, plugs};
use crate::instance::{becomes, running};

const MINUTE_MS: i64 = 60_000;

async fn cloud() -> Cloud {
    let machines = std::sync::Arc::new(compute::FakeMachines::new());
    let networks = std::sync::Arc::new(net::FakeNetworks::new());
    let services = vec![ec2::service(&plugs(&machines, &networks)), cloudwatch::service(&Plugs::default())];
    Cloud { cloud: TestCloud::new(services).await, machines, networks }
}

/// Sums of a metric of an instance in the last ten minutes.
async fn sums(cloud: &Cloud, id: &str, name: &str) -> Vec<f64> {
    let input = cw::GetMetricStatisticsInput {
        namespace: "AWS/EC2".to_owned(),
        metric_name: name.to_owned(),
        dimensions: Some(vec![cw::Dimension { name: "InstanceId".to_owned(), value: id.to_owned() }]),
        start_time: Timestamp::from_millis(cloud.now() - 10 * MINUTE_MS),
        end_time: Timestamp::from_millis(cloud.now() + MINUTE_MS),
        period: 60,
        statistics: Some(vec!["Sum".to_owned()]),
        ..Default::default()
    };
    let points = cloud.call(cw::op::GetMetricStatistics, input).await.unwrap().datapoints.unwrap();
    points.into_iter().map(|point| point.sum.unwrap()).collect()
}

/// Lets so many minutes go by, after which what runs has used so many seconds of processors and bytes of disks since
/// its start, and looks at it.
async fn used(cloud: &Cloud, minutes: i64, cpu_s: u64, written_bytes: u64) {
    let writes = written_bytes / 100;
    let cpu_ns = cpu_s * 1_000_000_000;
    cloud.machines.use_resources(Stats { cpu_ns, written_bytes, writes, ..Stats::default() });
    cloud.advance(minutes * MINUTE_MS);
    put_all(&cloud.ctx("ec2")).await.unwrap();
}

#[tokio::test]
async fn what_an_instance_uses_is_put_every_five_minutes_or_every_minute() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    used(&cloud, 0, 0, 0).await;
    for minute in 1..=5 {
        // Two processors: half of one is a quarter of them.
        used(&cloud, 1, 30 * minute, 1_000 * minute).await;
    }
    eventually(&cloud, &id, "EBSWriteBytes", &[5_000.0]).await;
    eventually(&cloud, &id, "EBSWriteOps", &[50.0]).await;
    eventually(&cloud, &id, "CPUUtilization", &[25.0]).await;
    assert!(sums(&cloud, &id, "StatusCheckFailed").await.len() >= 5, "by the minute");
    let detailed = api::MonitorInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    cloud.call(op::MonitorInstances, detailed).await.unwrap();
    used(&cloud, 1, 150 + 120, 5_000).await;
    eventually(&cloud, &id, "CPUUtilization", &[25.0, 100.0]).await;
    used(&cloud, 1, 10, 0).await;
    eventually(&cloud, &id, "CPUUtilization", &[25.0, 100.0]).await;
}

/// The house looks on its own as well: whoever is first puts it.
async fn eventually(cloud: &Cloud, id: &str, name: &str, wanted: &[f64]) {
    cloud.eventually(name, async || (sums(cloud, id, name).await == wanted).then_some(())).await;
}

#[tokio::test]
async fn an_alarm_stops_an_idle_instance() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    let alarm = cw::PutMetricAlarmInput {
        alarm_name: "idle".to_owned(),
        namespace: Some("AWS/EC2".to_owned()),
        metric_name: Some("CPUUtilization".to_owned()),
        dimensions: Some(vec![cw::Dimension { name: "InstanceId".to_owned(), value: id.clone() }]),
        statistic: Some("Average".to_owned()),
        period: Some(300),
        evaluation_periods: Some(1),
        threshold: Some(5.0),
        comparison_operator: Some("LessThanThreshold".to_owned()),
        alarm_actions: Some(vec!["arn:aws:automate:us-east-1:ec2:stop".to_owned()]),
        ..Default::default()
    };
    cloud.call(cw::op::PutMetricAlarm, alarm).await.unwrap();
    used(&cloud, 0, 0, 0).await;
    used(&cloud, 5, 1, 0).await;
    cloud.advance(6 * MINUTE_MS);
    becomes(&cloud, &id, "stopped").await;
}
