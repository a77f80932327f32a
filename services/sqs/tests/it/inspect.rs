//! The look into a queue.

use kernel::LocalRequest;

use crate::*;

async fn look(cloud: &TestCloud, query: &[(&str, &str)]) -> serde_json::Value {
    let request = LocalRequest {
        method: "GET".into(),
        path: "/_aws/sqs/messages".into(),
        query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Default::default(),
        from_loopback: true,
    };
    let answer = cloud.house.local(request).await.unwrap().unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn looking_changes_nothing() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    send(&cloud, &url, "out").await;
    receive(&cloud, &url).await;
    send(&cloud, &url, "in").await;
    for _ in 0..2 {
        let seen = look(&cloud, &[("QueueUrl", &url)]).await;
        let messages = seen["Messages"].as_array().unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0]["Body"], "in");
        assert_eq!(messages[0]["Attributes"]["ApproximateReceiveCount"], "0");
    }
    let seen = look(&cloud, &[("QueueUrl", &url), ("ShowInvisible", "true")]).await;
    assert_eq!(seen["Messages"][0]["Attributes"]["IsVisible"], "false");
    assert_eq!(counts(&cloud, &url).await, (1, 1, 0));
    assert_eq!(look(&cloud, &[("QueueUrl", "none")]).await["__type"], "QueueDoesNotExist");
}
