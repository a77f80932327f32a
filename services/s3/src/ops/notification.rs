//! Notifications: set, shown, written down with what happens, and carried to queues.

use api_s3::{
    EventBridgeConfiguration, GetBucketNotificationConfigurationRequest, NotificationConfiguration,
    PutBucketNotificationConfigurationRequest,
};
use api_sqs::{SendMessageRequest, op};
use kernel::{Arn, Ctx, Kind, Principal, Result, Scope, Tx};
use serde_json::{Value, json};

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
    note_with(tx, bucket, event, key, object, &[])
}

/// The same with what only such an event tells.
pub fn note_with(
    tx: &mut Tx<'_, '_>,
    bucket: &Bucket,
    event: &str,
    key: &str,
    object: &Object,
    more: &[(&str, Value)],
) -> Result<()> {
    let sequencer = sequencer(tx.ctx(), object);
    write(tx, bucket, (event, &sequencer), (key, object), more)
}

/// The same where others are told of it too, by this sequencer.
pub fn note_at(
    tx: &mut Tx<'_, '_>,
    bucket: &Bucket,
    (event, sequencer): (&str, &str),
    key: &str,
    object: &Object,
) -> Result<()> {
    write(tx, bucket, (event, sequencer), (key, object), &[])
}

fn write(
    tx: &mut Tx<'_, '_>,
    bucket: &Bucket,
    (event, sequencer): (&str, &str),
    (key, object): (&str, &Object),
    more: &[(&str, Value)],
) -> Result<()> {
    for queue in bucket.notifications.iter().filter(|queue| queue.wants(event, key)) {
        let from = bucket_arn(tx.ctx().partition(), bucket);
        let mut record = record(tx.ctx(), (bucket, &from, queue), (event, sequencer), key, object);
        if let Some(record) = record.as_object_mut() {
            record.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        let body = json!({ "Records": [record] }).to_string();
        let id = tx.ctx().ids().uuid();
        notice::put(tx, &bucket.scope(), &id, &Notice { to: queue.arn.clone(), from, body })?;
    }
    Ok(())
}

/// The record of a message (S3 user guide, "Event message structure").
fn record(
    ctx: &Ctx,
    (bucket, arn, queue): (&Bucket, &str, &Queue),
    (event, sequencer): (&str, &str),
    key: &str,
    object: &Object,
) -> Value {
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
    json!({
        "eventVersion": rules::version_of(event),
        "eventSource": "aws:s3",
        "awsRegion": bucket.region.as_str(),
        "eventTime": time::iso(ctx.now()),
        "eventName": event,
        "userIdentity": { "principalId": principal_id(ctx) },
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
    })
}

/// Who did it: by unique id, and by the account of a root; S3 where it was S3 by itself.
fn principal_id(ctx: &Ctx) -> String {
    match &ctx.caller().principal {
        Principal::Root => format!("AWS:{}", ctx.caller().account),
        Principal::Identity { unique_id, .. } => format!("AWS:{unique_id}"),
        Principal::Anonymous => "Anonymous".to_owned(),
        Principal::Service(name) => format!("{name}.amazonaws.com"),
    }
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
