//! What patterns name, for policies that say which rules may be put (EventBridge user guide, "Using IAM policy conditions in
//! Amazon EventBridge").

use serde_json::{Map, Value};

use super::read::{OR, is_choice};

/// The fields of events that policies know, and the condition keys for them.
const KEYS: [(&str, &str); 5] = [
    ("source", "events:source"),
    ("detail-type", "events:detail-type"),
    ("detail.service", "events:detail.service"),
    ("detail.eventTypeCode", "events:detail.eventTypeCode"),
    ("detail.userIdentity.principalId", "events:detail.userIdentity.principalId"),
];

/// The condition keys of a pattern with what it names there: texts as they are, other tests as they are written. Where one
/// of several alternatives leaves a field open, the empty text is among its values.
pub fn named(pattern: &str) -> Vec<(&'static str, Vec<String>)> {
    let Ok(Value::Object(pattern)) = serde_json::from_str(pattern) else { return Vec::new() };
    let of = |(field, key)| {
        let mut values = in_fields(&pattern, field);
        values.sort();
        values.dedup();
        (key, values)
    };
    KEYS.into_iter().map(of).filter(|(_, values)| !values.is_empty()).collect()
}

/// What is named for a field, whose name may stand whole or level by level.
fn in_fields(pattern: &Map<String, Value>, field: &str) -> Vec<String> {
    let whole = pattern.get(field).and_then(Value::as_array).into_iter().flatten();
    let mut found: Vec<String> = whole.map(written).collect();
    for (at, _) in field.match_indices('.') {
        let (outer, inner) = (field.get(..at), field.get(at + 1..));
        if let (Some(Value::Object(fields)), Some(inner)) = (outer.and_then(|name| pattern.get(name)), inner)
        {
            found.extend(in_fields(fields, inner));
        }
    }
    if !found.is_empty() {
        return found;
    }
    let choices = pattern.get(OR).and_then(Value::as_array).filter(|all| is_choice(all));
    let each = choices.into_iter().flatten().filter_map(Value::as_object);
    let each: Vec<_> = each.map(|fields| in_fields(fields, field)).collect();
    if each.iter().all(Vec::is_empty) {
        return Vec::new();
    }
    let open = || vec![String::new()];
    each.into_iter().flat_map(|values| if values.is_empty() { open() } else { values }).collect()
}

fn written(test: &Value) -> String {
    test.as_str().map_or_else(|| test.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_tells_what_it_names() {
        let source = |values: &[&str]| ("events:source", values.iter().map(ToString::to_string).collect());
        let cases = [
            (r#"{"source":["aws.s3","aws.ec2","aws.s3"]}"#, vec![source(&["aws.ec2", "aws.s3"])]),
            (r#"{"source":[{"prefix":"aws."}]}"#, vec![source(&[r#"{"prefix":"aws."}"#])]),
            (r#"{"account":["1"]}"#, vec![]),
            (r#"{"$or":[{"source":["a"]},{"source":["b"]}]}"#, vec![source(&["a", "b"])]),
            (r#"{"$or":[{"source":["a"]},{"account":["1"]}]}"#, vec![source(&["", "a"])]),
            (r#"{"source":["a"],"$or":[{"source":["b"]},{"account":["1"]}]}"#, vec![source(&["a"])]),
            (
                r#"{"detail-type":["x"],"detail":{"userIdentity":{"principalId":["A"]},"service":["S"]}}"#,
                vec![
                    ("events:detail-type", vec!["x".to_owned()]),
                    ("events:detail.service", vec!["S".to_owned()]),
                    ("events:detail.userIdentity.principalId", vec!["A".to_owned()]),
                ],
            ),
            (r#"{"detail.service":["S"]}"#, vec![("events:detail.service", vec!["S".to_owned()])]),
            ("nonsense", vec![]),
        ];
        for (pattern, wanted) in cases {
            assert_eq!(named(pattern), wanted, "{pattern}");
        }
    }
}
