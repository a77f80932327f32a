//! One-time codes by time: RFC 6238 over HMAC-SHA-1, six digits, thirty seconds.

use aws_lc_rs::hmac;
use kernel::Millis;

pub const STEP_MS: Millis = 30_000;
/// How far a device's clock may be off, in steps.
const DRIFT_STEPS: u64 = 10;

/// The time step an instant lies in.
pub fn step_at(now: Millis) -> u64 {
    u64::try_from(now / STEP_MS).unwrap_or(0)
}

/// The code of a seed at a time step.
pub fn code(seed: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let digest = tag.as_ref();
    let at = digest.last().map_or(0, |last| usize::from(last & 15));
    let word = digest.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// How far it may be off where one code is enough.
const DRIFT_STEPS_OF_ONE: u64 = 2;

/// The step of a code shown near `now` and after the step `used`; `None` when it is none.
pub fn match_one(seed: &[u8], now: Millis, used: u64, shown: &str) -> Option<u64> {
    let middle = step_at(now);
    let mut steps = middle.saturating_sub(DRIFT_STEPS_OF_ONE)..=middle + DRIFT_STEPS_OF_ONE;
    steps.find(|step| *step > used && code(seed, *step) == shown)
}

/// The later step of two consecutive codes shown near `now` and after the step `used`; `None` when they are not.
pub fn match_pair(seed: &[u8], now: Millis, used: u64, first: &str, second: &str) -> Option<u64> {
    let middle = step_at(now);
    let steps = middle.saturating_sub(DRIFT_STEPS)..=middle + DRIFT_STEPS;
    steps
        .filter(|step| *step > used)
        .find(|step| code(seed, *step) == first && code(seed, *step + 1) == second)
        .map(|step| step + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, the last six digits.
        let seed = b"12345678901234567890";
        for (seconds, expected) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(code(seed, step_at(seconds * 1_000)), expected, "{seconds}");
        }
    }

    #[test]
    fn two_codes_in_a_row_prove_the_device() {
        let (seed, now) = (b"12345678901234567890", 1_000_000_000_000);
        let step = step_at(now);
        let pair = |first: u64| (code(seed, first), code(seed, first + 1));
        let (a, b) = pair(step);
        assert_eq!(match_pair(seed, now, 0, &a, &b), Some(step + 1));
        assert_eq!(match_pair(seed, now, 0, &b, &a), None, "in the wrong order");
        assert_eq!(match_pair(seed, now, step, &a, &b), None, "used before");
        let (a, b) = pair(step - 20);
        assert_eq!(match_pair(seed, now, 0, &a, &b), None, "long ago");
    }

    #[test]
    fn one_code_serves_once_and_about_now() {
        let (seed, now) = (b"12345678901234567890", 1_000_000_000_000);
        let step = step_at(now);
        assert_eq!(match_one(seed, now, 0, &code(seed, step - 1)), Some(step - 1));
        assert_eq!(match_one(seed, now, step, &code(seed, step)), None, "used before");
        assert_eq!(match_one(seed, now, 0, &code(seed, step - 3)), None, "long ago");
    }
}
