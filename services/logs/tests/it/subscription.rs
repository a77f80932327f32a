//! Subscriptions: only to what AWS documents, and only where its service is.

use std::io::Read;

use api_logs::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;

use super::*;

fn new(destination: &str) -> PutSubscriptionFilterRequest {
    PutSubscriptionFilterRequest {
        log_group_name: "g".into(),
        filter_name: "f".into(),
        filter_pattern: "ERROR".into(),
        destination_arn: destination.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn what_is_not_here_is_refused() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    for (destination, words) in [
        ("arn:aws:lambda:us-east-1:000000000000:function:f", "Could not deliver test message"),
        ("arn:aws:sqs:us-east-1:000000000000:q", "cannot work with destinationArn for vendor sqs"),
    ] {
        let error = cloud.call(op::PutSubscriptionFilter, new(destination)).await.unwrap_err();
        assert_eq!(error.code(), "InvalidParameterException");
        assert!(error.message().contains(words), "{error}");
    }
    let asked = DescribeSubscriptionFiltersRequest { log_group_name: "g".into(), ..Default::default() };
    assert!(
        cloud
            .call(op::DescribeSubscriptionFilters, asked)
            .await
            .unwrap()
            .subscription_filters
            .unwrap()
            .is_empty()
    );
    let gone = DeleteSubscriptionFilterRequest { log_group_name: "g".into(), filter_name: "f".into() };
    let error = cloud.call(op::DeleteSubscriptionFilter, gone).await.unwrap_err();
    assert_eq!(error.code(), "ResourceNotFoundException");
}

#[tokio::test]
async fn events_that_match_are_told_packed_as_documented() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let ctx = cloud.ctx("logs");
    let subscription = logs::state::group::Subscription {
        pattern: "ERROR".into(),
        destination: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
        role: None,
        distribution: None,
        created_at: cloud.now(),
    };
    let (group, stream) = ctx
        .read(|snap| {
            let group = logs::state::group::get(snap, ctx.scope(), "g")?;
            let stream = logs::state::stream::get(snap, ctx.scope(), group.id, "s")?;
            Ok((group, stream))
        })
        .await
        .unwrap();
    let group = logs::state::group::Group { subscriptions: [("f".to_owned(), subscription)].into(), ..group };
    let seen = |number: u64, message: &'static str| logs::state::event::Seen {
        at: 5,
        number,
        ingested_at: 6,
        message,
    };
    let events = [seen(1, "ERROR a"), seen(2, "fine"), seen(3, "ERROR b")];
    let sent = logs::ops::subscription::to_send(&ctx, &group, &stream, &events).unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].resources[1], "arn:aws:lambda:us-east-1:000000000000:function:f");
    let packed = STANDARD.decode(sent[0].detail["awslogs"]["data"].as_str().unwrap()).unwrap();
    let mut text = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    let data: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((data["messageType"].as_str(), data["logStream"].as_str()), (Some("DATA_MESSAGE"), Some("s")));
    assert_eq!(data["logEvents"].as_array().unwrap().len(), 2);
    assert_eq!(data["logEvents"][1]["message"], "ERROR b");
}
