//! How finely and how long samples are kept (CloudWatch user guide, "Metrics retention").

use kernel::Millis;

/// Samples of one fineness. What is too old for one goes to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    Second,
    Minute,
    FiveMinutes,
    Hour,
}

const DAY_MS: Millis = 86_400_000;

impl Tier {
    pub const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::FiveMinutes, Self::Hour];

    /// The distance of samples.
    pub fn step_ms(self) -> Millis {
        match self {
            Self::Second => 1_000,
            Self::Minute => 60_000,
            Self::FiveMinutes => 300_000,
            Self::Hour => 3_600_000,
        }
    }

    /// What one block covers: about two thousand samples. Each holds a whole number of those of the tier before.
    pub fn window_ms(self) -> Millis {
        match self {
            Self::Second => 3_600_000,
            Self::Minute => DAY_MS,
            Self::FiveMinutes => 7 * DAY_MS,
            Self::Hour => 84 * DAY_MS,
        }
    }

    pub fn keeps_ms(self) -> Millis {
        match self {
            Self::Second => 3 * 3_600_000,
            Self::Minute => 15 * DAY_MS,
            Self::FiveMinutes => 63 * DAY_MS,
            Self::Hour => 455 * DAY_MS,
        }
    }

    pub fn next(self) -> Option<Self> {
        match self {
            Self::Second => Some(Self::Minute),
            Self::Minute => Some(Self::FiveMinutes),
            Self::FiveMinutes => Some(Self::Hour),
            Self::Hour => None,
        }
    }

    /// In keys of blocks.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::FiveMinutes => "f",
            Self::Hour => "h",
        }
    }

    pub fn of_letter(letter: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.letter() == letter)
    }

    /// The block that holds an instant, by its beginning.
    pub fn window_of(self, at: Millis) -> Millis {
        floor(at, self.window_ms())
    }

    /// As the instant of a sample is seen at `now`: finer only as long as its tier keeps it. `None` when no tier does.
    pub fn seen_at(self, at: Millis, now: Millis) -> Option<Millis> {
        let mut tier = self;
        while now - at > tier.keeps_ms() {
            tier = tier.next()?;
        }
        Some(floor(at, tier.step_ms()))
    }
}

/// The multiple of `step` at or before `at`.
pub fn floor(at: Millis, step: Millis) -> Millis {
    at - at.rem_euclid(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_whole_windows_of_the_tier_before() {
        for tier in Tier::ALL {
            if let Some(next) = tier.next() {
                assert_eq!(next.window_ms() % tier.window_ms(), 0);
                assert_eq!(next.step_ms() % tier.step_ms(), 0);
            }
            assert_eq!(Tier::of_letter(tier.letter()), Some(tier));
        }
    }

    #[test]
    fn samples_grow_coarser_with_age_and_are_gone_after_fifteen_months() {
        let at = 1_000_000 * 3_600_000 + 754_000;
        let seen = |age: Millis| Tier::Second.seen_at(at, at + age).map(|seen| at - seen);
        assert_eq!(seen(0), Some(0));
        assert_eq!(seen(3 * 3_600_000), Some(0));
        assert_eq!(seen(3 * 3_600_000 + 1), Some(34_000));
        assert_eq!(seen(15 * DAY_MS + 1), Some(154_000));
        assert_eq!(seen(63 * DAY_MS + 1), Some(754_000));
        assert_eq!(seen(455 * DAY_MS + 1), None);
    }
}
