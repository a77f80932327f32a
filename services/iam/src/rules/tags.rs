//! Tags: keys that differ by more than case, at most fifty.

use kernel::Result;
use serde::{Deserialize, Serialize};

use crate::errors;

const TAGS_MAX: usize = 50;

/// In order of arrival.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tags(pub Vec<(String, String)>);

impl Tags {
    /// Those a new resource is given.
    ///
    /// # Errors
    /// When a key comes twice or is AWS's, or there are too many.
    pub fn new(given: Option<Vec<api_iam::Tag>>) -> Result<Self> {
        let mut tags = Self::default();
        tags.add(given.unwrap_or_default())?;
        Ok(tags)
    }

    /// Adds tags, or gives those there are new values.
    ///
    /// # Errors
    /// As [`Tags::new`].
    pub fn add(&mut self, given: Vec<api_iam::Tag>) -> Result<()> {
        let mut seen: Vec<String> = given.iter().map(|tag| tag.key.to_lowercase()).collect();
        seen.sort_unstable();
        seen.dedup();
        if seen.len() < given.len() {
            return Err(errors::duplicate_tags());
        }
        for tag in given {
            if tag.key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:")) {
                return Err(errors::system_tag(&tag.key));
            }
            match self.0.iter_mut().find(|(key, _)| key.to_lowercase() == tag.key.to_lowercase()) {
                Some(known) => *known = (tag.key, tag.value),
                None => self.0.push((tag.key, tag.value)),
            }
        }
        if self.0.len() > TAGS_MAX { Err(errors::too_many_tags()) } else { Ok(()) }
    }

    pub fn remove(&mut self, keys: &[String]) {
        self.0.retain(|(key, _)| !keys.iter().any(|gone| gone.to_lowercase() == key.to_lowercase()));
    }

    /// As answers show them; `None` when there are none.
    pub fn shown(&self) -> Option<Vec<api_iam::Tag>> {
        Some(self.listed()).filter(|tags| !tags.is_empty())
    }

    pub fn listed(&self) -> Vec<api_iam::Tag> {
        self.0.iter().map(|(key, value)| api_iam::Tag { key: key.clone(), value: value.clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str) -> api_iam::Tag {
        api_iam::Tag { key: key.into(), value: "v".into() }
    }

    #[test]
    fn keys_are_compared_without_case_and_kept_with_it() {
        let mut tags = Tags::new(Some(vec![tag("Team"), tag("b")])).unwrap();
        tags.add(vec![tag("TEAM")]).unwrap();
        assert_eq!(tags.0.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["TEAM", "b"]);
        tags.remove(&["team".into(), "none".into()]);
        assert_eq!(tags.0.len(), 1);
        assert!(Tags::new(Some(vec![tag("a"), tag("A")])).is_err());
        assert!(Tags::new(Some(vec![tag("aws:x")])).is_err());
        assert!(tags.add((0..50).map(|n| tag(&n.to_string())).collect()).is_err());
    }
}
