//! Tags of alarms.

use std::collections::BTreeMap;

use api_cloudwatch::Tag;
use kernel::Result;

use crate::errors;

const TAGS_MAX: usize = 50;

/// Adds tags to those there are.
///
/// # Errors
/// When there are too many, or a key is reserved.
pub fn add(tags: &mut BTreeMap<String, String>, more: Vec<Tag>) -> Result<()> {
    for Tag { key, value } in more {
        if key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:")) {
            return Err(errors::invalid(format!("Tag keys cannot begin with aws: {key}")));
        }
        tags.insert(key, value);
    }
    if tags.len() > TAGS_MAX {
        return Err(errors::invalid(format!("A resource can have at most {TAGS_MAX} tags.")));
    }
    Ok(())
}

pub fn pairs(tags: Option<&[Tag]>) -> impl Iterator<Item = (&str, &str)> {
    tags.unwrap_or_default().iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}
