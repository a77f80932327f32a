//! What was put is there after a restart, and so is what was begun.

use super::*;

/// Closes the house and opens another over the same store, at the same time of day.
async fn restart(cloud: TestCloud) -> TestCloud {
    let (now, store) = (cloud.now(), cloud.house.store().clone());
    cloud.house.close().await;
    let plugs = Plugs::default();
    let again = TestCloud::over(store, vec![logs::service(&plugs), cloudwatch::service(&plugs)]).await;
    again.advance(now - again.now());
    again
}

#[tokio::test]
async fn events_sizes_and_queries_survive() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    for n in 0..20 {
        put(&cloud, ("g", "s"), &[(cloud.now() + n, &format!("event {n}"))]).await;
    }
    merge(&cloud, "g", "s").await;
    put(&cloud, ("g", "s"), &[(cloud.now() + 20, "event 20")]).await;
    let before = describe(&cloud, "g").await[0].stored_bytes;
    let id =
        cloud.call(op::StartQuery, query::start(&cloud, "stats count(*)")).await.unwrap().query_id.unwrap();

    let cloud = restart(cloud).await;
    assert_eq!(describe(&cloud, "g").await[0].stored_bytes, before);
    let found = filtered(&cloud, filter("g", "")).await;
    assert_eq!(found, (0..=20).map(|n| format!("event {n}")).collect::<Vec<_>>());
    cloud
        .eventually("the query ends", async || {
            let asked = GetQueryResultsRequest { query_id: id.clone(), ..Default::default() };
            let found = cloud.call(op::GetQueryResults, asked).await.unwrap();
            let rows = found.results.filter(|_| found.status.as_deref() == Some("Complete"))?;
            assert_eq!(rows[0][0].value.as_deref(), Some("21"));
            Some(())
        })
        .await;
    put(&cloud, ("g", "s"), &[(cloud.now() + 21, "event 21")]).await;
    assert_eq!(filtered(&cloud, filter("g", "")).await.len(), 22);
}
