//! Which keys rotate, and when.

use kernel::{Millis, Result};

use super::spec::Spec;
use crate::errors;
use crate::state::key::{Key, Origin};

pub const DAY_MS: Millis = 86_400_000;
pub const PERIOD_DAYS: i32 = 365;
/// On-demand rotations in the life of a key (AWS's quota).
pub const ON_DEMAND_MAX: usize = 25;

/// Refuses keys that do not rotate: only symmetric ones with material we made.
pub fn check(key: &Key, arn: &str) -> Result<()> {
    if key.managed {
        return Err(errors::managed_key(arn));
    }
    if key.spec != Spec::Symmetric {
        return Err(errors::unsupported(""));
    }
    if key.origin == Origin::External {
        return Err(errors::wrong_origin(arn, key.origin.name()));
    }
    Ok(())
}

/// The next rotation of a key that rotates every `period_days`.
pub fn next_at(now: Millis, period_days: i32) -> Millis {
    now + Millis::from(period_days) * DAY_MS
}
