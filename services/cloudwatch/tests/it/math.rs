//! GetMetricData: metrics, expressions, SEARCH, labels, pages.

use api_cloudwatch::*;
use kernel::Error;
use kernel::testing::TestCloud;
use shape::Timestamp;

use super::{MINUTE, cloud, datum, dimension, put};

fn metric(id: &str, name: &str, stat: &str) -> MetricDataQuery {
    let metric = Metric {
        namespace: Some("shop".to_owned()),
        metric_name: Some(name.to_owned()),
        ..Default::default()
    };
    let stat = MetricStat { metric, period: 60, stat: stat.to_owned(), unit: None };
    MetricDataQuery { id: id.to_owned(), metric_stat: Some(stat), ..Default::default() }
}

fn math(id: &str, expression: &str) -> MetricDataQuery {
    MetricDataQuery { id: id.to_owned(), expression: Some(expression.to_owned()), ..Default::default() }
}

fn hidden(query: MetricDataQuery) -> MetricDataQuery {
    MetricDataQuery { return_data: Some(false), ..query }
}

fn input(cloud: &TestCloud, queries: Vec<MetricDataQuery>) -> GetMetricDataInput {
    GetMetricDataInput {
        metric_data_queries: queries,
        start_time: Timestamp::from_millis(cloud.now() - 10 * MINUTE),
        end_time: Timestamp::from_millis(cloud.now()),
        scan_by: Some("TimestampAscending".to_owned()),
        ..Default::default()
    }
}

async fn data(cloud: &TestCloud, queries: Vec<MetricDataQuery>) -> Result<Vec<MetricDataResult>, Error> {
    let output = cloud.call(op::GetMetricData, input(cloud, queries)).await?;
    assert_eq!(output.next_token, None);
    Ok(output.metric_data_results.unwrap())
}

async fn filled() -> TestCloud {
    let cloud = cloud().await;
    let at = cloud.now() - 10 * MINUTE;
    let mut all = Vec::new();
    for n in 0..10 {
        let value = 10.0 + f64::from(i32::try_from(n).unwrap());
        all.push(datum("Requests", at + n * MINUTE, value));
        if n % 2 == 0 {
            all.push(datum("Errors", at + n * MINUTE, 1.0));
        }
        for host in ["a", "b"] {
            let dimensions = Some(vec![dimension("Host", host)]);
            all.push(MetricDatum { dimensions, ..datum("CpuLoad", at + n * MINUTE, value) });
        }
    }
    put(&cloud, all).await.unwrap();
    cloud
}

#[tokio::test]
async fn expressions_are_computed_of_metrics_and_of_each_other() {
    let cloud = filled().await;
    let results = data(
        &cloud,
        vec![
            math("rate", "100 * errors / requests"),
            hidden(metric("requests", "Requests", "Sum")),
            math("errors", "FILL(e, 0)"),
            hidden(metric("e", "Errors", "Sum")),
        ],
    )
    .await
    .unwrap();
    let ids: Vec<_> = results.iter().map(|result| result.id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["rate", "errors"]);
    let rate = results[0].values.as_ref().unwrap();
    assert_eq!((rate.len(), rate[0], rate[1]), (10, 10.0, 0.0));
    assert_eq!(results[0].status_code.as_deref(), Some("Complete"));
    assert_eq!(results[0].label.as_deref(), Some("rate"));
}

#[tokio::test]
async fn search_finds_metrics_and_functions_take_them() {
    let cloud = filled().await;
    let search = "SEARCH('{shop,Host} MetricName=\"CpuLoad\"', 'Average', 60)";
    let results =
        data(&cloud, vec![math("all", search), math("sum", &format!("SUM({search})"))]).await.unwrap();
    assert_eq!(results.len(), 3);
    let labels: Vec<_> = results.iter().map(|result| result.label.as_deref().unwrap()).collect();
    assert_eq!(labels, ["a CpuLoad", "b CpuLoad", "sum"]);
    assert_eq!(results[2].values.as_ref().unwrap()[0], 20.0);
    let label =
        MetricDataQuery { label: Some("${PROP('Dim.Host')}: ${MAX}".to_owned()), ..math("all", search) };
    let results = data(&cloud, vec![label]).await.unwrap();
    assert_eq!(results[1].label.as_deref(), Some("b: 19"));
}

#[tokio::test]
async fn pages_give_every_point_once_in_either_order() {
    let cloud = filled().await;
    for order in ["TimestampAscending", "TimestampDescending"] {
        let queries = vec![
            metric("m1", "Requests", "Sum"),
            math("all", "SEARCH('CpuLoad', 'Sum', 60)"),
            metric("m2", "Errors", "Sum"),
            metric("m3", "Nothing", "Sum"),
        ];
        let first = GetMetricDataInput {
            scan_by: Some(order.to_owned()),
            max_datapoints: Some(7),
            ..input(&cloud, queries)
        };
        let mut found: Vec<(String, Vec<Timestamp>)> = Vec::new();
        let mut next_token = None;
        loop {
            let page = GetMetricDataInput { next_token, ..first.clone() };
            let page = cloud.call(op::GetMetricData, page).await.unwrap();
            let results = page.metric_data_results.unwrap();
            assert!(results.iter().map(|result| result.values.as_ref().unwrap().len()).sum::<usize>() <= 7);
            for result in results {
                let name = format!("{}/{}", result.id.unwrap(), result.label.unwrap());
                let instants = result.timestamps.unwrap();
                match found.last_mut().filter(|(known, _)| *known == name) {
                    Some((_, known)) => known.extend(instants),
                    None => found.push((name, instants)),
                }
            }
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        let counts: Vec<_> = found.iter().map(|(_, instants)| instants.len()).collect();
        assert_eq!(counts, [10, 10, 10, 5, 0], "{order}");
        for (_, instants) in &found {
            let mut sorted = instants.clone();
            sorted.sort();
            sorted.dedup();
            if order == "TimestampDescending" {
                sorted.reverse();
            }
            assert_eq!(*instants, sorted);
        }
    }
}

#[tokio::test]
async fn a_token_goes_on_with_its_own_queries() {
    let cloud = filled().await;
    let page = |queries: Vec<MetricDataQuery>, next_token: Option<String>| GetMetricDataInput {
        max_datapoints: Some(3),
        next_token,
        ..input(&cloud, queries)
    };
    let first = page(vec![metric("m1", "Requests", "Sum")], None);
    let token = cloud.call(op::GetMetricData, first.clone()).await.unwrap().next_token;
    // Who asks again asks up to now.
    let later = GetMetricDataInput { end_time: Timestamp::from_millis(cloud.now() + 1), ..first };
    let later = GetMetricDataInput { next_token: token.clone(), ..later };
    assert!(cloud.call(op::GetMetricData, later.clone()).await.is_ok());
    for other in [
        page(vec![metric("m1", "Errors", "Sum")], token.clone()),
        page(vec![metric("m1", "Requests", "Maximum")], token),
        GetMetricDataInput { scan_by: None, ..later },
    ] {
        let error = cloud.call(op::GetMetricData, other).await.unwrap_err();
        assert_eq!(error.code(), "InvalidNextToken");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused() {
    let cloud = filled().await;
    let refused = async |queries: Vec<MetricDataQuery>| {
        let error = data(&cloud, queries).await.unwrap_err();
        assert_eq!(error.status(), 400);
        error.message().to_owned()
    };
    assert!(refused(vec![math("e1", "m1 + 1")]).await.contains("Unrecognized identifier 'm1'"));
    assert!(refused(vec![math("e1", "1 + 1")]).await.contains("number"));
    assert!(refused(vec![math("e1", "DB_PERF_INSIGHTS('RDS')")]).await.contains("not supported"));
    assert!(
        refused(vec![math("e1", "ANOMALY_DETECTION_BAND(e2)"), math("e2", "ANOMALY_DETECTION_BAND(m1)")])
            .await
            .contains("Unrecognized identifier 'm1'")
    );
    assert!(refused(vec![math("e1", "SEARCH('{', 'Sum')")]).await.contains("braces"));
    refused(vec![metric("m1", "Requests", "p101")]).await;
    let bad = GetMetricDataInput {
        next_token: Some("no".to_owned()),
        ..input(&cloud, vec![metric("m1", "Requests", "Sum")])
    };
    assert_eq!(cloud.call(op::GetMetricData, bad).await.unwrap_err().code(), "InvalidNextToken");
}
