//! What EC2 tells the house (EC2 user guide, "EC2 Instance State-change Notification"; EBS user guide, "EventBridge
//! events").

use kernel::{Ctx, Event, Scope};
use serde_json::json;

use crate::rules::fast_restore as fast_restore_rules;
use crate::rules::instant::iso;
use crate::rules::spot_view;
use crate::state::fast_restore::FastRestore;
use crate::state::id::{Id, InstanceId, SpotRequestId, VolumeId};
use crate::state::instance::Instance;
use crate::state::snapshot::Snapshot;
use crate::state::spot::Behavior;

const SOURCE: &str = "aws.ec2";
pub const STATE_CHANGE: &str = "EC2 Instance State-change Notification";

/// The state of an instance that others see has changed.
pub fn state_changed(ctx: &Ctx, scope: &Scope, instance: &Instance) -> Event {
    let detail = json!({ "instance-id": instance.id, "state": instance.state().name() });
    Event { scope: *scope, ..Event::new(ctx, SOURCE, STATE_CHANGE, vec![instance.arn(scope)], detail) }
}

fn about(ctx: &Ctx, scope: &Scope, id: &InstanceId, kind: &str, detail: serde_json::Value) -> Event {
    let arn = scope.arn("ec2", format_args!("instance/{id}"));
    Event { scope: *scope, ..Event::new(ctx, SOURCE, kind, vec![arn], detail) }
}

/// A spot instance may soon be taken back.
pub fn rebalance(ctx: &Ctx, scope: &Scope, id: &InstanceId) -> Event {
    about(ctx, scope, id, "EC2 Instance Rebalance Recommendation", json!({ "instance-id": id }))
}

/// A spot instance will be taken back in two minutes.
pub fn interruption(ctx: &Ctx, scope: &Scope, id: &InstanceId, behavior: Behavior) -> Event {
    let detail = json!({ "instance-id": id, "instance-action": spot_view::behavior(behavior) });
    about(ctx, scope, id, "EC2 Spot Instance Interruption Warning", detail)
}

/// A spot request has its instance.
pub fn spot_fulfilled(ctx: &Ctx, scope: &Scope, request: &SpotRequestId, id: &InstanceId) -> Event {
    let detail = json!({ "spot-instance-request-id": request, "instance-id": id });
    about(ctx, scope, id, "EC2 Spot Instance Request Fulfillment", detail)
}

/// A volume was made or deleted, or could not be: `createVolume` and `available`.
pub fn volume(ctx: &Ctx, id: &VolumeId, (event, result): (&str, &str), cause: Option<&str>) -> Event {
    let arn = ctx.scope().arn("ec2", format_args!("volume/{id}"));
    let detail = json!({
        "event": event,
        "result": result,
        "cause": cause.unwrap_or_default(),
        "request-id": ctx.request_id(),
    });
    Event::new(ctx, SOURCE, "EBS Volume Notification", vec![arn], detail)
}

/// Fast restore of a snapshot in a zone has come a step further.
pub fn fast_restore(ctx: &Ctx, one: &FastRestore) -> Event {
    let arn = format!("arn:{}:ec2:{}::snapshot/{}", ctx.partition(), ctx.region(), one.snapshot);
    let detail = json!({
        "snapshot-id": one.snapshot,
        "state": fast_restore_rules::state(one),
        "zone": one.zone,
        "message": "Client.UserInitiated",
    });
    Event::new(ctx, SOURCE, "EBS Fast Snapshot Restore State-change Notification", vec![arn], detail)
}

/// A snapshot, or a copy of one, is complete or has failed.
pub fn snapshot(ctx: &Ctx, one: &Snapshot) -> Event {
    let (partition, region) = (ctx.partition(), ctx.region());
    let arn = |kind: &str, id: &str| format!("arn:{partition}:ec2:{region}::{kind}/{id}");
    let told = |kind: &str, id: &str| format!("arn:{partition}:ec2::{region}:{kind}/{id}");
    let failure = one.observed.failure.as_deref();
    let (event, source) = match &one.copied {
        Some(from) => ("copySnapshot", told("snapshot", from.as_str())),
        None => ("createSnapshot", told("volume", one.volume.as_str())),
    };
    let detail = json!({
        "event": event,
        "result": if failure.is_some() { "failed" } else { "succeeded" },
        "cause": failure.unwrap_or_default(),
        "request-id": ctx.request_id(),
        "snapshot_id": told("snapshot", one.id.as_str()),
        "source": source,
        "startTime": iso(one.started_at),
        "endTime": iso(one.observed.stored_at.unwrap_or_else(|| ctx.now())),
    });
    Event::new(ctx, SOURCE, "EBS Snapshot Notification", vec![arn("snapshot", one.id.as_str())], detail)
}
