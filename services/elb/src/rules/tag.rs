//! Tags and their bounds.

use api_elb as api;
use kernel::Result;

use crate::errors;
use crate::state::Pairs;

/// Of one load balancer (user guide of classic load balancers, "Tag restrictions").
const TAGS_MAX: usize = 10;

/// Adds tags, in place of those of the same keys.
///
/// # Errors
/// When a key comes twice or is reserved, or there are too many.
pub fn add(tags: &mut Pairs, given: &[api::Tag]) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for api::Tag { key, value } in given {
        if !seen.insert(key) {
            return Err(errors::duplicate_tags());
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(errors::validation(format!("The tag key '{key}' is reserved")));
        }
        if !is_fit(key) || value.as_deref().is_some_and(|value| !is_fit(value)) {
            return Err(errors::validation(format!(
                "The tag '{key}' has characters other than letters, spaces, numbers and _.:/=+-@"
            )));
        }
        tags.insert(key.clone(), value.clone().unwrap_or_default());
    }
    if tags.len() > TAGS_MAX {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_spaces_numbers_and_some_signs() {
        let fits = |key: &str, value: &str| {
            add(&mut Pairs::new(), &[api::Tag { key: key.into(), value: Some(value.into()) }]).is_ok()
        };
        assert!(fits("Größe 1_.:/=+-@", "x y") && !fits("k<", "v") && !fits("k", "v<"));
    }
}
