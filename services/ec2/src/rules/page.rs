//! Pages of the describe operations.

use kernel::Result;

use crate::errors;

/// Bounds of MaxResults, for most operations.
pub const RESULTS_MIN: i32 = 5;
pub const RESULTS_MAX: i32 = 1_000;

/// Which part of a listing is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    limit: usize,
    /// The key of the last item of the page before.
    after: Option<String>,
}

impl Page {
    /// Without MaxResults, everything that is left is one page.
    ///
    /// # Errors
    /// When `max_results` is out of bounds.
    pub fn check(max_results: Option<i32>, after: Option<String>) -> Result<Self> {
        Self::within((RESULTS_MIN, RESULTS_MAX), max_results, after)
    }

    /// The same, for an operation with bounds of its own.
    ///
    /// # Errors
    /// As [`Page::check`].
    pub fn within(
        (least, most): (i32, i32),
        max_results: Option<i32>,
        after: Option<String>,
    ) -> Result<Self> {
        let limit = match max_results {
            None => usize::MAX,
            Some(max) if max < least => return Err(errors::max_results_low(max, least)),
            Some(max) if max > most => return Err(errors::max_results_high(max, most)),
            Some(max) => usize::try_from(max).unwrap_or(usize::MAX),
        };
        Ok(Self { limit, after })
    }

    /// The page's items in the order of `key`, and the key of the last where more follow.
    pub fn cut<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        items.sort_by_cached_key(&key);
        if let Some(after) = &self.after {
            items.retain(|item| key(item) > *after);
        }
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let last = items.last().filter(|_| more).map(key);
        (items, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_survive_deletions() {
        let all: Vec<String> = (0..12).map(|n| format!("{n:02}")).collect();
        let page = Page::check(Some(5), None).unwrap();
        let (first, next) = page.cut(all.clone(), String::clone);
        assert_eq!((first.len(), next.as_deref()), (5, Some("04")));
        let rest = all.into_iter().filter(|item| item != "04").collect();
        let page = Page::check(Some(7), next).unwrap();
        let (second, next) = page.cut(rest, String::clone);
        assert_eq!((second.first().map(String::as_str), second.len(), next), (Some("05"), 7, None));
    }

    #[test]
    fn bounds_are_those_of_aws() {
        assert_eq!(Page::check(Some(4), None).unwrap_err().code(), "InvalidParameterValue");
        assert_eq!(Page::check(Some(1_001), None).unwrap_err().code(), "InvalidParameterValue");
        assert!(Page::check(Some(1_000), None).is_ok());
    }
}
