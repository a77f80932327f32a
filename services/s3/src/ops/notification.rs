//! Notifications: set, shown, written down with what happens, and carried to queues.

use api_s3::{
    EventBridgeConfiguration, GetBucketNotificationConfigurationRequest, NotificationConfiguration,
    PutBucketNotificationConfigurationRequest,
};
use api_sqs::{SendMessageRequest, op};
use kernel::{Arn, Ctx, Kind, Result, Scope, Tx};
use serde_json::json;

use super::{bucket, bucket_arn, canonical_id, change};
use crate::errors;
use crate::rules::notification::{self as rules, Queue};
use crate::rules::time;
use crate::rules::url;
use crate::state::bucket::Bucket;
use crate::state::notice::{self, Notice, Sequence};
use crate::state::object::Object;

pub async fn put_bucket_notification_configuration(
    ctx: &Ctx,
    input: PutBucketNotificationConfigurationRequest,
) -> Result<()> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let given = input.notification_configuration;
    let tells_events = given.event_bridge_configuration.is_some();
    let queues = rules::read(given, ctx.partition(), found.region, || ctx.ids().uuid())?;
    if input.skip_destination_validation != Some(true) {
        for queue in &queues {
            // Whoever cannot be told now would never be.
            send(ctx, &queue.arn, &bucket_arn(ctx.partition(), &found), test_event(ctx, &found))
                .await
                .map_err(|error| match error.kind() {
                    Kind::Internal | Kind::Unavailable => error,
                    _ => errors::bad_destination().because(error),
                })?;
        }
    }
    change(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), |bucket| {
        bucket.notifications.clone_from(&queues);
        bucket.tells_events = tells_events;
        Ok(())
    })
    .await
}

pub async fn get_bucket_notification_configuration(
    ctx: &Ctx,
    input: GetBucketNotificationConfigurationRequest,
) -> Result<NotificationConfiguration> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let queues: Vec<_> = found.notifications.iter().map(Queue::shown).collect();
    Ok(NotificationConfiguration {
        queue_configurations: (!queues.is_empty()).then_some(queues),
        event_bridge_configuration: found.tells_events.then(EventBridgeConfiguration::default),
        ..NotificationConfiguration::default()
    })
}

fn test_event(ctx: &Ctx, bucket: &Bucket) -> String {
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": time::iso(ctx.now()),
        "Bucket": bucket.name,
        "RequestId": ctx.request_id(),
        "HostId": ctx.request_id(),
    })
    .to_string()
}

/// What says which of two events of a key came later: the greater one.
pub fn sequencer(ctx: &Ctx, object: &Object) -> String {
    format!("{:016X}", ctx.own::<Sequence>().next(ctx.now(), object.number))
}

/// Writes down for those who want to know that something happened to a key. `event` is as in `ObjectCreated:Put`.
pub fn note(tx: &mut Tx<'_, '_>, bucket: &Bucket, event: &str, key: &str, object: &Object) -> Result<()> {
    let sequencer = sequencer(tx.ctx(), object);
    note_at(tx, bucket, (event, &sequencer), key, object)
}

/// The same where others are told of it too, by this sequencer.
pub fn note_at(
    tx: &mut Tx<'_, '_>,
    bucket: &Bucket,
    (event, sequencer): (&str, &str),
    key: &str,
    object: &Object,
) -> Result<()> {
    for queue in bucket.notifications.iter().filter(|queue| queue.wants(event, key)) {
        let from = bucket_arn(tx.ctx().partition(), bucket);
        let body = record(tx.ctx(), (bucket, &from, queue), (event, sequencer), key, object);
        let id = tx.ctx().ids().uuid();
        notice::put(tx, &bucket.scope(), &id, &Notice { to: queue.arn.clone(), from, body })?;
    }
    Ok(())
}

/// A message of one record (S3 user guide, "Event message structure").
fn record(
    ctx: &Ctx,
    (bucket, arn, queue): (&Bucket, &str, &Queue),
    (event, sequencer): (&str, &str),
    key: &str,
    object: &Object,
) -> String {
    let mut about = json!({ "key": url::form(key), "sequencer": sequencer });
    if let Some(about) = about.as_object_mut() {
        if !object.is_marker && !event.starts_with("ObjectRemoved") {
            about.insert("size".to_owned(), json!(object.size));
            about.insert("eTag".to_owned(), json!(object.etag));
        }
        if let Some(version) = &object.version_id {
            about.insert("versionId".to_owned(), json!(version));
        }
    }
    let record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region.as_str(),
        "eventTime": time::iso(ctx.now()),
        "eventName": event,
        "userIdentity": { "principalId": format!("AWS:{}", ctx.caller().arn()) },
        "requestParameters": { "sourceIPAddress": ctx.caller().source_ip.map(|ip| ip.to_string()) },
        "responseElements": { "x-amz-request-id": ctx.request_id(), "x-amz-id-2": ctx.request_id() },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": queue.id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": { "principalId": canonical_id(bucket.owner) },
                "arn": arn,
            },
            "object": about,
        },
    });
    json!({ "Records": [record] }).to_string()
}

/// Sends as S3, for a bucket: the queue's policy must let that in.
async fn send(ctx: &Ctx, queue_arn: &str, bucket_arn: &str, body: String) -> Result<()> {
    let arn: Arn = queue_arn.parse().map_err(|_| errors::bad_destination())?;
    let scope = Scope::of_arn(&arn).ok_or_else(errors::bad_destination)?;
    let input = SendMessageRequest {
        queue_url: format!("http://{}/{}/{}", ctx.authority(), arn.account, arn.resource),
        message_body: body,
        ..Default::default()
    };
    ctx.in_scope(scope).call_for(bucket_arn, op::SendMessage, input).await.map(drop)
}

/// Carries a notice; comes again until it is taken, or refused for good.
pub async fn deliver(ctx: &Ctx, id: String) -> Result<()> {
    let scope = *ctx.scope();
    let Some(Notice { to, from, body }) = ctx.read(|snap| notice::find(snap, &scope, &id)).await? else {
        return Ok(());
    };
    match send(ctx, &to, &from, body).await {
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => return Err(error),
        Err(error) => tracing::info!(%error, from, to, "a notice is refused, and lost"),
        Ok(()) => {}
    }
    ctx.write(|tx| notice::delete(tx, &scope, &id)).await
}
