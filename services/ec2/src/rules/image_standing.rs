//! How images are withdrawn: deprecated at an instant, disabled, or kept from being deregistered (Amazon EC2 User Guide,
//! "Deprecate an AMI", "Disable an AMI" and "Protect an AMI from deregistration").

use kernel::Result;
use kernel::clock::Millis;

use super::instant;
use crate::errors;
use crate::state::image::{Image, Protection, Standing};

const MINUTE_MS: Millis = 60_000;
const DAY_MS: Millis = 24 * 60 * MINUTE_MS;
/// How far ahead a deprecation may lie, and how long a public image may be offered from its making on, in years.
const AHEAD_YEARS_MAX: Millis = 10;
const PUBLIC_YEARS_MAX: Millis = 2;
/// A protected image stays so for that long after the protection was switched off, where that was wanted.
const COOLDOWN_MS: Millis = DAY_MS;

const fn years(count: Millis) -> Millis {
    count * 365 * DAY_MS + count / 4 * DAY_MS
}

/// When an image is to be deprecated, to the minute.
///
/// # Errors
/// When that has passed, or is too far ahead.
pub fn deprecation(image: &Image, wanted: Millis, now: Millis) -> Result<Millis> {
    let at = (wanted + MINUTE_MS / 2).div_euclid(MINUTE_MS) * MINUTE_MS;
    let latest = if image.shared.everybody { offered_until(image) } else { now + years(AHEAD_YEARS_MAX) };
    if at < now || wanted < now {
        return Err(errors::deprecation_past());
    }
    if at > latest.div_euclid(MINUTE_MS) * MINUTE_MS + MINUTE_MS {
        return Err(errors::deprecation_too_far(&instant::iso_millis(latest)));
    }
    Ok(at)
}

fn offered_until(image: &Image) -> Millis {
    image.created_at + years(PUBLIC_YEARS_MAX)
}

/// An image that everybody may launch is deprecated sooner or later.
pub fn bound_public(image: &mut Image) {
    if image.shared.everybody {
        let latest = offered_until(image);
        let at = image.standing.deprecated_from.map_or(latest, |at| at.min(latest));
        image.standing.deprecated_from = Some(at);
    }
}

pub fn is_deprecated(standing: &Standing, now: Millis) -> bool {
    standing.deprecated_from.is_some_and(|at| at <= now)
}

/// The protection after it was switched off.
pub fn switched_off(protection: Protection, now: Millis) -> Protection {
    match protection {
        Protection::On { cooldown: true } => Protection::Ending(now + COOLDOWN_MS),
        Protection::On { cooldown: false } | Protection::Off => Protection::Off,
        ending @ Protection::Ending(_) => ending,
    }
}

pub fn is_protected(protection: Protection, now: Millis) -> bool {
    match protection {
        Protection::Off => false,
        Protection::On { .. } => true,
        Protection::Ending(at) => now < at,
    }
}

/// As images show it.
pub fn protection_shown(protection: Protection, now: Millis) -> String {
    match protection {
        Protection::On { cooldown: false } => "enabled-without-cooldown".to_owned(),
        Protection::On { cooldown: true } => "enabled-with-cooldown".to_owned(),
        Protection::Ending(at) if now < at => format!("disabled after {}", instant::iso_millis(at)),
        Protection::Off | Protection::Ending(_) => "disabled".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protection_with_a_cooldown_ends_a_day_later() {
        let on = Protection::On { cooldown: true };
        let ending = switched_off(on, 5);
        assert_eq!(ending, Protection::Ending(5 + DAY_MS));
        assert!(is_protected(on, 5) && is_protected(ending, 4 + DAY_MS) && !is_protected(ending, 5 + DAY_MS));
        // Switched off once more, it ends no later.
        assert_eq!(switched_off(ending, 500), ending);
        assert_eq!(protection_shown(ending, 5), "disabled after 1970-01-02T00:00:00.005Z");
        assert_eq!(protection_shown(ending, 5 + DAY_MS), "disabled");
        assert_eq!(switched_off(Protection::On { cooldown: false }, 5), Protection::Off);
    }
}
