//! What trust policies decided, on record.

use crate::*;

#[tokio::test]
async fn a_service_that_takes_a_role_on_has_a_record_of_it() {
    let cloud = cloud().await;
    let principal = r#""Principal":{"Service":"sts.amazonaws.com"}"#;
    let trusting = make_role(&cloud, "trusting", &allow(r#""sts:AssumeRole""#, principal)).await;
    let other = make_role(&cloud, "other", &trust(ACCOUNT, "")).await;
    let ctx = cloud.ctx("sts");
    assert!(ctx.take_on(&trusting, "job", 60_000, Vec::new()).await.unwrap().is_some());
    assert!(ctx.take_on(&other, "job", 60_000, Vec::new()).await.unwrap().is_none());
    let is_meant = |record: &serde_json::Value| record["action"] == "sts:AssumeRole";
    let records = ctx.house().audit_records("", is_meant, 10).await.unwrap();
    let told = |at: usize| {
        let record = &records[at];
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        (text(&record["caller"]), text(&record["decision"]), text(&record["resources"][0]))
    };
    let by = || "sts.amazonaws.com".to_owned();
    assert_eq!(records.len(), 2);
    assert_eq!(told(0), (by(), "denied".to_owned(), other));
    assert_eq!(told(1), (by(), "allowed".to_owned(), trusting));
    assert_eq!(records[1]["rulings"][0]["by"], "role trust policy");
}
