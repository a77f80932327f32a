//! When what failed is tried again, and when it is given up (EventBridge user guide, "Retry policy and dead-letter queues");
//! and how often all that happens.

mod course;
mod tally;

pub use course::{Course, Dead, Tries, Underway};
use kernel::{Ctx, Error, Kind, Millis};
use serde::{Deserialize, Serialize};
pub use tally::Tally;

pub const ATTEMPTS_MAX: i32 = 185;
pub const AGE_MAX_S: i32 = 86_400;
const AGE_LEAST_S: i32 = 60;
const WAIT_FIRST_MS: Millis = 1_000;
const WAIT_MAX_MS: Millis = 600_000;

/// How often, and for how long.
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
    /// The most of both where nothing is said; `None` where either is out of bounds.
    pub fn read(attempts: Option<i32>, age_s: Option<i32>) -> Option<Self> {
        let (attempts, age_s) = (attempts.unwrap_or(ATTEMPTS_MAX), age_s.unwrap_or(AGE_MAX_S));
        let fits = (0..=ATTEMPTS_MAX).contains(&attempts) && (AGE_LEAST_S..=AGE_MAX_S).contains(&age_s);
        fits.then_some(Self { attempts, age_s })
    }

    /// What becomes of something that began at `begun` and has failed `tries` times, now with this error. `chance` is
    /// anything from 0 to 1.
    fn plan(self, begun: Millis, tries: i32, now: Millis, error: &Error, chance: f64) -> Then {
        if !matches!(error.kind(), Kind::Internal | Kind::Unavailable | Kind::Throttled) {
            return Then::GiveUp;
        }
        if tries > self.attempts {
            return Then::Exhausted("MaximumRetryAttempts");
        }
        let wait = WAIT_FIRST_MS.saturating_mul(1 << (tries - 1).clamp(0, 20)).min(WAIT_MAX_MS);
        // Half of it by chance, so that what failed together does not come back together.
        let spread = std::time::Duration::from_millis(u64::try_from(wait / 2).unwrap_or(0)).mul_f64(chance);
        let at = now + wait / 2 + Millis::try_from(spread.as_millis()).unwrap_or(0);
        if at - begun > Millis::from(self.age_s) * 1_000 {
            return Then::Exhausted("MaximumEventAgeInSeconds");
        }
        Then::TryAt(at)
    }
}

/// What becomes of something that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    TryAt(Millis),
    /// No try will help.
    GiveUp,
    /// The condition of the policy that is met.
    Exhausted(&'static str),
}

/// From 0 to 1.
fn chance(ctx: &Ctx) -> f64 {
    f64::from(u8::from_str_radix(&ctx.ids().hex(2), 16).unwrap_or_default()) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_until_the_policy_is_exhausted() {
        let busy = Error::new(Kind::Unavailable, "x", "x");
        let gone = Error::new(Kind::NotFound, "x", "x");
        let policy = Policy { attempts: 3, age_s: 60 };
        assert_eq!(policy.plan(0, 1, 0, &gone, 0.0), Then::GiveUp);
        assert_eq!(policy.plan(0, 1, 0, &busy, 0.0), Then::TryAt(500));
        assert_eq!(policy.plan(0, 1, 0, &busy, 1.0), Then::TryAt(1_000));
        assert_eq!(policy.plan(0, 3, 0, &busy, 0.0), Then::TryAt(2_000));
        assert_eq!(policy.plan(0, 4, 0, &busy, 0.0), Then::Exhausted("MaximumRetryAttempts"));
        assert_eq!(policy.plan(0, 1, 59_900, &busy, 0.0), Then::Exhausted("MaximumEventAgeInSeconds"));
        assert_eq!(Policy::default().plan(0, 185, 0, &busy, 0.0), Then::TryAt(300_000));
    }

    #[test]
    fn policies_have_bounds() {
        assert_eq!(Policy::read(None, None), Some(Policy::default()));
        assert_eq!(Policy::read(Some(0), Some(60)), Some(Policy { attempts: 0, age_s: 60 }));
        for (attempts, age_s) in [(Some(-1), None), (Some(186), None), (None, Some(59)), (None, Some(86_401))]
        {
            assert_eq!(Policy::read(attempts, age_s), None);
        }
    }
}
