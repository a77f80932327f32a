//! Capacity that is foretold, and there before its hour.

use api_autoscaling::*;
use api_cloudwatch as cw;
use kernel::{Access, Ctx, Result, Service, ServiceBuilder};
use shape::Timestamp;

use crate::cloud::{Cloud, GROUP};

const HOUR_MS: i64 = 3_600_000;
/// Of the day: the one with many users.
const BUSY: i64 = 9;

/// Twenty requests a minute, and a hundred in the busy hour, by a single instance.
async fn history(_: &Ctx, input: cw::GetMetricDataInput) -> Result<cw::GetMetricDataOutput> {
    let stat = input.metric_data_queries[0].metric_stat.as_ref().unwrap();
    assert_eq!(stat.period, 3_600);
    let hours = input.start_time.as_millis() / HOUR_MS..input.end_time.as_millis() / HOUR_MS;
    let value = |hour: i64| {
        let requests = if hour % 24 == BUSY { 100.0 } else { 20.0 };
        match stat.metric.metric_name.as_deref().unwrap() {
            "Load" => requests * 60.0,
            "PerInstance" => requests,
            _ => 1.0,
        }
    };
    let result = cw::MetricDataResult {
        timestamps: Some(hours.clone().map(|hour| Timestamp::from_millis(hour * HOUR_MS)).collect()),
        values: Some(hours.map(value).collect()),
        ..Default::default()
    };
    Ok(cw::GetMetricDataOutput { metric_data_results: Some(vec![result]), ..Default::default() })
}

async fn put(_: &Ctx, _: cw::PutMetricDataInput) -> Result<()> {
    Ok(())
}

pub(crate) fn stand_in_cloudwatch() -> Service {
    let mut s = ServiceBuilder::new(&cw::SERVICE);
    s.op(cw::op::GetMetricData, history).access(|_, _| Ok(Access::any()));
    s.op(cw::op::PutMetricData, put).access(|_, _| Ok(Access::any()));
    s.build()
}

fn query(name: &str) -> Vec<MetricDataQuery> {
    let metric = Metric { namespace: "shop".into(), metric_name: name.into(), dimensions: None };
    let stat = MetricStat { metric, stat: "Sum".into(), unit: None };
    vec![MetricDataQuery { id: "m".into(), metric_stat: Some(stat), ..Default::default() }]
}

/// Ten requests a minute are enough for an instance.
fn policy(mode: &str, behaviour: Option<&str>) -> PutScalingPolicyType {
    let specification = PredictiveScalingMetricSpecification {
        target_value: 10.0,
        customized_load_metric_specification: Some(PredictiveScalingCustomizedLoadMetric {
            metric_data_queries: query("Load"),
        }),
        customized_scaling_metric_specification: Some(PredictiveScalingCustomizedScalingMetric {
            metric_data_queries: query("PerInstance"),
        }),
        customized_capacity_metric_specification: Some(PredictiveScalingCustomizedCapacityMetric {
            metric_data_queries: query("Capacity"),
        }),
        ..Default::default()
    };
    let configuration = PredictiveScalingConfiguration {
        metric_specifications: vec![specification],
        mode: Some(mode.into()),
        scheduling_buffer_time: Some(600),
        max_capacity_breach_behavior: behaviour.map(str::to_owned),
        max_capacity_buffer: behaviour.map(|_| 0),
    };
    PutScalingPolicyType {
        auto_scaling_group_name: GROUP.into(),
        policy_name: "tomorrow".into(),
        policy_type: Some("PredictiveScaling".into()),
        predictive_scaling_configuration: Some(configuration),
        ..Default::default()
    }
}

/// Time passes until it is so many minutes after this hour of the day.
fn advance_to(cloud: &Cloud, hour: i64, minute: i64) {
    let now = cloud.test.ctx("autoscaling").now();
    let wanted = (hour * 60 + minute) * 60_000;
    cloud.test.advance((wanted - now).rem_euclid(24 * HOUR_MS));
}

async fn forecast(cloud: &Cloud) -> Result<GetPredictiveScalingForecastAnswer> {
    let now = cloud.test.ctx("autoscaling").now();
    let input = GetPredictiveScalingForecastType {
        auto_scaling_group_name: GROUP.into(),
        policy_name: "tomorrow".into(),
        start_time: Timestamp::from_millis(now - now % HOUR_MS),
        end_time: Timestamp::from_millis(now + 48 * HOUR_MS),
    };
    cloud.test.call(op::GetPredictiveScalingForecast, input).await
}

#[tokio::test]
async fn capacity_is_there_before_its_hour_and_stays_until_that_is_over() {
    let cloud = Cloud::new().await;
    advance_to(&cloud, BUSY - 1, 10);
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(1, 4)).await.unwrap();
    cloud.rests(1).await;

    // One that foretells only changes nothing.
    cloud.test.call(op::PutScalingPolicy, policy("ForecastOnly", None)).await.unwrap();
    cloud.until("it is foretold", async || forecast(&cloud).await.is_ok()).await;
    let told = forecast(&cloud).await.unwrap();
    assert_eq!(told.capacity_forecast.values[..3], [2.0, 10.0, 2.0]);
    assert_eq!(told.capacity_forecast.values.len(), 48);
    assert!((told.load_forecast[0].values[1] - 6_000.0).abs() < 1e-6);
    assert_eq!(cloud.group().await.predicted_capacity, None);
    assert_eq!(cloud.group().await.desired_capacity, 1);

    cloud.test.call(op::PutScalingPolicy, policy("ForecastAndScale", None)).await.unwrap();
    cloud.rests(2).await;
    assert_eq!(cloud.group().await.predicted_capacity, Some(2));
    let why = cloud.activities().await.into_iter().map(|one| one.cause).collect::<String>();
    assert!(why.contains("predictive scaling policy"), "{why}");

    // Ten minutes before the busy hour, up to the maximum.
    advance_to(&cloud, BUSY - 1, 49);
    assert_eq!(cloud.group().await.desired_capacity, 2);
    advance_to(&cloud, BUSY - 1, 51);
    cloud.rests(4).await;
    assert_eq!(cloud.group().await.predicted_capacity, Some(10));

    // Other policies go no lower meanwhile.
    let simple = PutScalingPolicyType {
        auto_scaling_group_name: GROUP.into(),
        policy_name: "in".into(),
        adjustment_type: Some("ExactCapacity".into()),
        scaling_adjustment: Some(1),
        ..Default::default()
    };
    cloud.test.call(op::PutScalingPolicy, simple).await.unwrap();
    let execute = || ExecutePolicyType {
        auto_scaling_group_name: Some(GROUP.into()),
        policy_name: "in".into(),
        ..Default::default()
    };
    cloud.test.call(op::ExecutePolicy, execute()).await.unwrap();
    assert_eq!(cloud.group().await.desired_capacity, 4);
    advance_to(&cloud, BUSY, 51);
    cloud.until("the busy hour is over", async || cloud.group().await.predicted_capacity == Some(2)).await;
    assert_eq!(cloud.group().await.desired_capacity, 4, "it does not shrink by itself");
    cloud.test.call(op::ExecutePolicy, execute()).await.unwrap();
    cloud.rests(2).await;

    let gone =
        DeletePolicyType { auto_scaling_group_name: Some(GROUP.into()), policy_name: "tomorrow".into() };
    cloud.test.call(op::DeletePolicy, gone).await.unwrap();
    assert_eq!(cloud.group().await.predicted_capacity, None);
    cloud.test.call(op::ExecutePolicy, execute()).await.unwrap();
    cloud.rests(1).await;
}

#[tokio::test]
async fn a_maximum_gives_way_where_that_is_said() {
    let cloud = Cloud::new().await;
    advance_to(&cloud, BUSY, 1);
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(1, 4)).await.unwrap();
    cloud
        .test
        .call(op::PutScalingPolicy, policy("ForecastAndScale", Some("IncreaseMaxCapacity")))
        .await
        .unwrap();
    cloud.rests(10).await;
    let group = cloud.group().await;
    assert_eq!((group.max_size, group.desired_capacity), (4, 10));
}

#[tokio::test]
async fn what_is_not_complete_is_refused() {
    let cloud = Cloud::new().await;
    cloud.test.call(op::CreateAutoScalingGroup, Cloud::asked(0, 4)).await.unwrap();
    let mut none = policy("ForecastOnly", None);
    none.predictive_scaling_configuration = None;
    let mut other = policy("ForecastOnly", None);
    other.adjustment_type = Some("ExactCapacity".into());
    let mut late = policy("ForecastOnly", None);
    late.predictive_scaling_configuration.as_mut().unwrap().scheduling_buffer_time = Some(3_601);
    for refused in [none, other, late] {
        let error = cloud.test.call(op::PutScalingPolicy, refused).await.unwrap_err();
        assert_eq!(error.query_code(), "ValidationError");
    }
    assert_eq!(forecast(&cloud).await.unwrap_err().query_code(), "ValidationError");
}
