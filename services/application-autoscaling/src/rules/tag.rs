//! Tags of scalable targets.

use std::collections::BTreeMap;

use kernel::Result;

use crate::errors;

const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Adds tags to those there are.
///
/// # Errors
/// When there are too many, or one is not what a tag may be.
pub fn add<'t>(
    tags: &mut BTreeMap<String, String>,
    more: impl IntoIterator<Item = (&'t String, &'t String)>,
) -> Result<()> {
    for (key, value) in more {
        if key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:")) {
            return Err(errors::validation("aws: prefixed tag key names are not allowed for external use."));
        }
        let fits = (1..=KEY_CHARS_MAX).contains(&key.chars().count());
        if !fits || value.chars().count() > VALUE_CHARS_MAX {
            return Err(errors::validation(format!(
                "A tag's key has between 1 and {KEY_CHARS_MAX} characters, its value at most {VALUE_CHARS_MAX}."
            )));
        }
        tags.insert(key.clone(), value.clone());
    }
    if tags.len() > TAGS_MAX { Err(errors::too_many_tags(TAGS_MAX)) } else { Ok(()) }
}
