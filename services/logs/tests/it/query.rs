//! Queries over what was put.

use api_logs::*;
use kernel::testing::TestCloud;

use super::*;

pub(crate) fn start(cloud: &TestCloud, text: &str) -> StartQueryRequest {
    StartQueryRequest {
        log_group_name: Some("g".into()),
        start_time: (cloud.now() - DAY) / 1_000,
        end_time: (cloud.now() + DAY) / 1_000,
        query_string: text.into(),
        ..Default::default()
    }
}

async fn results(cloud: &TestCloud, id: &str) -> GetQueryResultsResponse {
    cloud
        .eventually("the query ends", async || {
            let asked = GetQueryResultsRequest { query_id: id.into(), ..Default::default() };
            let found = cloud.call(op::GetQueryResults, asked).await.unwrap();
            (found.status.as_deref() != Some("Running")).then_some(found)
        })
        .await
}

async fn ask(cloud: &TestCloud, text: &str) -> (String, GetQueryResultsResponse) {
    let id = cloud.call(op::StartQuery, start(cloud, text)).await.unwrap().query_id.unwrap();
    let found = results(cloud, &id).await;
    (id, found)
}

fn rows(found: &GetQueryResultsResponse) -> Vec<Vec<String>> {
    let values = |row: &Vec<ResultField>| row.iter().map(|field| field.value.clone().unwrap()).collect();
    found.results.clone().unwrap().iter().map(values).collect()
}

#[tokio::test]
async fn queries_find_what_was_put() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let now = cloud.now();
    put(&cloud, ("g", "s"), &[(now, r#"{"level":"INFO","ms":5}"#), (now + 1, r#"{"level":"ERROR","ms":7}"#)])
        .await;
    put(&cloud, ("g", "s"), &[(now + MINUTE, r#"{"level":"INFO","ms":9}"#)]).await;
    let (id, found) = ask(&cloud, "stats count(*) as n, sum(ms) by level | sort n desc").await;
    assert_eq!(found.status.as_deref(), Some("Complete"));
    assert_eq!(rows(&found), [["INFO", "2", "14"], ["ERROR", "1", "7"]]);
    let statistics = found.statistics.unwrap();
    assert_eq!((statistics.records_matched, statistics.records_scanned), (Some(3.0), Some(3.0)));
    let (_, found) = ask(&cloud, "fields @message | filter level = 'ERROR'").await;
    let row = found.results.unwrap().remove(0);
    assert_eq!(row[1].field.as_deref(), Some("@ptr"));
    let asked =
        GetLogRecordRequest { log_record_pointer: row[1].value.clone().unwrap(), ..Default::default() };
    let record = cloud.call(op::GetLogRecord, asked).await.unwrap().log_record.unwrap();
    assert_eq!((record["ms"].as_str(), record["@logStream"].as_str()), ("7", "s"));
    let asked = DescribeQueriesRequest::default();
    let all = cloud.call(op::DescribeQueries, asked).await.unwrap().queries.unwrap();
    assert!(all.iter().any(|query| query.query_id.as_deref() == Some(&id)) && all.len() == 2);
    let stop = StopQueryRequest { query_id: id };
    assert_eq!(cloud.call(op::StopQuery, stop).await.unwrap_err().code(), "InvalidParameterException");
    let asked = GetLogGroupFieldsRequest { log_group_name: Some("g".into()), ..Default::default() };
    let fields = cloud.call(op::GetLogGroupFields, asked).await.unwrap().log_group_fields.unwrap();
    assert!(fields.iter().any(|field| field.name.as_deref() == Some("level") && field.percent == Some(100)));
}

#[tokio::test]
async fn what_is_no_query_is_refused() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let error = cloud.call(op::StartQuery, start(&cloud, "fields @message | explode x")).await.unwrap_err();
    assert_eq!(error.code(), "MalformedQueryException");
    assert!(error.fields().is_some() && error.message().contains("'explode'"), "{error}");
    let of_none = StartQueryRequest { log_group_name: Some("none".into()), ..start(&cloud, "limit 1") };
    assert_eq!(cloud.call(op::StartQuery, of_none).await.unwrap_err().code(), "ResourceNotFoundException");
    let backward = StartQueryRequest { end_time: 0, ..start(&cloud, "limit 1") };
    assert_eq!(cloud.call(op::StartQuery, backward).await.unwrap_err().code(), "InvalidParameterException");
    let sql = StartQueryRequest { query_language: Some("SQL".into()), ..start(&cloud, "limit 1") };
    assert_eq!(cloud.call(op::StartQuery, sql).await.unwrap_err().code(), "InvalidParameterException");
    let asked = GetQueryResultsRequest { query_id: "none".into(), ..Default::default() };
    assert_eq!(cloud.call(op::GetQueryResults, asked).await.unwrap_err().code(), "ResourceNotFoundException");
}

#[tokio::test]
async fn findings_that_are_gone_are_found_again() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    put(&cloud, ("g", "s"), &[(cloud.now(), "a")]).await;
    let (id, found) = ask(&cloud, "fields @message").await;
    cloud.ctx("logs").own::<logs::state::query::Findings>().forget_all();
    assert_eq!(rows(&results(&cloud, &id).await), rows(&found));
}

#[tokio::test]
async fn queries_are_saved_by_name() {
    let cloud = cloud().await;
    let token = Some("a".repeat(36));
    let new = PutQueryDefinitionRequest {
        name: "errors".into(),
        query_string: "filter x".into(),
        client_token: token,
        ..Default::default()
    };
    let id = cloud.call(op::PutQueryDefinition, new.clone()).await.unwrap().query_definition_id;
    assert_eq!(cloud.call(op::PutQueryDefinition, new.clone()).await.unwrap().query_definition_id, id);
    let changed = PutQueryDefinitionRequest {
        query_definition_id: id.clone(),
        query_string: "filter y".into(),
        client_token: None,
        ..new
    };
    cloud.call(op::PutQueryDefinition, changed).await.unwrap();
    let asked = DescribeQueryDefinitionsRequest {
        query_definition_name_prefix: Some("err".into()),
        ..Default::default()
    };
    let all = cloud.call(op::DescribeQueryDefinitions, asked).await.unwrap().query_definitions.unwrap();
    assert_eq!((all.len(), all[0].query_string.as_deref()), (1, Some("filter y")));
    let gone = DeleteQueryDefinitionRequest { query_definition_id: id.unwrap() };
    cloud.call(op::DeleteQueryDefinition, gone.clone()).await.unwrap();
    assert_eq!(
        cloud.call(op::DeleteQueryDefinition, gone).await.unwrap_err().code(),
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn more_rows_than_there_can_be_are_refused() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let ask = StartQueryRequest { limit: Some(10_001), ..start(&cloud, "fields @message") };
    let error = cloud.call(op::StartQuery, ask).await.unwrap_err();
    assert_eq!(error.code(), "InvalidParameterException");
}
