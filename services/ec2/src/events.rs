//! What EC2 tells the house (EventBridge, "EC2 Instance State-change Notification").

use kernel::{Ctx, Event, Scope};
use serde_json::json;

use crate::state::instance::Instance;

const SOURCE: &str = "aws.ec2";
pub const STATE_CHANGE: &str = "EC2 Instance State-change Notification";

/// The state of an instance that others see has changed.
pub fn state_changed(ctx: &Ctx, scope: &Scope, instance: &Instance) -> Event {
    let detail = json!({ "instance-id": instance.id, "state": instance.state().name() });
    Event { scope: *scope, ..Event::new(ctx, SOURCE, STATE_CHANGE, vec![instance.arn(scope)], detail) }
}
