//! What EC2 tells the house (EventBridge, "EC2 Instance State-change Notification").

use kernel::{Ctx, Event, Scope};
use serde_json::json;

use crate::rules::spot_view;
use crate::state::id::{InstanceId, SpotRequestId};
use crate::state::instance::Instance;
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
