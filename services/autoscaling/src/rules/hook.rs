//! What a lifecycle hook may be.

use api_autoscaling as api;
use kept::Kept;
use kernel::Result;

use crate::errors;
use crate::state::hook::{Hook, LAUNCHING, TERMINATING};

/// Of one group (user guide, "Quotas").
pub const HOOKS_MAX: usize = 50;
/// Seconds: API reference, PutLifecycleHook.
const HEARTBEAT_S: std::ops::RangeInclusive<i32> = 30..=7_200;

/// # Errors
/// As [`check`].
pub fn check_new(asked: api::PutLifecycleHookType) -> Result<Hook> {
    let hook = Hook(Kept(asked));
    check(&hook)?;
    Ok(hook)
}

/// The hooks a group is made with.
///
/// # Errors
/// Two of one name, or too many.
pub fn check_names(hooks: &[Hook]) -> Result<()> {
    if hooks.len() > HOOKS_MAX {
        return Err(errors::limit(format!("A group can have at most {HOOKS_MAX} hooks.")));
    }
    for (at, hook) in hooks.iter().enumerate() {
        if hooks.iter().skip(at + 1).any(|other| other.name() == hook.name()) {
            let message = format!("Duplicate lifecycle hook names are not allowed: {}", hook.name());
            return Err(errors::validation(message));
        }
    }
    Ok(())
}

/// # Errors
/// An unknown transition, a result that is none, a heartbeat out of bounds, or a target nobody could reach.
pub fn check(hook: &Hook) -> Result<()> {
    let asked = &hook.0.0;
    let good = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    if !hook.name().chars().all(good) {
        return Err(errors::validation(format!("Lifecycle hook name {} is not valid.", hook.name())));
    }
    if ![LAUNCHING, TERMINATING].contains(&hook.transition()) {
        return Err(errors::validation(format!("Invalid lifecycle transition: {}", hook.transition())));
    }
    if asked.heartbeat_timeout.is_some_and(|seconds| !HEARTBEAT_S.contains(&seconds)) {
        return Err(errors::validation("Heartbeat timeout must be between 30 and 7200 seconds."));
    }
    if let Some(result) = asked.default_result.as_deref()
        && !matches!(result, "CONTINUE" | "ABANDON")
    {
        return Err(errors::validation(format!("Invalid default result: {result}")));
    }
    Ok(())
}
