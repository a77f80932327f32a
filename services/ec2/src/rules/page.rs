//! Pages of the describe operations.

use kernel::Result;

use crate::errors;

/// Bounds of MaxResults, where neither the model nor the documentation of an operation has others.
pub const RESULTS_MIN: i32 = 5;
pub const RESULTS_MAX: i32 = 1_000;

/// An operation's own bounds.
fn bounds(operation: &str) -> (i32, i32) {
    match operation {
        "DescribeHosts" => (RESULTS_MIN, 500),
        "DescribeLaunchTemplateVersions" => (1, 200),
        // Beyond, a page has no more than usual all the same.
        "DescribeVpcEndpoints" | "DescribeVpcEndpointServices" => (RESULTS_MIN, i32::MAX),
        _ => {
            let members = api_ec2::SERVICE.op(operation).map_or(&[][..], |op| op.input.members);
            let schema = members.iter().find(|member| member.name == "MaxResults").map(|it| it.schema);
            let bound = |given: Option<i64>| given.and_then(|bound| i32::try_from(bound).ok());
            let least = schema.and_then(|schema| bound(schema.min));
            (least.unwrap_or(RESULTS_MIN), schema.and_then(|schema| bound(schema.max)).unwrap_or(RESULTS_MAX))
        }
    }
}

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
    /// When `max_results` is out of the operation's bounds.
    pub fn check(operation: &str, max_results: Option<i32>, after: Option<String>) -> Result<Self> {
        let (least, most) = bounds(operation);
        let limit = match max_results {
            None => usize::MAX,
            Some(max) if max < least => return Err(errors::max_results_low(max, least)),
            Some(max) if max > most => return Err(errors::max_results_high(max, most)),
            // One of none would never end.
            Some(max) => usize::try_from(max.clamp(1, RESULTS_MAX)).unwrap_or(usize::MAX),
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
        let page = Page::check("DescribeVpcs", Some(5), None).unwrap();
        let (first, next) = page.cut(all.clone(), String::clone);
        assert_eq!((first.len(), next.as_deref()), (5, Some("04")));
        let rest = all.into_iter().filter(|item| item != "04").collect();
        let page = Page::check("DescribeVpcs", Some(7), next).unwrap();
        let (second, next) = page.cut(rest, String::clone);
        assert_eq!((second.first().map(String::as_str), second.len(), next), (Some("05"), 7, None));
    }

    #[test]
    fn bounds_are_those_of_aws() {
        let fits = |operation, max| match Page::check(operation, Some(max), None) {
            Ok(_) => true,
            Err(error) => error.code() != "InvalidParameterValue",
        };
        for (operation, least, most) in [
            ("DescribeInstances", 5, 1_000),
            ("DescribeVpcs", 5, 1_000),
            ("DescribeHosts", 5, 500),
            ("DescribeAddressesAttribute", 1, 1_000),
            ("DescribeFastSnapshotRestores", 0, 200),
            ("DescribeLaunchTemplates", 1, 200),
            ("DescribeLaunchTemplateVersions", 1, 200),
            ("DescribeManagedPrefixLists", 1, 100),
            ("GetManagedPrefixListAssociations", 5, 255),
        ] {
            assert!(fits(operation, least) && fits(operation, most), "{operation}");
            assert!(!fits(operation, least - 1) && !fits(operation, most + 1), "{operation}");
        }
        let clamped = Page::check("DescribeVpcEndpoints", Some(5_000), None).unwrap();
        assert_eq!(clamped.cut(vec![0; 2_000], ToString::to_string).0.len(), 1_000);
    }
}
