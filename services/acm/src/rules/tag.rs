//! Tags and their bounds.

use api_acm::Tag;
use kernel::Result;

use crate::errors;
use crate::state::certificate::Tags;

const TAGS_MAX: usize = 50;

/// Adds tags, in place of those of the same keys.
///
/// # Errors
/// `InvalidTagException`, `TooManyTagsException`.
pub fn add(tags: &mut Tags, given: Option<Vec<Tag>>) -> Result<()> {
    for Tag { key, value } in given.into_iter().flatten() {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(errors::bad_tag(format!("The tag key {key} is reserved.")));
        }
        tags.insert(key, value.unwrap_or_default());
    }
    if tags.len() > TAGS_MAX { Err(errors::too_many_tags()) } else { Ok(()) }
}

pub fn shown(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: Some(value.clone()) }).collect()
}
