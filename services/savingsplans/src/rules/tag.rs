//! Tags and their bounds.

use std::collections::BTreeMap;

use kernel::Result;

use crate::errors;

pub type Tags = BTreeMap<String, String>;

const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Adds tags, in place of those of the same keys.
///
/// # Errors
/// `ValidationException`, `ServiceQuotaExceededException`.
pub fn add<'t>(tags: &mut Tags, given: impl IntoIterator<Item = (&'t String, &'t String)>) -> Result<()> {
    for (key, value) in given {
        let is_long = key.chars().count() > KEY_CHARS_MAX || value.chars().count() > VALUE_CHARS_MAX;
        if key.is_empty() || is_long {
            return Err(errors::invalid(
                "A tag has a key of 1 to 128 characters and a value of at most 256.",
            ));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(errors::invalid(format!("The tag key {key} is reserved.")));
        }
        tags.insert(key.clone(), value.clone());
    }
    if tags.len() > TAGS_MAX { Err(errors::too_many("tags of a Savings Plan", TAGS_MAX)) } else { Ok(()) }
}
