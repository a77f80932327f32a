//! Metric filters: events become metrics.

use api_cloudwatch as metrics;
use api_logs::*;
use kernel::testing::TestCloud;
use shape::Timestamp;

use super::*;

fn new(name: &str, pattern: &str, value: &str) -> PutMetricFilterRequest {
    let made = MetricTransformation {
        metric_name: name.into(),
        metric_namespace: "shop".into(),
        metric_value: value.into(),
        ..Default::default()
    };
    PutMetricFilterRequest {
        log_group_name: "g".into(),
        filter_name: name.into(),
        filter_pattern: pattern.into(),
        metric_transformations: vec![made],
        ..Default::default()
    }
}

/// Sum and count of a metric, when there is any.
async fn sum(cloud: &TestCloud, name: &str) -> Option<(f64, f64)> {
    let asked = metrics::GetMetricStatisticsInput {
        namespace: "shop".into(),
        metric_name: name.into(),
        start_time: Timestamp::from_millis(cloud.now() - 3_600_000),
        end_time: Timestamp::from_millis(cloud.now() + 3_600_000),
        period: 7_200,
        statistics: Some(vec!["Sum".into(), "SampleCount".into()]),
        ..Default::default()
    };
    let found = cloud.call(metrics::op::GetMetricStatistics, asked).await.unwrap().datapoints.unwrap();
    let all = found.iter().map(|point| (point.sum.unwrap(), point.sample_count.unwrap()));
    all.reduce(|(a, b), (c, d)| (a + c, b + d))
}

#[tokio::test]
async fn events_become_metrics() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    cloud.call(op::PutMetricFilter, new("Errors", "ERROR", "1")).await.unwrap();
    cloud.call(op::PutMetricFilter, new("Bytes", "[ip, bytes > 10]", "$bytes")).await.unwrap();
    let now = cloud.now();
    put(
        &cloud,
        ("g", "s"),
        &[(now, "ERROR a"), (now, "10.0.0.1 20"), (now + 1, "10.0.0.1 5"), (now + 1, "ERROR b")],
    )
    .await;
    put(&cloud, ("g", "s"), &[(now, "10.0.0.2 30")]).await;
    cloud
        .eventually("errors are counted", async || {
            (sum(&cloud, "Errors").await == Some((2.0, 2.0))).then_some(())
        })
        .await;
    cloud
        .eventually("bytes are summed", async || {
            (sum(&cloud, "Bytes").await == Some((50.0, 2.0))).then_some(())
        })
        .await;
    assert_eq!(describe(&cloud, "g").await[0].metric_filter_count, Some(2));
    let asked = DescribeMetricFiltersRequest { log_group_name: Some("g".into()), ..Default::default() };
    let found = cloud.call(op::DescribeMetricFilters, asked.clone()).await.unwrap().metric_filters.unwrap();
    assert_eq!(found[0].filter_pattern.as_deref(), Some("[ip, bytes > 10]"));
    let gone = DeleteMetricFilterRequest { log_group_name: "g".into(), filter_name: "Errors".into() };
    cloud.call(op::DeleteMetricFilter, gone.clone()).await.unwrap();
    assert_eq!(
        cloud.call(op::DeleteMetricFilter, gone).await.unwrap_err().code(),
        "ResourceNotFoundException"
    );
    assert_eq!(cloud.call(op::DescribeMetricFilters, asked).await.unwrap().metric_filters.unwrap().len(), 1);
}

#[tokio::test]
async fn a_minute_without_matches_has_the_default() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let mut input = new("Errors", "ERROR", "1");
    input.metric_transformations[0].default_value = Some(0.0);
    cloud.call(op::PutMetricFilter, input).await.unwrap();
    put(&cloud, ("g", "s"), &[(cloud.now(), "fine")]).await;
    assert_eq!(sum(&cloud, "Errors").await, None);
    cloud
        .eventually("the default comes", async || {
            cloud.advance(MINUTE);
            (sum(&cloud, "Errors").await == Some((0.0, 1.0))).then_some(())
        })
        .await;
}

#[tokio::test]
async fn filters_are_tried_and_refused() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let asked = TestMetricFilterRequest {
        filter_pattern: "[ip, ..., bytes > 100]".into(),
        log_event_messages: vec!["10.0.0.1 GET 50".into(), "10.0.0.2 GET 150".into()],
    };
    let found = cloud.call(op::TestMetricFilter, asked).await.unwrap().matches.unwrap();
    assert_eq!((found.len(), found[0].event_number), (1, Some(2)));
    let values = found[0].extracted_values.clone().unwrap();
    assert_eq!(
        (values["$ip"].as_str(), values["$bytes"].as_str(), values["$2"].as_str()),
        ("10.0.0.2", "150", "GET")
    );
    for (pattern, value) in [("a-b", "1"), ("ERROR", "$x"), ("ERROR", "many")] {
        let error = cloud.call(op::PutMetricFilter, new("m", pattern, value)).await.unwrap_err();
        assert_eq!(error.code(), "InvalidParameterException");
    }
    assert_eq!(describe(&cloud, "g").await[0].metric_filter_count, Some(0));
}
