//! When an invocation is tried again, and when it is given up (EventBridge Scheduler user guide, "Retry policy").

use kernel::{Error, Kind, Millis};
use serde::{Deserialize, Serialize};

const ATTEMPTS_MAX: i32 = 185;
const AGE_MAX_S: i32 = 86_400;
const WAIT_FIRST_MS: Millis = 1_000;
const WAIT_MAX_MS: Millis = 600_000;

/// How often, and for how long. The model has the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub attempts: i32,
    pub age_s: i32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { attempts: ATTEMPTS_MAX, age_s: AGE_MAX_S }
    }
}

impl Policy {
    pub fn new(attempts: Option<i32>, age_s: Option<i32>) -> Self {
        Self { attempts: attempts.unwrap_or(ATTEMPTS_MAX), age_s: age_s.unwrap_or(AGE_MAX_S) }
    }
}

/// What becomes of an invocation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    TryAt(Millis),
    /// No try will help.
    GiveUp,
    /// The condition of the policy that is met.
    Exhausted(&'static str),
}

/// After `tries` tries of an invocation that began at `begun`. `chance` is anything from 0 to 1.
pub fn plan(policy: Policy, begun: Millis, tries: i32, now: Millis, error: &Error, chance: f64) -> Then {
    if !matches!(error.kind(), Kind::Internal | Kind::Unavailable | Kind::Throttled) {
        return Then::GiveUp;
    }
    if tries > policy.attempts {
        return Then::Exhausted("MaximumRetryAttempts");
    }
    let wait = WAIT_FIRST_MS.saturating_mul(1 << (tries - 1).clamp(0, 20)).min(WAIT_MAX_MS);
    // Half of it by chance, so that what failed together does not come back together.
    let spread = std::time::Duration::from_millis(u64::try_from(wait / 2).unwrap_or(0)).mul_f64(chance);
    let at = now + wait / 2 + Millis::try_from(spread.as_millis()).unwrap_or(0);
    match at - begun > Millis::from(policy.age_s) * 1_000 {
        true => Then::Exhausted("MaximumEventAgeInSeconds"),
        false => Then::TryAt(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_until_the_policy_is_exhausted() {
        let busy = Error::new(Kind::Unavailable, "x", "x");
        let gone = Error::new(Kind::NotFound, "x", "x");
        let policy = Policy { attempts: 3, age_s: 60 };
        assert_eq!(plan(policy, 0, 1, 0, &gone, 0.0), Then::GiveUp);
        assert_eq!(plan(policy, 0, 1, 0, &busy, 0.0), Then::TryAt(500));
        assert_eq!(plan(policy, 0, 1, 0, &busy, 1.0), Then::TryAt(1_000));
        assert_eq!(plan(policy, 0, 3, 0, &busy, 0.0), Then::TryAt(2_000));
        assert_eq!(plan(policy, 0, 4, 0, &busy, 0.0), Then::Exhausted("MaximumRetryAttempts"));
        assert_eq!(plan(policy, 0, 1, 59_900, &busy, 0.0), Then::Exhausted("MaximumEventAgeInSeconds"));
        assert_eq!(plan(Policy::new(None, None), 0, 185, 0, &busy, 0.0), Then::TryAt(300_000));
    }
}
