//! A structure as JSON by its members' names, and back into any structure that has members of the same names: how a
//! launch template, the request it becomes and the answer that shows it are one thing.

use serde_json::{Map, Value};
use shape::{Ref, Shape, Slot, Struct};

/// What is given of a structure.
pub fn read(from: &dyn Struct) -> Map<String, Value> {
    let members = from.schema().members.iter().enumerate();
    let given = members.filter_map(|(i, member)| Some((member.name.to_owned(), value(from.get(i))?)));
    given.collect()
}

fn value(shape: &dyn Shape) -> Option<Value> {
    Some(match shape.view()? {
        Ref::Boolean(is) => Value::from(is),
        Ref::Integer(number) => Value::from(number),
        Ref::Long(number) => Value::from(number),
        Ref::Float(number) => Value::from(number),
        Ref::Double(number) => Value::from(number),
        Ref::String(text) => Value::from(text),
        Ref::Timestamp(at) => Value::from(at.as_millis()),
        Ref::Struct(inner) => Value::Object(read(inner)),
        Ref::List(list) => Value::Array((0..list.len()).filter_map(|i| value(list.at(i)?)).collect()),
        Ref::Map(map) => {
            let mut entries = Map::new();
            map.each(&mut |key, entry| {
                entries.extend(value(entry).map(|value| (key.to_owned(), value)));
            });
            Value::Object(entries)
        }
        // No launch has such parts.
        Ref::Blob(_) | Ref::Stream(_) | Ref::Document(_) => return None,
    })
}

/// Gives a structure what it does not have yet of `from`.
pub fn fill(into: &mut dyn Struct, from: &Map<String, Value>) {
    for (i, member) in into.schema().members.iter().enumerate() {
        if let Some(value) = from.get(member.name).filter(|_| into.get(i).view().is_none()) {
            put(into.get_mut(i), value);
        }
    }
}

fn put(into: &mut dyn Shape, value: &Value) {
    match (into.slot(), value) {
        (Slot::Boolean(slot), Value::Bool(is)) => *slot = *is,
        (Slot::Integer(slot), Value::Number(number)) => {
            *slot = number.as_i64().and_then(|number| i32::try_from(number).ok()).unwrap_or_default();
        }
        (Slot::Long(slot), Value::Number(number)) => *slot = number.as_i64().unwrap_or_default(),
        (Slot::Double(slot), Value::Number(number)) => *slot = number.as_f64().unwrap_or_default(),
        (Slot::String(slot), Value::String(text)) => slot.clone_from(text),
        (Slot::Timestamp(slot), Value::Number(at)) => {
            *slot = shape::Timestamp::from_millis(at.as_i64().unwrap_or_default());
        }
        (Slot::Struct(slot), Value::Object(members)) => fill(slot, members),
        (Slot::List(slot), Value::Array(elements)) => {
            elements.iter().for_each(|element| put(slot.push(), element));
        }
        (Slot::Map(slot), Value::Object(entries)) => {
            entries.iter().for_each(|(key, entry)| put(slot.entry(key.clone()), entry));
        }
        // Written from a structure with members of the same names and kinds.
        _ => {}
    }
}

/// Whether anything stands at a dotted path, elements of lists being transparent.
pub fn has(value: &Value, path: &str) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| has(element, path)),
        Value::Object(members) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            members.get(name).is_some_and(|member| rest.is_empty() || has(member, rest))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use api_ec2 as api;
    use serde_json::json;

    use super::*;

    #[test]
    fn one_thing_in_three_shapes() {
        let given = api::RequestLaunchTemplateData {
            image_id: Some("ami-1".to_owned()),
            ebs_optimized: Some(true),
            security_group_ids: Some(vec!["sg-1".to_owned()]),
            metadata_options: Some(api::LaunchTemplateInstanceMetadataOptionsRequest {
                http_put_response_hop_limit: Some(2),
                ..Default::default()
            }),
            ..Default::default()
        };
        let data = read(&given);
        let metadata = json!({ "HttpPutResponseHopLimit": 2 });
        assert_eq!(data.get("MetadataOptions"), Some(&metadata));
        assert_eq!(data.len(), 4);
        let mut request =
            api::RunInstancesRequest { image_id: Some("ami-2".to_owned()), ..Default::default() };
        fill(&mut request, &data);
        assert_eq!(request.image_id.as_deref(), Some("ami-2"), "what was given stays");
        assert_eq!(request.security_group_ids.as_deref(), Some(&["sg-1".to_owned()][..]));
        assert_eq!(request.metadata_options.unwrap().http_put_response_hop_limit, Some(2));
        let mut shown = api::ResponseLaunchTemplateData::default();
        fill(&mut shown, &data);
        assert_eq!(read(&shown), data);
    }

    #[test]
    fn paths_go_through_lists() {
        let value = json!({ "A": [{ "B": 1 }, { "C": { "D": 2 } }] });
        assert!(has(&value, "A") && has(&value, "A.B") && has(&value, "A.C.D"));
        assert!(!has(&value, "A.D") && !has(&value, "B") && !has(&value, "A.B.C"));
    }
}
