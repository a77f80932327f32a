//! What a group may be: its class, how long it keeps events, and how groups are chosen by name.

use kernel::{Millis, Result};

use crate::errors;

/// Days for which events can be kept (API reference, PutRetentionPolicy).
const RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
pub const DAY_MS: Millis = 86_400_000;

/// # Errors
/// For a number of days that is not among those AWS knows.
pub fn check_retention(days: i32) -> Result<u32> {
    let known = days > 0 && RETENTION_DAYS.contains(&days);
    match u32::try_from(days) {
        Ok(days) if known => Ok(days),
        _ => Err(errors::invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
             Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, \
             1096, 1827, 2192, 2557, 2922, 3288, 3653]"
        ))),
    }
}

/// # Errors
/// For classes whose groups behave otherwise than those here.
pub fn check_class(class: Option<&str>) -> Result<()> {
    match class {
        None | Some("STANDARD") => Ok(()),
        Some(other) => {
            Err(errors::invalid(format!("The log group class {other} is not supported here; STANDARD is.")))
        }
    }
}

/// `^` begins a name that is to begin so, `|` stands between several (API reference, ListLogGroups).
pub fn fits_names(pattern: &str, name: &str) -> bool {
    pattern.split('|').any(|part| match part.strip_prefix('^') {
        Some(head) => name.starts_with(head),
        None => name.contains(part),
    })
}

/// Of one tag: values with `!` in front exclude, with an asterisk at an end they are the rest; none takes any value.
pub fn fits_tag(values: &[String], value: Option<&str>) -> bool {
    let Some(value) = value else { return false };
    let is = |wanted: &str| match (wanted.strip_prefix('*'), wanted.strip_suffix('*')) {
        (Some(_), Some(_)) => value.contains(wanted.trim_matches('*')),
        (Some(tail), None) => value.ends_with(tail),
        (None, Some(head)) => value.starts_with(head),
        (None, None) => value == wanted,
    };
    let (excluded, wanted): (Vec<_>, Vec<_>) = values.iter().partition(|value| value.starts_with('!'));
    (wanted.is_empty() || wanted.iter().any(|one| is(one)))
        && !excluded.iter().any(|one| is(one.trim_start_matches('!')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_chosen_by_name_and_tag() {
        assert!(fits_names("^/aws|web", "my-web-log") && fits_names("^/aws|web", "/aws/x"));
        assert!(!fits_names("^/aws", "x/aws"));
        let values = |list: &[&str]| list.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        for (wanted, expected) in [
            (&["prod"][..], true),
            (&["pr*"], true),
            (&["*od"], true),
            (&["*ro*"], true),
            (&["!prod"], false),
            (&["!x"], true),
            (&[], true),
            (&["x"], false),
        ] {
            assert_eq!(fits_tag(&values(wanted), Some("prod")), expected, "{wanted:?}");
        }
        assert!(!fits_tag(&[], None));
    }

    #[test]
    fn days_are_those_of_the_list() {
        assert_eq!(check_retention(7).unwrap(), 7);
        assert!([-1, 0, 2, 4_000].into_iter().all(|days| check_retention(days).is_err()));
        assert!(check_class(Some("INFREQUENT_ACCESS")).is_err());
    }
}
