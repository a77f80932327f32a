//! Tags of vaults (Glacier developer guide, "Tagging Amazon S3 Glacier Resources").

use std::collections::BTreeMap;

use kernel::Result;

use crate::errors;

pub type Tags = BTreeMap<String, String>;

/// Tags of a vault.
pub const TAGS_MAX: usize = 50;
const KEY_LENGTH_MAX: usize = 128;
const VALUE_LENGTH_MAX: usize = 256;

/// # Errors
/// *InvalidParameterValueException*.
pub fn check(tags: &Tags) -> Result<()> {
    if tags.is_empty() {
        return Err(errors::invalid("At least one tag must be given"));
    }
    tags.iter().try_for_each(|(key, value)| {
        check_key(key)?;
        if value.chars().count() > VALUE_LENGTH_MAX {
            return Err(errors::invalid(format!("Invalid tag value: {value}")));
        }
        Ok(())
    })
}

/// # Errors
/// *InvalidParameterValueException*.
pub fn check_key(key: &str) -> Result<()> {
    let reserved = key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:"));
    if key.is_empty() || key.chars().count() > KEY_LENGTH_MAX || reserved {
        return Err(errors::invalid(format!("Invalid tag key: {key}")));
    }
    Ok(())
}

/// # Errors
/// *LimitExceededException*; then `tags` is as before.
pub fn add(tags: &mut Tags, new: &Tags) -> Result<()> {
    let more = new.keys().filter(|key| !tags.contains_key(*key)).count();
    if tags.len() + more > TAGS_MAX {
        return Err(errors::over_limit(format!("A vault can have at most {TAGS_MAX} tags.")));
    }
    tags.extend(new.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_checked_and_bounded() {
        let of = |key: &str, value: &str| Tags::from([(key.to_owned(), value.to_owned())]);
        assert!(check(&of("a", "")).is_ok());
        for bad in
            [of("", "x"), of("AWS:x", "x"), of(&"k".repeat(129), "x"), of("k", &"v".repeat(257)), Tags::new()]
        {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
        let mut full: Tags = (0..TAGS_MAX).map(|n| (n.to_string(), String::new())).collect();
        assert!(add(&mut full, &of("0", "new")).is_ok());
        assert_eq!(add(&mut full, &of("more", "")).unwrap_err().code(), "LimitExceededException");
        assert_eq!(full.len(), TAGS_MAX);
    }
}
