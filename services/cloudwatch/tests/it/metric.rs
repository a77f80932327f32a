//! Putting, listing, statistics; what is refused changes nothing.

use api_cloudwatch::*;
use kernel::Plugs;
use kernel::testing::TestCloud;
use shape::Timestamp;

use super::{DAY, MINUTE, asked, cloud, datum, dimension, put, settle, statistics, sums};

#[tokio::test]
async fn values_sets_and_distributions_of_a_minute_are_one_sample() {
    let cloud = cloud().await;
    let at = cloud.now() - 10 * MINUTE;
    let set = StatisticSet { sample_count: 3.0, sum: 12.0, minimum: 1.0, maximum: 8.0 };
    let data = vec![
        datum("Latency", at, 5.0),
        MetricDatum { value: None, statistic_values: Some(set), ..datum("Latency", at + 30_000, 0.0) },
        MetricDatum {
            value: None,
            values: Some(vec![2.0, 10.0]),
            counts: Some(vec![4.0, 1.0]),
            ..datum("Latency", at + 59_999, 0.0)
        },
    ];
    put(&cloud, data).await.unwrap();
    for _ in 0..2 {
        let plain = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"].map(str::to_owned).to_vec();
        let input =
            GetMetricStatisticsInput { statistics: Some(plain), ..asked("Latency", at, at + MINUTE, 60) };
        let points = statistics(&cloud, input).await;
        assert_eq!(points.len(), 1);
        let point = &points[0];
        assert_eq!(point.timestamp.unwrap().as_millis(), at);
        assert_eq!((point.sample_count, point.sum), (Some(9.0), Some(35.0)));
        assert_eq!((point.minimum, point.maximum), (Some(1.0), Some(10.0)));
        assert_eq!(point.unit.as_deref(), Some("None"));
        // In memory first, then in a block.
        settle(&cloud).await;
    }
}

#[tokio::test]
async fn percentiles_need_the_values_and_units_are_apart() {
    let cloud = cloud().await;
    let at = cloud.now() - 5 * MINUTE;
    let many = MetricDatum {
        value: None,
        values: Some((1..=100).map(f64::from).collect()),
        unit: Some("Milliseconds".to_owned()),
        ..datum("Latency", at, 0.0)
    };
    put(&cloud, vec![many, datum("Latency", at, 7.0)]).await.unwrap();
    let extended = ["p50", "p99", "tm90", "TC(:10)"].map(str::to_owned).to_vec();
    let input = GetMetricStatisticsInput {
        statistics: None,
        extended_statistics: Some(extended),
        ..asked("Latency", at, at + MINUTE, 60)
    };
    let mut points = statistics(&cloud, input.clone()).await;
    points.sort_by(|a, b| a.unit.cmp(&b.unit));
    assert_eq!(points.len(), 2);
    let of = points[0].extended_statistics.as_ref().unwrap();
    assert_eq!((of["p50"], of["p99"], of["TC(:10)"]), (50.0, 99.0, 10.0));
    assert_eq!(of["tm90"], 45.5);
    assert_eq!(points[1].extended_statistics.as_ref().unwrap()["p50"], 7.0);
    let one = GetMetricStatisticsInput { unit: Some("None".to_owned()), ..input };
    assert_eq!(statistics(&cloud, one).await.len(), 1);
}

#[tokio::test]
async fn listing_pages_filters_and_forgets_what_is_old() {
    let cloud = cloud().await;
    let at = cloud.now();
    let with = |name: &str, host: &str| MetricDatum {
        dimensions: Some(vec![dimension("Host", host), dimension("Env", "test")]),
        ..datum(name, at, 1.0)
    };
    let many: Vec<_> = (0..700).map(|n| with("Load", &format!("h{n:03}"))).collect();
    put(&cloud, many).await.unwrap();
    put(&cloud, vec![with("Disk", "h000"), datum("Disk", at - 4 * 60 * MINUTE, 1.0)]).await.unwrap();
    let list = async |input: ListMetricsInput| {
        let mut all = Vec::new();
        let mut next_token = None;
        loop {
            let page =
                cloud.call(op::ListMetrics, ListMetricsInput { next_token, ..input.clone() }).await.unwrap();
            assert!(page.metrics.as_ref().unwrap().len() <= 500);
            all.extend(page.metrics.unwrap());
            next_token = page.next_token;
            if next_token.is_none() {
                return all;
            }
        }
    };
    assert_eq!(list(ListMetricsInput::default()).await.len(), 702);
    let load = ListMetricsInput { metric_name: Some("Load".to_owned()), ..Default::default() };
    assert_eq!(list(load.clone()).await.len(), 700);
    let token = cloud.call(op::ListMetrics, ListMetricsInput::default()).await.unwrap().next_token;
    assert!(token.is_some());
    let of_another = ListMetricsInput { next_token: token, ..load };
    let error = cloud.call(op::ListMetrics, of_another).await.unwrap_err();
    assert_eq!(error.query_code(), "InvalidParameterValue");
    let filter = |value: Option<&str>| ListMetricsInput {
        dimensions: Some(vec![DimensionFilter { name: "Host".to_owned(), value: value.map(str::to_owned) }]),
        ..Default::default()
    };
    assert_eq!(list(filter(Some("h000"))).await.len(), 2);
    assert_eq!(list(filter(None)).await.len(), 701);
    let recent = ListMetricsInput { recently_active: Some("PT3H".to_owned()), ..Default::default() };
    assert_eq!(list(recent).await.len(), 701);
    let elsewhere = cloud.in_region("eu-west-1");
    assert_eq!(
        elsewhere.call(op::ListMetrics, ListMetricsInput::default()).await.unwrap().metrics.unwrap().len(),
        0
    );
    cloud.advance(15 * DAY);
    assert_eq!(list(ListMetricsInput::default()).await.len(), 0);
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_nothing_of_it_is_kept() {
    let cloud = cloud().await;
    let now = cloud.now();
    let good = datum("m", now, 1.0);
    let bad = [
        (datum("m", now, f64::NAN), "The value NaN for parameter MetricData.member.2.Value is invalid."),
        (datum("m", now - 15 * DAY, 1.0), "no more than two weeks in the past"),
        (datum("m", now + 3 * 60 * MINUTE, 1.0), "no more than two hours in the future"),
        (MetricDatum { values: Some(vec![1.0]), ..good.clone() }, "mutually exclusive"),
        (MetricDatum { storage_resolution: Some(30), ..good.clone() }, "StorageResolution"),
        (MetricDatum { value: None, ..good.clone() }, "must be specified"),
        (
            MetricDatum {
                value: None,
                values: Some(vec![1.0]),
                counts: Some(vec![1.0, 2.0]),
                ..good.clone()
            },
            "must be of the same size",
        ),
        (MetricDatum { value: None, values: Some(vec![1.0; 151]), ..good.clone() }, "greater than 150"),
        (
            MetricDatum { dimensions: Some(vec![dimension("a", "1"), dimension("a", "2")]), ..good.clone() },
            "twice",
        ),
    ];
    for (datum, words) in bad {
        let error = put(&cloud, vec![good.clone(), datum]).await.unwrap_err();
        assert!(error.message().contains(words), "{error}");
    }
    let error = put(&cloud, vec![good.clone(); 1_001]).await.unwrap_err();
    assert_eq!(error.message(), "The collection MetricData must not have a size greater than 1000.");
    assert_eq!(error.query_code(), "InvalidParameterValue");
    let reserved = PutMetricDataInput {
        namespace: "AWS/EC2".to_owned(),
        metric_data: Some(vec![good.clone()]),
        ..Default::default()
    };
    let error = cloud.call(op::PutMetricData, reserved.clone()).await.unwrap_err();
    assert_eq!(error.message(), "The value AWS/ for parameter Namespace is invalid.");
    let listed = cloud.call(op::ListMetrics, ListMetricsInput::default()).await.unwrap();
    assert_eq!(listed.metrics.unwrap().len(), 0);
    cloud.ctx("cloudwatch").call_as_service(op::PutMetricData, reserved).await.unwrap();
}

#[tokio::test]
async fn statistics_have_bounds() {
    let cloud = cloud().await;
    let now = cloud.now();
    let refused =
        async |input: GetMetricStatisticsInput| cloud.call(op::GetMetricStatistics, input).await.unwrap_err();
    let many = refused(asked("m", now - 2 * DAY, now, 60)).await;
    assert_eq!(many.query_code(), "InvalidParameterCombination");
    assert!(many.message().contains("exceeds the limit of 1440"), "{many}");
    let reversed = refused(asked("m", now, now, 60)).await;
    assert_eq!(reversed.message(), "The parameter StartTime must be less than the parameter EndTime.");
    refused(asked("m", now - MINUTE, now, 61)).await;
    refused(GetMetricStatisticsInput { statistics: None, ..asked("m", now - MINUTE, now, 60) }).await;
    let odd = Some(vec!["p101".to_owned()]);
    let odd = GetMetricStatisticsInput { extended_statistics: odd, ..asked("m", now - MINUTE, now, 60) };
    refused(GetMetricStatisticsInput { statistics: None, ..odd }).await;
    let median = Some(vec!["p50".to_owned()]);
    let both = GetMetricStatisticsInput { extended_statistics: median, ..asked("m", now - MINUTE, now, 60) };
    assert_eq!(refused(both).await.query_code(), "InvalidParameterCombination");
}

#[tokio::test]
async fn acknowledged_samples_survive_a_restart_before_and_after_they_are_in_blocks() {
    let first = cloud().await;
    let store = first.house.store().clone();
    let services = || vec![cloudwatch::service(&Plugs::default())];
    let open = async || TestCloud::over(store.clone(), services()).await;
    let at = first.now() - 10 * MINUTE;
    put(&first, vec![datum("m", at, 1.0)]).await.unwrap();
    settle(&first).await;
    put(&first, vec![datum("m", at, 2.0), datum("n", at, 9.0)]).await.unwrap();
    first.house.close().await;
    drop(first);
    for round in 0..3 {
        let cloud = open().await;
        assert_eq!(sums(&cloud, "m", at, at + MINUTE, 60).await, [(at, 3.0 + f64::from(round))]);
        assert_eq!(sums(&cloud, "n", at, at + MINUTE, 60).await, [(at, 9.0)]);
        put(&cloud, vec![datum("m", at, 1.0)]).await.unwrap();
        assert_eq!(sums(&cloud, "m", at, at + MINUTE, 60).await, [(at, 4.0 + f64::from(round))]);
        if round == 1 {
            settle(&cloud).await;
        }
        cloud.house.close().await;
    }
}

#[tokio::test]
async fn many_put_at_once_while_blocks_are_made_and_nothing_is_lost() {
    let cloud = cloud().await;
    let at = cloud.now() - 10 * MINUTE;
    let puts = async {
        for n in 0..200 {
            let name = format!("m{}", n % 7);
            put(&cloud, vec![datum(&name, at + n % 5 * MINUTE, 1.0), datum("all", at, 1.0)]).await.unwrap();
        }
    };
    let settling = async {
        for _ in 0..20 {
            settle(&cloud).await;
            let seen = sums(&cloud, "all", at, at + MINUTE, 60).await;
            assert!(seen.first().is_none_or(|(_, sum)| *sum <= 200.0));
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(puts, settling);
    for _ in 0..2 {
        assert_eq!(sums(&cloud, "all", at, at + MINUTE, 60).await, [(at, 200.0)]);
        let mut total = 0.0;
        for n in 0..7 {
            total += sums(&cloud, &format!("m{n}"), at, at + 5 * MINUTE, 60)
                .await
                .iter()
                .map(|s| s.1)
                .sum::<f64>();
        }
        assert_eq!(total, 200.0);
        settle(&cloud).await;
    }
    let point = Timestamp::from_millis(at);
    assert_eq!(point.as_millis(), at);
}
