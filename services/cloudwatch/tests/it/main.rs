//! CloudWatch on a whole house: metrics through the client, over restarts and over months.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod alarm;
mod dashboard;
mod detector;
mod math;
mod metric;
mod retention;
mod widget;

use api_cloudwatch::*;
use kernel::testing::TestCloud;
use kernel::{Error, Millis, Plugs};
use shape::Timestamp;

pub const MINUTE: Millis = 60_000;
pub const DAY: Millis = 86_400_000;

pub async fn cloud() -> TestCloud {
    TestCloud::new(vec![cloudwatch::service(&Plugs::default())]).await
}

pub fn datum(name: &str, at: Millis, value: f64) -> MetricDatum {
    MetricDatum {
        metric_name: name.to_owned(),
        timestamp: Some(Timestamp::from_millis(at)),
        value: Some(value),
        ..Default::default()
    }
}

pub fn dimension(name: &str, value: &str) -> Dimension {
    Dimension { name: name.to_owned(), value: value.to_owned() }
}

pub async fn put(cloud: &TestCloud, data: Vec<MetricDatum>) -> Result<(), Error> {
    let input =
        PutMetricDataInput { namespace: "shop".to_owned(), metric_data: Some(data), ..Default::default() };
    cloud.call(op::PutMetricData, input).await
}

pub fn asked(name: &str, start: Millis, end: Millis, period: i32) -> GetMetricStatisticsInput {
    GetMetricStatisticsInput {
        namespace: "shop".to_owned(),
        metric_name: name.to_owned(),
        start_time: Timestamp::from_millis(start),
        end_time: Timestamp::from_millis(end),
        period,
        statistics: Some(vec!["Sum".to_owned(), "SampleCount".to_owned()]),
        ..Default::default()
    }
}

pub async fn statistics(cloud: &TestCloud, input: GetMetricStatisticsInput) -> Vec<Datapoint> {
    cloud.call(op::GetMetricStatistics, input).await.unwrap().datapoints.unwrap()
}

/// Instants and sums, by a period.
pub async fn sums(
    cloud: &TestCloud,
    name: &str,
    start: Millis,
    end: Millis,
    period: i32,
) -> Vec<(Millis, f64)> {
    let points = statistics(cloud, asked(name, start, end, period)).await;
    points.iter().map(|point| (point.timestamp.unwrap().as_millis(), point.sum.unwrap())).collect()
}

/// Has everything put into blocks, and old blocks into coarser ones.
pub async fn settle(cloud: &TestCloud) {
    let ctx = cloud.ctx("cloudwatch");
    cloudwatch::controllers::block::reconcile(&ctx, String::new()).await.unwrap();
}
