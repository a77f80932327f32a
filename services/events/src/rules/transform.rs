//! What a target gets of an event: all of it, a part, a text of its own, or a template filled in (EventBridge user
//! guide, "Input transformation").

use std::collections::BTreeMap;

use kernel::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::envelope::{Envelope, instant};
use super::path;

/// What a target wants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Input {
    #[default]
    Whole,
    Constant(String),
    Path(String),
    Template {
        paths: BTreeMap<String, String>,
        template: String,
    },
}

/// What templates may name beside their own paths.
pub struct About<'a> {
    pub rule_arn: &'a str,
    pub rule_name: &'a str,
    pub taken_at: Millis,
}

impl Input {
    /// What is sent; `None` where the filled template is no JSON although it looks like it.
    pub fn of(&self, event: &Envelope, about: &About<'_>) -> Option<String> {
        Some(match self {
            Input::Whole => event.text(),
            Input::Constant(text) => text.clone(),
            Input::Path(path) if path == "$" => event.text(),
            Input::Path(path) => path::find(&event.value(), path)?.to_string(),
            Input::Template { paths, template } => return fill(template, paths, event, about),
        })
    }
}

fn fill(
    template: &str,
    paths: &BTreeMap<String, String>,
    event: &Envelope,
    about: &About<'_>,
) -> Option<String> {
    let whole = event.value();
    let value = |name: &str| match name {
        "aws.events.rule-arn" => Some(Value::String(about.rule_arn.to_owned())),
        "aws.events.rule-name" => Some(Value::String(about.rule_name.to_owned())),
        "aws.events.event.ingestion-time" => Some(Value::String(instant(about.taken_at))),
        "aws.events.event.json" => Some(whole.clone()),
        "aws.events.event" => {
            let mut event = whole.clone();
            event.as_object_mut()?.remove("detail");
            Some(event)
        }
        name => paths.get(name).map(|path| path::find(&whole, path).unwrap_or(Value::String(String::new()))),
    };
    let filled = replace(template, value);
    let looks_like_json = matches!(template.trim_start().chars().next(), Some('{' | '['));
    if looks_like_json {
        return serde_json::from_str::<Value>(&filled).is_ok().then_some(filled);
    }
    Some(filled)
}

/// Puts values in the place of `<name>`: within quotes as plain text, elsewhere as JSON.
fn replace(template: &str, value: impl Fn(&str) -> Option<Value>) -> String {
    let mut out = String::with_capacity(template.len());
    let (mut rest, mut quoted, mut escaped) = (template, false, false);
    while let Some(character) = rest.chars().next() {
        if character == '<'
            && let Some((name, left)) = rest.get(1..).and_then(|inner| inner.split_once('>'))
            && let Some(value) = value(name)
        {
            out.push_str(&if quoted { plain(&value) } else { value.to_string() });
            rest = left;
            continue;
        }
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        out.push(character);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    out
}

/// Inside a string: without quotes of its own, and with what JSON must escape.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let escaped = Value::String(text).to_string();
    escaped.get(1..escaped.len() - 1).unwrap_or_default().to_owned()
}

/// The names a template uses.
pub fn names(template: &str) -> impl Iterator<Item = &str> {
    template.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Envelope {
        Envelope {
            version: "0".into(),
            id: "7bf73129".into(),
            detail_type: "EC2 Instance State-change Notification".into(),
            source: "aws.ec2".into(),
            account: "111122223333".into(),
            time: "2026-01-01T00:00:00Z".into(),
            region: "us-east-1".into(),
            resources: vec!["arn:aws:ec2:us-east-1:111122223333:instance/i-1".into()],
            detail: json!({ "instance-id": "i-1", "state": "a \"b\"", "n": [1, 2], "o": { "k": true } }),
            replay: None,
        }
    }

    fn filled(template: &str) -> Option<String> {
        let paths = [("id", "$.detail.instance-id"), ("state", "$.detail.state"), ("n", "$.detail.n")];
        let paths = paths.iter().chain(&[("o", "$.detail.o"), ("none", "$.detail.none")]);
        let paths = paths.map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect();
        let input = Input::Template { paths, template: template.to_owned() };
        input.of(&event(), &About { rule_arn: "arn:rule", rule_name: "r", taken_at: 0 })
    }

    #[test]
    fn templates_take_values_as_text_within_quotes_and_as_json_elsewhere() {
        for (template, wanted) in [
            (r#""<id> is <state>""#, Some(r#""i-1 is a \"b\"""#)),
            (r#"{"i":<id>,"n":<n>,"o":<o>}"#, Some(r#"{"i":"i-1","n":[1,2],"o":{"k":true}}"#)),
            (r#"{"i":"<id>-x","n":"<n>"}"#, Some(r#"{"i":"i-1-x","n":"[1,2]"}"#)),
            (r#"{"none":<none>}"#, Some(r#"{"none":""}"#)),
            (
                r#"{"r":"<aws.events.rule-name>","t":<aws.events.event.ingestion-time>}"#,
                Some(r#"{"r":"r","t":"1970-01-01T00:00:00Z"}"#),
            ),
            (r#"{"x":<unknown>}"#, None),
            ("plain <id>", Some(r#"plain "i-1""#)),
        ] {
            assert_eq!(filled(template).as_deref(), wanted, "{template}");
        }
        let whole: Value =
            serde_json::from_str(&filled(r#"{"e":<aws.events.event.json>}"#).unwrap()).unwrap();
        assert_eq!(whole["e"], event().value());
    }

    #[test]
    fn a_part_or_a_text_of_its_own() {
        let about = About { rule_arn: "", rule_name: "", taken_at: 0 };
        let part = |path: &str| Input::Path(path.to_owned()).of(&event(), &about);
        assert_eq!(part("$.detail.n").as_deref(), Some("[1,2]"));
        assert_eq!(part("$.detail.instance-id").as_deref(), Some("\"i-1\""));
        assert_eq!(part("$.nothing"), None);
        assert!(
            Input::Whole
                .of(&event(), &about)
                .unwrap()
                .starts_with(r#"{"version":"0","id":"7bf73129","detail-type""#)
        );
        assert_eq!(Input::Constant("{}".into()).of(&event(), &about).as_deref(), Some("{}"));
    }
}
