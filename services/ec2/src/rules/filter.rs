//! Filters of the describe operations: names each operation knows, values with wildcards, tags.

use api_ec2::Filter;
use kernel::{Error, Result};

use crate::errors;
use crate::state::tag::Tags;

/// Values of all filters of a request together.
const VALUES_MAX: usize = 200;

/// The filters of a request: a resource must pass each, by any of its values.
#[derive(Debug, Default)]
pub struct Filters(Vec<Wanted>);

#[derive(Debug)]
struct Wanted {
    name: String,
    /// Of any of these.
    values: Vec<String>,
}

impl Filters {
    /// Reads filters whose names are among `names`, or are `tag:<key>`, `tag-key`.
    ///
    /// # Errors
    /// When a name is none of these, or there are too many values.
    pub fn check(given: Option<Vec<Filter>>, names: &[&str]) -> Result<Self> {
        let mut wanted = Vec::new();
        for filter in given.unwrap_or_default() {
            let name = filter.name.unwrap_or_else(|| "null".to_owned());
            let is_known = names.contains(&name.as_str()) || name == "tag-key" || name.starts_with("tag:");
            if !is_known {
                return Err(errors::filter_invalid(&name));
            }
            wanted.push(Wanted { name, values: filter.values.unwrap_or_default() });
        }
        if wanted.iter().map(|filter| filter.values.len()).sum::<usize>() > VALUES_MAX {
            return Err(errors::filter_limit(VALUES_MAX));
        }
        Ok(Self(wanted))
    }

    /// No resource is left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a resource passes: `values` tells what it has under a filter's name.
    pub fn accept(&self, tags: &Tags, values: impl Fn(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|filter| {
            let any = |text: &str| filter.values.iter().any(|pattern| matches(pattern, text));
            match filter.name.strip_prefix("tag:") {
                Some(key) => tags.get(key).is_some_and(|value| any(value)),
                None if filter.name == "tag-key" => tags.keys().any(|key| any(key)),
                None => values(&filter.name).iter().any(|value| any(value)),
            }
        })
    }
}

/// The records asked for by id, or all where none was.
///
/// # Errors
/// `missing`, for the first id that no record has.
pub fn pick<T>(
    records: Vec<T>,
    wanted: Option<&Vec<String>>,
    id: impl Fn(&T) -> &str,
    missing: impl Fn(String) -> Error,
) -> Result<Vec<T>> {
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Ok(records) };
    if let Some(absent) = wanted.iter().find(|wanted| !records.iter().any(|record| id(record) == *wanted)) {
        return Err(missing(absent.clone()));
    }
    Ok(records.into_iter().filter(|record| wanted.iter().any(|wanted| wanted == id(record))).collect())
}

/// Whether `text` fits `pattern`: `*` is any text, `?` any character, `\` takes the next one as it is.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = read(pattern);
    let text: Vec<char> = text.chars().collect();
    // Where to go on when what follows the last `*` does not fit: it swallows one character more.
    let mut retry: Option<(usize, usize)> = None;
    let (mut at, mut seen) = (0, 0);
    while let Some(c) = text.get(seen) {
        match pattern.get(at) {
            Some(Part::Any) => {
                retry = Some((at + 1, seen));
                at += 1;
            }
            Some(part) if *part == Part::One || *part == Part::Only(*c) => {
                at += 1;
                seen += 1;
            }
            _ => match retry {
                Some((after, swallowed)) => {
                    retry = Some((after, swallowed + 1));
                    (at, seen) = (after, swallowed + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|part| *part == Part::Any)
}

#[derive(PartialEq, Eq)]
enum Part {
    Any,
    One,
    Only(char),
}

fn read(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        parts.push(match c {
            '*' => Part::Any,
            '?' => Part::One,
            '\\' => Part::Only(chars.next().unwrap_or('\\')),
            other => Part::Only(other),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(given: &[(&str, &[&str])], names: &[&str]) -> Result<Filters> {
        let filter = |(name, values): &(&str, &[&str])| Filter {
            name: Some((*name).to_owned()),
            values: Some(values.iter().map(|v| (*v).to_owned()).collect()),
        };
        Filters::check(Some(given.iter().map(filter).collect()), names)
    }

    #[test]
    fn patterns_match_as_aws_says() {
        let yes = [("*", ""), ("web*", "web-1"), ("*-1", "web-1"), ("w?b", "web"), ("*a*b*", "xaxxbx")];
        let yes_escaped = [(r"\*amazon\?\\", r"*amazon?\"), ("a*a", "aa"), ("é?", "éa")];
        for (pattern, text) in yes.into_iter().chain(yes_escaped) {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("web", "web1"), ("w?b", "wb"), ("a*a", "a"), (r"\*", "x"), ("A", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn every_filter_must_pass_by_any_value() {
        let tags = Tags::from([("Name".to_owned(), "web".to_owned())]);
        let values = |name: &str| if name == "state" { vec!["up".to_owned()] } else { Vec::new() };
        let passes =
            |given: &[(&str, &[&str])]| filters(given, &["state", "id"]).unwrap().accept(&tags, values);
        assert!(passes(&[]));
        assert!(passes(&[("state", &["down", "u*"]), ("tag:Name", &["web"]), ("tag-key", &["N*"])]));
        assert!(!passes(&[("state", &["up"]), ("id", &["*"])]));
        assert!(!passes(&[("tag:name", &["web"])]));
        assert!(!passes(&[("state", &[])]));
    }

    #[test]
    fn strange_names_and_too_many_values_are_refused() {
        let error = filters(&[("colour", &["red"])], &["state"]).unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            ("InvalidParameterValue", "The filter 'colour' is invalid")
        );
        let many = vec!["x"; VALUES_MAX + 1];
        assert_eq!(filters(&[("state", &many)], &["state"]).unwrap_err().code(), "FilterLimitExceeded");
    }
}
