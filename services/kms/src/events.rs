//! What KMS tells EventBridge (KMS developer guide, "Monitor KMS keys with Amazon EventBridge").

use kernel::{Ctx, Event};
use serde_json::json;

pub const DELETED: &str = "KMS CMK Deletion";
pub const ROTATED: &str = "KMS CMK Rotation";
pub const EXPIRED: &str = "KMS Imported Key Material Expiration";

/// Something happened to a key of the scope of `ctx`.
pub fn about(ctx: &Ctx, what: &str, key_id: &str) -> Event {
    let arn = ctx.scope().arn("kms", format_args!("key/{key_id}"));
    Event::new(ctx, "aws.kms", what, vec![arn], json!({ "key-id": key_id }))
}
