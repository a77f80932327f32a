//! Paths into events: `$.detail.list[0].name` (the part of JSONPath that EventBridge takes).

use serde::de::IgnoredAny;
use serde_json::Deserializer;

#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
    Every,
}

/// What lies at a path into JSON without space, as it is written there; `None` where there is nothing, or the path is none.
pub fn find(json: &str, path: &str) -> Option<String> {
    let steps = read(path)?;
    let mut found = vec![json];
    let many = steps.contains(&Step::Every);
    for step in steps {
        found = found
            .into_iter()
            .flat_map(|value| match step {
                // Of members of one name the last counts.
                Step::Field(name) if value.starts_with('{') => parts(value)
                    .into_iter()
                    .rfind(|(key, _)| key.as_deref() == Some(name))
                    .into_iter()
                    .collect(),
                Step::Item(at) if value.starts_with('[') => {
                    parts(value).into_iter().nth(at).into_iter().collect()
                }
                Step::Every => parts(value),
                _ => Vec::new(),
            })
            .map(|(_, value)| value)
            .collect();
    }
    match many {
        true => Some(format!("[{}]", found.join(","))),
        false => found.first().map(ToString::to_string),
    }
}

/// The members of an object with their names, or the items of a list; of anything else none.
fn parts(json: &str) -> Vec<(Option<String>, &str)> {
    let is_object = json.starts_with('{');
    let mut rest = json.strip_prefix(['{', '[']).unwrap_or_default();
    let mut found = Vec::new();
    while let Some((first, left)) = value(rest) {
        let part = match is_object {
            true => left.strip_prefix(':').and_then(value).map(|(one, left)| {
                let name = serde_json::from_str(first).ok();
                ((name, one), left)
            }),
            false => Some(((None, first), left)),
        };
        let Some((part, left)) = part else { break };
        found.push(part);
        rest = left.strip_prefix(',').unwrap_or_default();
    }
    found
}

/// The value that JSON begins with, and what follows it.
fn value(json: &str) -> Option<(&str, &str)> {
    let mut all = Deserializer::from_str(json).into_iter::<IgnoredAny>();
    all.next()?.ok()?;
    json.split_at_checked(all.byte_offset())
}

pub fn is_path(path: &str) -> bool {
    read(path).is_some()
}

fn read(path: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, left) = match (rest.strip_prefix('.'), rest.strip_prefix('[')) {
            (Some(named), _) => {
                let end = named.find(['.', '[']).unwrap_or(named.len());
                let (name, left) = named.split_at_checked(end)?;
                (if name == "*" { Step::Every } else { Step::Field(name) }, left)
            }
            (_, Some(inner)) => {
                let (inner, left) = inner.split_once(']')?;
                let quoted = |mark| inner.strip_prefix(mark)?.strip_suffix(mark);
                let step = match quoted('\'').or_else(|| quoted('"')) {
                    Some(name) => Step::Field(name),
                    None if inner == "*" => Step::Every,
                    None => Step::Item(inner.parse().ok()?),
                };
                (step, left)
            }
            _ => return None,
        };
        if step == Step::Field("") {
            return None;
        }
        steps.push(step);
        rest = left;
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_into_objects_and_lists() {
        let json = r#"{"z":1.50,"a":{"b":[{"c":1,"b":[]},{"c":2}],"d-e":"x","\u00e4":"<\"]}","f":-1,"f":{}},"y":null}"#;
        for (path, wanted) in [
            ("$", Some(json)),
            ("$.z", Some("1.50")),
            ("$.y", Some("null")),
            ("$.a.b", Some(r#"[{"c":1,"b":[]},{"c":2}]"#)),
            ("$.a.b[0]", Some(r#"{"c":1,"b":[]}"#)),
            ("$.a.b[1].c", Some("2")),
            ("$.a['d-e']", Some(r#""x""#)),
            ("$.a.d-e", Some(r#""x""#)),
            ("$.a.ä", Some(r#""<\"]}""#)),
            ("$.a.f", Some("{}")),
            ("$.a.b[*].c", Some("[1,2]")),
            ("$.a.b[*].*", Some("[1,[],2]")),
            ("$.z[*]", Some("[]")),
            ("$.a.none", None),
            ("$.a.b[9]", None),
            ("$.a[0]", None),
            ("$.a.b.c", None),
            ("a.b", None),
            ("$..a", None),
            ("$.a[", None),
        ] {
            assert_eq!(find(json, path).as_deref(), wanted, "{path}");
        }
    }
}
