//! Bodies at rest. Those sealed by KMS are tested on the whole cloud.

use api_sqs::*;
use bytes::Bytes;
use kernel::PackedTable;

use crate::*;

static MESSAGES: PackedTable = PackedTable::new("sqs/message");

/// What lies in the store of a queue's only message.
async fn stored(cloud: &TestCloud) -> Bytes {
    let ctx = cloud.ctx("sqs");
    let rows = ctx.read(|snap| MESSAGES.list(snap, ctx.scope(), (), None, 2)).await.unwrap();
    assert_eq!(rows.len(), 1);
    rows[0].1.clone()
}

fn holds(record: &[u8], text: &str) -> bool {
    record.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_body_lies_sealed_unless_the_queue_says_otherwise() {
    let cloud = cloud().await;
    let url = make(&cloud, "sealed", &[]).await;
    send(&cloud, &url, "a secret body").await;
    assert!(!holds(&stored(&cloud).await, "a secret body"));
    let got = receive(&cloud, &url).await.remove(0);
    assert_eq!(got.body.as_deref(), Some("a secret body"));

    let cloud = crate::cloud().await;
    let url = make(&cloud, "plain", &[("SqsManagedSseEnabled", "false")]).await;
    send(&cloud, &url, "a secret body").await;
    assert!(holds(&stored(&cloud).await, "a secret body"));
    assert_eq!(receive(&cloud, &url).await.remove(0).body.as_deref(), Some("a secret body"));
}

#[tokio::test]
async fn without_kms_its_key_cannot_seal_and_nothing_is_sent() {
    let cloud = cloud().await;
    let url =
        make(&cloud, "q", &[("KmsMasterKeyId", "alias/a"), ("KmsDataKeyReusePeriodSeconds", "60")]).await;
    let input = SendMessageRequest { queue_url: url.clone(), message_body: "x".into(), ..Default::default() };
    assert_eq!(cloud.call(op::SendMessage, input).await.unwrap_err().code(), "NotImplemented");
    assert!(receive(&cloud, &url).await.is_empty());
}

#[tokio::test]
async fn another_root_key_is_refused_at_start() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    send(&cloud, &url, "x").await;
    let store = cloud.house.store().clone();
    cloud.house.close().await;
    let parts = |root_key| kernel::house::Parts {
        store: store.clone(),
        clock: cloud.clock.clone(),
        ids: Box::new(kernel::ids::SeededIds::new(1)),
        authorizer: Box::new(kernel::authorize::ByPolicies),
        gate: kernel::GateSettings::default(),
        authority: String::new(),
        services: vec![service_under(root_key)],
    };
    let refused = kernel::House::open(parts(2)).await.map(|_| ()).unwrap_err();
    assert!(
        refused.cause().unwrap().to_string().contains("does not fit the sealing key"),
        "{:?}",
        refused.cause()
    );
    kernel::House::open(parts(1)).await.unwrap().close().await;
}
