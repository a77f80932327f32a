//! Dashboards are kept as they are put, and refused with what is wrong in them.

use api_cloudwatch::*;
use kernel::Error;
use kernel::testing::TestCloud;

use super::cloud;

async fn put(cloud: &TestCloud, name: &str, body: &str) -> Result<PutDashboardOutput, Error> {
    let input = PutDashboardInput {
        dashboard_name: name.to_owned(),
        dashboard_body: body.to_owned(),
        ..Default::default()
    };
    cloud.call(op::PutDashboard, input).await
}

async fn names(cloud: &TestCloud, prefix: Option<&str>) -> Vec<String> {
    let input =
        ListDashboardsInput { dashboard_name_prefix: prefix.map(str::to_owned), ..Default::default() };
    let entries = cloud.call(op::ListDashboards, input).await.unwrap().dashboard_entries.unwrap();
    entries.into_iter().map(|entry| entry.dashboard_name.unwrap()).collect()
}

#[tokio::test]
async fn dashboards_are_of_the_account_in_every_region() {
    let cloud = cloud().await;
    let body = "{\"widgets\": []}";
    for name in ["shop-b", "shop-a", "other"] {
        put(&cloud, name, body).await.unwrap();
    }
    let elsewhere = cloud.in_region("eu-west-1");
    assert_eq!(names(&elsewhere, None).await, ["other", "shop-a", "shop-b"]);
    assert_eq!(names(&cloud, Some("shop-")).await, ["shop-a", "shop-b"]);
    let get = |name: &str| GetDashboardInput { dashboard_name: name.to_owned() };
    let found = elsewhere.call(op::GetDashboard, get("shop-a")).await.unwrap();
    assert_eq!(found.dashboard_body.as_deref(), Some(body));
    assert_eq!(found.dashboard_arn.as_deref(), Some("arn:aws:cloudwatch::000000000000:dashboard/shop-a"));
    let delete = |names: &[&str]| DeleteDashboardsInput {
        dashboard_names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let error = cloud.call(op::DeleteDashboards, delete(&["shop-a", "none"])).await.unwrap_err();
    assert_eq!((error.query_code(), error.status()), ("ResourceNotFound", 404));
    cloud.call(op::DeleteDashboards, delete(&["shop-a"])).await.unwrap();
    assert_eq!(names(&cloud, None).await, ["other", "shop-b"]);
    assert!(cloud.call(op::GetDashboard, get("shop-a")).await.is_err());
    assert!(cloud.as_account("000000000009").call(op::GetDashboard, get("other")).await.is_err());
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let cloud = cloud().await;
    let error = put(&cloud, "d", "{\"widgets\":[{\"type\":\"metric\"}]}").await.unwrap_err();
    assert_eq!(error.query_code(), "InvalidParameterInput");
    assert!(error.message().contains("Should have required property 'properties'"), "{error}");
    assert!(error.fields().is_some());
    assert!(put(&cloud, "a b", "{\"widgets\":[]}").await.is_err());
    assert_eq!(names(&cloud, None).await, Vec::<String>::new());
}
