//! Paths into events: `$.detail.list[0].name` (the part of JSONPath that EventBridge takes).

use serde_json::Value;

#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
    Every,
}

/// What lies at a path; `None` where there is nothing, or the path is none.
pub fn find(value: &Value, path: &str) -> Option<Value> {
    let steps = read(path)?;
    let mut found = vec![value];
    let many = steps.contains(&Step::Every);
    for step in steps {
        found = found
            .into_iter()
            .flat_map(|value| match step {
                Step::Field(name) => value.get(name).into_iter().collect::<Vec<_>>(),
                Step::Item(at) => value.get(at).into_iter().collect(),
                Step::Every => match value {
                    Value::Array(items) => items.iter().collect(),
                    Value::Object(fields) => fields.values().collect(),
                    _ => Vec::new(),
                },
            })
            .collect();
    }
    match many {
        true => Some(Value::Array(found.into_iter().cloned().collect())),
        false => found.first().map(|value| (*value).clone()),
    }
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
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_into_objects_and_lists() {
        let value = json!({ "a": { "b": [{ "c": 1 }, { "c": 2 }], "d-e": "x" } });
        for (path, wanted) in [
            ("$", Some(value.clone())),
            ("$.a.b[1].c", Some(json!(2))),
            ("$.a['d-e']", Some(json!("x"))),
            ("$.a.d-e", Some(json!("x"))),
            ("$.a.b[*].c", Some(json!([1, 2]))),
            ("$.a.none", None),
            ("$.a.b[9]", None),
            ("a.b", None),
            ("$..a", None),
            ("$.a[", None),
        ] {
            assert_eq!(find(&value, path), wanted, "{path}");
        }
    }
}
