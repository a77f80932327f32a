//! Paths and names that say which service and region a request is for.

use shape::PathHint;

/// Whether `path` is what the hint describes.
pub(super) fn matches(hint: &PathHint, path: &str) -> bool {
    let mut given = path.trim_end_matches('/').split('/');
    let fits = |wanted: &str| match (wanted, given.next()) {
        (_, None) => false,
        ("{account}", Some(segment)) => segment.parse::<kernel::AccountId>().is_ok(),
        ("{region}", Some(segment)) => looks_like_region(segment),
        ("{name}", Some(segment)) => !segment.is_empty(),
        (literal, Some(segment)) => literal == segment,
    };
    hint.pattern.split('/').all(fits) && given.next().is_none()
}

/// `us-east-1`, `us-gov-west-1`: at least two dashes, and a number of at most two digits at the end.
pub(super) fn looks_like_region(text: &str) -> bool {
    text.matches('-').count() >= 2
        && text
            .rsplit('-')
            .next()
            .is_some_and(|last| matches!(last.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'9', b'0'..=b'9']))
        && text.parse::<kernel::Region>().is_ok()
}
