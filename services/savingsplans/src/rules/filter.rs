//! What requests choose by: lists of values, and filters by name.

use kernel::Result;

use crate::errors;

/// Whether a list, where it is given, has this.
pub fn is_wanted(wanted: &Option<Vec<String>>, has: &str) -> bool {
    wanted
        .as_ref()
        .filter(|wanted| !wanted.is_empty())
        .is_none_or(|wanted| wanted.iter().any(|one| one == has))
}

/// Names with the values wanted of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// # Errors
    /// `ValidationException`, for a filter without a name or values.
    pub fn check(given: impl IntoIterator<Item = (Option<String>, Option<Vec<String>>)>) -> Result<Self> {
        let read = |(name, values): (Option<String>, Option<Vec<String>>)| match (name, values) {
            (Some(name), Some(values)) if !values.is_empty() => Ok((name, values)),
            _ => Err(errors::invalid("A filter has a name and values.")),
        };
        Ok(Self(given.into_iter().map(read).collect::<Result<_>>()?))
    }

    /// Whether what has these values passes all of them.
    pub fn accept<V: AsRef<str>>(&self, value: impl Fn(&str) -> Option<V>) -> bool {
        self.0.iter().all(|(name, wanted)| {
            value(name).is_some_and(|value| wanted.iter().any(|wanted| wanted == value.as_ref()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_must_find_one_of_its_values() {
        let filter = |name: &str, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            (Some(name.to_owned()), Some(values))
        };
        let value = |name: &str| (name == "region").then_some("here");
        assert!(Filters::check([filter("region", &["there", "here"])]).unwrap().accept(value));
        assert!(!Filters::check([filter("region", &["there"])]).unwrap().accept(value));
        assert!(!Filters::check([filter("region", &["here"]), filter("x", &["y"])]).unwrap().accept(value));
        assert!(Filters::check([]).unwrap().accept(value));
        assert!(Filters::check([filter("region", &[])]).is_err());
        assert!(is_wanted(&None, "a") && is_wanted(&Some(vec![]), "a"));
        assert!(!is_wanted(&Some(vec!["b".to_owned()]), "a"));
    }
}
