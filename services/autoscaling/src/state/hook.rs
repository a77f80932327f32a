//! Lifecycle hooks: where instances wait for somebody's word.

use api_autoscaling as api;
use kept::Kept;
use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
pub struct Hook(pub Kept<api::PutLifecycleHookType>);

pub const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";
pub const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// How long a hook waits by default, and at most in all.
const HEARTBEAT_S: i32 = 3_600;
const GLOBAL_S_MAX: i32 = 172_800;

impl Hook {
    pub fn name(&self) -> &str {
        &self.0.0.lifecycle_hook_name
    }

    pub fn transition(&self) -> &str {
        self.0.0.lifecycle_transition.as_deref().unwrap_or_default()
    }

    pub fn heartbeat_s(&self) -> i32 {
        self.0.0.heartbeat_timeout.unwrap_or(HEARTBEAT_S)
    }

    pub fn heartbeat_ms(&self) -> Millis {
        Millis::from(self.heartbeat_s()) * 1_000
    }

    /// 48 hours, or a hundred times its heartbeat, whichever is shorter.
    pub fn global_s(&self) -> i32 {
        self.heartbeat_s().saturating_mul(100).min(GLOBAL_S_MAX)
    }

    /// Silence means going on.
    pub fn continues(&self) -> bool {
        self.0.0.default_result.as_deref() == Some("CONTINUE")
    }
}

static HOOKS: Table<Hook> = Table::new("autoscaling/lifecycle-hook");

pub fn find(from: &mut impl Reader, scope: &Scope, group: &str, name: &str) -> Result<Option<Hook>> {
    HOOKS.get(from, scope, (group, name))
}

pub fn of_group(from: &mut impl Reader, scope: &Scope, group: &str) -> Result<Vec<Hook>> {
    HOOKS.all(from, scope, group)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Hook) -> Result<()> {
    HOOKS.put(tx, scope, (&*one.0.0.auto_scaling_group_name, one.name()), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, group: &str, name: &str) -> Result<()> {
    HOOKS.delete(tx, scope, (group, name))
}
