//! Notices of what happens to objects, as a queue takes them.

use std::sync::{Arc, Mutex};

use api_s3::{
    DeleteObjectRequest, NotificationConfiguration, PutBucketNotificationConfigurationRequest,
    PutObjectRequest, QueueConfiguration, RestoreObjectRequest, RestoreRequest, op,
};
use api_sqs::{SendMessageRequest, SendMessageResult};
use blob::Blobs;
use kernel::testing::TestCloud;
use kernel::{Access, Ctx, KeySealer, Plugs, Result, Sealer, Service, ServiceBuilder};
use serde_json::Value;

use super::{Lab, put};

/// What a queue was sent.
type Sent = Arc<Mutex<Vec<Value>>>;

async fn send(ctx: &Ctx, input: SendMessageRequest) -> Result<SendMessageResult> {
    let message = serde_json::from_str(&input.message_body).unwrap();
    ctx.own::<Sent>().lock().unwrap().push(message);
    Ok(SendMessageResult::default())
}

/// Queues that take whatever comes.
fn stand_in_sqs(sent: &Sent) -> Service {
    let mut s = ServiceBuilder::new(&api_sqs::SERVICE);
    s.own(sent.clone());
    s.op(api_sqs::op::SendMessage, send).access(|_, _| Ok(Access::open()));
    s.build()
}

async fn lab() -> (Lab, Sent) {
    let (folder, sent) = (tempfile::tempdir().unwrap(), Sent::default());
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[7; 32]).unwrap());
    let plugs = Plugs::default().with(sealer).with(Blobs::local(folder.path()).unwrap());
    let cloud = TestCloud::new(vec![s3::service(&plugs), stand_in_sqs(&sent)]).await;
    let lab = Lab { cloud, folder };
    lab.make_bucket("bbb").await;
    let queue = QueueConfiguration {
        id: None,
        queue_arn: "arn:aws:sqs:us-east-1:000000000000:q".to_owned(),
        events: ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectRestore:*"].map(str::to_owned).into(),
        filter: None,
    };
    let input = PutBucketNotificationConfigurationRequest {
        bucket: "bbb".to_owned(),
        notification_configuration: NotificationConfiguration {
            queue_configurations: Some(vec![queue]),
            ..Default::default()
        },
        ..Default::default()
    };
    lab.cloud.call(op::PutBucketNotificationConfiguration, input).await.unwrap();
    sent.lock().unwrap().clear();
    (lab, sent)
}

#[tokio::test]
async fn the_later_event_of_a_key_has_the_greater_sequencer() {
    let (lab, sent) = lab().await;
    // All in one moment, without versions: each deletion is of the object before it.
    for _ in 0..3 {
        lab.put("k", "v").await;
        let delete =
            DeleteObjectRequest { bucket: "bbb".to_owned(), key: "k".to_owned(), ..Default::default() };
        lab.cloud.call(op::DeleteObject, delete).await.unwrap();
    }
    let mut told = lab
        .cloud
        .eventually("all are told", async || {
            let records: Vec<Value> =
                sent.lock().unwrap().iter().map(|message| message["Records"][0].clone()).collect();
            (records.len() == 6).then_some(records)
        })
        .await;
    told.sort_by_key(|record| record["s3"]["object"]["sequencer"].as_str().unwrap().to_owned());
    let names: Vec<_> = told.iter().map(|record| record["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["ObjectCreated:Put", "ObjectRemoved:Delete"].repeat(3));
    let mut numbers: Vec<_> = told.iter().map(|record| &record["s3"]["object"]["sequencer"]).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 6);
}

#[tokio::test]
async fn a_restored_copy_is_told_with_its_end() {
    let (lab, sent) = lab().await;
    let archived = PutObjectRequest { storage_class: Some("GLACIER".to_owned()), ..put("k", "text") };
    lab.try_put(archived).await.unwrap();
    let input = RestoreObjectRequest {
        bucket: "bbb".to_owned(),
        key: "k".to_owned(),
        restore_request: Some(RestoreRequest { days: Some(1), ..Default::default() }),
        ..Default::default()
    };
    lab.cloud.call(op::RestoreObject, input).await.unwrap();
    let told = async |event: &str| {
        lab.cloud
            .eventually(event, async || {
                let sent = sent.lock().unwrap();
                let mut records = sent.iter().map(|message| &message["Records"][0]);
                records.find(|record| record["eventName"] == event).cloned()
            })
            .await
    };
    let begun = told("ObjectRestore:Post").await;
    assert_eq!((begun["eventVersion"].as_str(), begun.get("glacierEventData")), (Some("2.1"), None));
    lab.cloud.advance(5 * 3_600_000);
    let data = told("ObjectRestore:Completed").await["glacierEventData"]["restoreEventData"].clone();
    assert_eq!(data["lifecycleRestoreStorageClass"], "GLACIER");
    assert!(data["lifecycleRestorationExpiryTime"].as_str().unwrap().ends_with("T00:00:00.000Z"));
    lab.cloud.advance(3 * 24 * 3_600_000);
    assert_eq!(told("ObjectRestore:Delete").await["eventVersion"], "2.3");
}
