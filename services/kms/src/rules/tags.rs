//! Tags of a key: names and how many.

use std::collections::BTreeMap;

use api_kms::Tag;
use kernel::Result;

use crate::errors;

const TAGS_MAX: usize = 50;

/// Adds tags to those there are. Lengths are checked by the model.
pub fn add(tags: &mut BTreeMap<String, String>, more: Vec<Tag>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for Tag { tag_key, tag_value } in more {
        if tag_key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:")) {
            return Err(errors::tag("Tags beginning with aws: are reserved"));
        }
        if !seen.insert(tag_key.clone()) {
            return Err(errors::tag("Duplicate tag keys"));
        }
        tags.insert(tag_key, tag_value);
    }
    if tags.len() > TAGS_MAX { Err(errors::limit("Too many tags")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_bounded_and_distinct() {
        let tag = |key: &str| Tag { tag_key: key.into(), tag_value: "v".into() };
        let mut tags = BTreeMap::new();
        add(&mut tags, (0..50).map(|n| tag(&n.to_string())).collect()).unwrap();
        assert!(add(&mut tags, vec![tag("0")]).is_ok());
        assert_eq!(add(&mut tags, vec![tag("50")]).unwrap_err().code(), "LimitExceededException");
        let mut tags = BTreeMap::new();
        assert_eq!(add(&mut tags, vec![tag("a"), tag("a")]).unwrap_err().code(), "TagException");
        assert_eq!(add(&mut tags, vec![tag("AWS:a")]).unwrap_err().code(), "TagException");
    }
}
