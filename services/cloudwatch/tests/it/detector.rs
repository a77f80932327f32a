//! Anomaly detectors: put, learned, deleted; bands in answers, and alarms on them.

use api_cloudwatch::*;
use kernel::Millis;
use kernel::testing::TestCloud;
use shape::Timestamp;

use super::alarm::minutes_to;
use super::{DAY, MINUTE, cloud, datum, dimension, put};

const HOUR: Millis = 60 * MINUTE;

fn single(name: &str) -> PutAnomalyDetectorInput {
    PutAnomalyDetectorInput {
        single_metric_anomaly_detector: Some(SingleMetricAnomalyDetector {
            namespace: Some("shop".to_owned()),
            metric_name: Some(name.to_owned()),
            stat: Some("Average".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn metric(id: &str, name: &str, period: i32) -> MetricDataQuery {
    let metric = Metric {
        namespace: Some("shop".to_owned()),
        metric_name: Some(name.to_owned()),
        ..Default::default()
    };
    let stat = MetricStat { metric, period, stat: "Average".to_owned(), unit: None };
    MetricDataQuery { id: id.to_owned(), metric_stat: Some(stat), ..Default::default() }
}

fn math(id: &str, expression: &str) -> MetricDataQuery {
    MetricDataQuery { id: id.to_owned(), expression: Some(expression.to_owned()), ..Default::default() }
}

/// A metric that is low by night and high by day, a point every five minutes, up to now.
async fn busy(cloud: &TestCloud, name: &str, days: Millis) {
    let (now, mut data) = (cloud.now() / (5 * MINUTE) * (5 * MINUTE), Vec::new());
    for n in 0..days * DAY / (5 * MINUTE) {
        let at = now - days * DAY + n * 5 * MINUTE;
        data.push(datum(name, at, expected(at) + f64::from(i32::try_from(n % 7).unwrap()) / 7.0));
    }
    for part in data.chunks(1_000) {
        put(cloud, part.to_vec()).await.unwrap();
    }
}

fn expected(at: Millis) -> f64 {
    if (8 * HOUR..20 * HOUR).contains(&at.rem_euclid(DAY)) { 100.0 } else { 10.0 }
}

async fn describe(cloud: &TestCloud, types: Option<&[&str]>) -> Vec<AnomalyDetector> {
    let types = types.map(|types| types.iter().map(|&kind| kind.to_owned()).collect());
    let input = DescribeAnomalyDetectorsInput { anomaly_detector_types: types, ..Default::default() };
    cloud.call(op::DescribeAnomalyDetectors, input).await.unwrap().anomaly_detectors.unwrap()
}

async fn trained(cloud: &TestCloud, wanted: &str) {
    let both: &[&str] = &["SINGLE_METRIC", "METRIC_MATH"];
    cloud
        .eventually(wanted, async || {
            let all = describe(cloud, Some(both)).await;
            all.iter().all(|detector| detector.state_value.as_deref() == Some(wanted)).then_some(())
        })
        .await;
}

/// Upper and lower bounds of the hours before now.
async fn bands(cloud: &TestCloud, queries: Vec<MetricDataQuery>) -> Vec<Vec<f64>> {
    let input = GetMetricDataInput {
        metric_data_queries: queries,
        start_time: Timestamp::from_millis(cloud.now() - DAY),
        end_time: Timestamp::from_millis(cloud.now()),
        scan_by: Some("TimestampAscending".to_owned()),
        ..Default::default()
    };
    let output = cloud.call(op::GetMetricData, input).await.unwrap();
    let found = output.metric_data_results.unwrap().into_iter();
    found.filter(|one| one.id.as_deref() == Some("band")).map(|one| one.values.unwrap()).collect()
}

#[tokio::test]
async fn a_band_follows_the_days_of_a_metric() {
    let cloud = cloud().await;
    busy(&cloud, "Load", 6).await;
    let queries = || vec![metric("m1", "Load", 300), math("band", "ANOMALY_DETECTION_BAND(m1, 3)")];
    let none = bands(&cloud, queries()).await;
    assert_eq!(none, [Vec::<f64>::new(), Vec::new()], "there is no detector");
    cloud.call(op::PutAnomalyDetector, single("Load")).await.unwrap();
    trained(&cloud, "TRAINED").await;
    let both = bands(&cloud, queries()).await;
    let [high, low] = both.as_slice() else { panic!("{} series", both.len()) };
    assert_eq!((high.len(), low.len()), (288, 288));
    let start = cloud.now() / (5 * MINUTE) * (5 * MINUTE) - DAY;
    for (n, (high, low)) in (0..).zip(high.iter().zip(low)) {
        let at = start + n * 5 * MINUTE;
        // Within an hour of the change of day and night either may be expected.
        if expected(at - HOUR) == expected(at + HOUR) {
            assert!(*low < expected(at) + 0.5 && expected(at) + 0.5 < *high, "{n}: {low} to {high}");
        }
    }
    let outside = math("band", "IF(m1 > FIRST(ad) || m1 < LAST(ad), 1, 0)");
    let ad = MetricDataQuery { return_data: Some(false), ..math("ad", "ANOMALY_DETECTION_BAND(m1, 50)") };
    let flags = bands(&cloud, vec![metric("m1", "Load", 300), ad, outside]).await;
    assert!(flags[0].iter().sum::<f64>() < 60.0, "{flags:?}");
}

#[tokio::test]
async fn detectors_are_put_changed_found_again_and_deleted() {
    let cloud = cloud().await;
    busy(&cloud, "Errors", 1).await;
    busy(&cloud, "Requests", 1).await;
    cloud.call(op::PutAnomalyDetector, single("Errors")).await.unwrap();
    let excluded = Range {
        start_time: Timestamp::from_millis(cloud.now() - DAY),
        end_time: Timestamp::from_millis(cloud.now()),
    };
    let flat = PutAnomalyDetectorInput {
        namespace: Some("shop".to_owned()),
        metric_name: Some("Errors".to_owned()),
        stat: Some("Average".to_owned()),
        configuration: Some(AnomalyDetectorConfiguration {
            excluded_time_ranges: Some(vec![excluded]),
            metric_timezone: Some("Europe/Berlin".to_owned()),
        }),
        metric_characteristics: Some(MetricCharacteristics { periodic_spikes: Some(true) }),
        ..Default::default()
    };
    cloud.call(op::PutAnomalyDetector, flat).await.unwrap();
    trained(&cloud, "TRAINED_INSUFFICIENT_DATA").await;
    let hidden = |query| MetricDataQuery { return_data: Some(false), ..query };
    let queries = || {
        vec![
            hidden(metric("e", "Errors", 300)),
            hidden(metric("r", "Requests", 300)),
            MetricDataQuery { return_data: Some(true), ..math("rate", "e / r") },
        ]
    };
    let of_math = || MetricMathAnomalyDetector { metric_data_queries: Some(queries()) };
    let input =
        PutAnomalyDetectorInput { metric_math_anomaly_detector: Some(of_math()), ..Default::default() };
    cloud.call(op::PutAnomalyDetector, input).await.unwrap();
    let all = describe(&cloud, None).await;
    assert_eq!(all.len(), 1, "only that of a single metric, where no type is asked for");
    let configuration = all[0].configuration.clone().unwrap();
    assert_eq!(configuration.metric_timezone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(configuration.excluded_time_ranges.unwrap().len(), 1);
    assert_eq!(all[0].metric_name.as_deref(), Some("Errors"));
    cloud
        .eventually("the ratio is learned", async || {
            let found = describe(&cloud, Some(&["METRIC_MATH"])).await;
            (found.len() == 1 && found[0].state_value.as_deref() == Some("TRAINED")).then_some(())
        })
        .await;
    let mut asked = queries();
    asked.push(math("band", "ANOMALY_DETECTION_BAND(rate)"));
    let both = bands(&cloud, asked).await;
    assert_eq!(both[0].len(), 288);
    assert!(both[1][0] < 1.0 && 1.0 < both[0][0], "{} to {}", both[1][0], both[0][0]);
    let gone =
        DeleteAnomalyDetectorInput { metric_math_anomaly_detector: Some(of_math()), ..Default::default() };
    cloud.call(op::DeleteAnomalyDetector, gone.clone()).await.unwrap();
    let error = cloud.call(op::DeleteAnomalyDetector, gone).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("ResourceNotFoundException", 404));
}

#[tokio::test]
async fn an_alarm_goes_off_outside_of_its_band() {
    let cloud = cloud().await;
    busy(&cloud, "Load", 6).await;
    let input = PutMetricAlarmInput {
        alarm_name: "odd".to_owned(),
        metrics: Some(vec![metric("m1", "Load", 300), math("ad1", "ANOMALY_DETECTION_BAND(m1, 4)")]),
        evaluation_periods: Some(1),
        threshold_metric_id: Some("ad1".to_owned()),
        comparison_operator: Some("LessThanLowerOrGreaterThanUpperThreshold".to_owned()),
        ..Default::default()
    };
    let bad = [
        PutMetricAlarmInput { threshold: Some(1.0), ..input.clone() },
        PutMetricAlarmInput { threshold_metric_id: Some("m1".to_owned()), ..input.clone() },
        PutMetricAlarmInput { threshold_metric_id: Some("zz".to_owned()), ..input.clone() },
        PutMetricAlarmInput { threshold_metric_id: None, threshold: Some(1.0), ..input.clone() },
        PutMetricAlarmInput { comparison_operator: Some("GreaterThanThreshold".to_owned()), ..input.clone() },
    ];
    for input in bad {
        assert_eq!(cloud.call(op::PutMetricAlarm, input).await.unwrap_err().status(), 400);
    }
    cloud.call(op::PutMetricAlarm, input).await.unwrap();
    cloud.eventually("a detector", async || (describe(&cloud, None).await.len() == 1).then_some(())).await;
    minutes_to(&cloud, "odd", "OK").await;
    put(&cloud, vec![datum("Load", cloud.now(), 5_000.0)]).await.unwrap();
    minutes_to(&cloud, "odd", "ALARM").await;
    let names = Some(vec!["odd".to_owned()]);
    let input = DescribeAlarmsInput { alarm_names: names, ..Default::default() };
    let shown = cloud.call(op::DescribeAlarms, input).await.unwrap().metric_alarms.unwrap().remove(0);
    assert_eq!((shown.threshold, shown.threshold_metric_id.as_deref()), (None, Some("ad1")));
    let reason = shown.state_reason.unwrap();
    assert!(reason.starts_with("Thresholds Crossed: 1 out of the last 1 datapoints [5000.0 ("), "{reason}");
    assert!(shown.state_reason_data.unwrap().contains("recentUpperThresholds"));
}

#[tokio::test]
async fn what_no_detector_may_be_is_refused() {
    let cloud = cloud().await;
    let of = |change: &dyn Fn(&mut SingleMetricAnomalyDetector)| {
        let mut input = single("Load");
        input.single_metric_anomaly_detector.as_mut().map(change);
        input
    };
    let zone = |zone: &str| PutAnomalyDetectorInput {
        configuration: Some(AnomalyDetectorConfiguration {
            metric_timezone: Some(zone.to_owned()),
            ..Default::default()
        }),
        ..single("Load")
    };
    let now = Timestamp::from_millis(cloud.now());
    let backwards = AnomalyDetectorConfiguration {
        excluded_time_ranges: Some(vec![Range { start_time: now, end_time: now }]),
        ..Default::default()
    };
    let of_math = |queries| PutAnomalyDetectorInput {
        metric_math_anomaly_detector: Some(MetricMathAnomalyDetector { metric_data_queries: Some(queries) }),
        ..Default::default()
    };
    let bad = [
        PutAnomalyDetectorInput::default(),
        PutAnomalyDetectorInput { namespace: Some("shop".to_owned()), ..single("Load") },
        of(&|single| single.stat = None),
        of(&|single| single.stat = Some("Most".to_owned())),
        of(&|single| single.dimensions = Some(vec![dimension(":x", "y")])),
        zone("Europe/Nowhere"),
        PutAnomalyDetectorInput { configuration: Some(backwards), ..single("Load") },
        of_math(vec![metric("m1", "Load", 60)]),
        of_math(vec![metric("m1", "Load", 60), math("e", "m1 * 2")]),
    ];
    for input in bad {
        let error = cloud.call(op::PutAnomalyDetector, input.clone()).await.unwrap_err();
        assert_eq!(error.status(), 400, "{input:?}");
    }
    assert!(describe(&cloud, Some(&["SINGLE_METRIC", "METRIC_MATH"])).await.is_empty());
    for expression in
        ["ANOMALY_DETECTION_BAND(m9)", "ANOMALY_DETECTION_BAND(m1, 0)", "ANOMALY_DETECTION_BAND(2)"]
    {
        let input = GetMetricDataInput {
            metric_data_queries: vec![metric("m1", "Load", 60), math("band", expression)],
            start_time: Timestamp::from_millis(cloud.now() - HOUR),
            end_time: now,
            ..Default::default()
        };
        assert_eq!(cloud.call(op::GetMetricData, input).await.unwrap_err().status(), 400, "{expression}");
    }
}
