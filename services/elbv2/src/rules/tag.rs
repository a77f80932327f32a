//! Tags and their bounds.

use api_elbv2 as api;
use kernel::Result;

use crate::errors;
use crate::state::Pairs;

/// Elastic Load Balancing user guide, "Tag restrictions".
const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Tags as a request gives them.
///
/// # Errors
/// When a key comes twice, is reserved or too long, or there are too many.
pub fn check(given: Option<Vec<api::Tag>>) -> Result<Pairs> {
    let mut tags = Pairs::new();
    add(&mut tags, given.unwrap_or_default(), true)?;
    Ok(tags)
}

/// Adds tags, in place of those of the same keys.
///
/// # Errors
/// As [`check`].
pub fn add(tags: &mut Pairs, given: Vec<api::Tag>, fresh: bool) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for api::Tag { key, value } in given {
        let value = value.unwrap_or_default();
        if !seen.insert(key.clone()) {
            return Err(errors::duplicate_tags());
        }
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX || value.chars().count() > VALUE_CHARS_MAX {
            return Err(errors::validation(format!("The tag '{key}' is too long or empty")));
        }
        if !is_fit(&key) || !is_fit(&value) {
            return Err(errors::validation(format!(
                "The tag '{key}' has characters other than letters, spaces, numbers and _.:/=+-@"
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(errors::validation(format!("The tag key '{key}' is reserved")));
        }
        tags.insert(key, value);
    }
    if tags.len() > TAGS_MAX || (fresh && seen.len() > TAGS_MAX) {
        return Err(errors::too_many_tags(TAGS_MAX));
    }
    Ok(())
}

/// By the model's pattern.
fn is_fit(text: &str) -> bool {
    let is_space = |c: char| c.is_whitespace() && !c.is_control();
    text.chars().all(|c| c.is_alphanumeric() || is_space(c) || "_.:/=+-@".contains(c))
}

pub fn shown(tags: &Pairs) -> Vec<api::Tag> {
    tags.iter().map(|(key, value)| api::Tag { key: key.clone(), value: Some(value.clone()) }).collect()
}

/// As access lines want them.
pub fn pairs(tags: &Option<Vec<api::Tag>>) -> impl Iterator<Item = (&str, &str)> {
    let tags = tags.iter().flatten();
    tags.map(|tag| (tag.key.as_str(), tag.value.as_deref().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_spaces_numbers_and_some_signs() {
        let fits = |key: &str, value: &str| {
            check(Some(vec![api::Tag { key: key.into(), value: Some(value.into()) }])).is_ok()
        };
        assert!(fits("Größe 1_.:/=+-@", "x y") && fits("k", ""));
        assert!(!fits("k<", "v") && !fits("k", "v<") && !fits("k", "a\nb"));
    }
}
