//! What a target gets of an event: all of it, a part, a text of its own, or a template filled in (EventBridge user
//! guide, "Input transformation").

use std::collections::BTreeMap;

use kernel::Millis;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::envelope::{Envelope, instant};
use super::path;

/// What a template may make, in bytes.
const INPUT_BYTES_MAX: usize = 262_144;

/// What a path that leads nowhere gives.
const EMPTY: &str = "\"\"";

/// What templates may name without a path.
const OWN_NAMES: [&str; 5] = [
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event.json",
    "aws.events.event",
];

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

/// Why there is nothing to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// The path leads nowhere, or the filled template is no JSON although it looks like it.
    NoJson,
    TooLarge,
}

impl Input {
    /// What is sent.
    ///
    /// # Errors
    /// When there is no such thing; no later try will help.
    pub fn of(&self, event: &Envelope, about: &About<'_>) -> Result<String, Bad> {
        match self {
            Input::Whole => Ok(event.text()),
            Input::Constant(text) => Ok(text.clone()),
            Input::Path(path) if path == "$" => Ok(event.text()),
            Input::Path(path) => path::find(&event.text(), path).ok_or(Bad::NoJson),
            Input::Template { paths, template } => fill(template, paths, event, about),
        }
    }
}

fn fill(
    template: &str,
    paths: &BTreeMap<String, String>,
    event: &Envelope,
    about: &About<'_>,
) -> Result<String, Bad> {
    let whole = event.text();
    let text = |text: &str| Some(Value::from(text).to_string());
    let value = |name: &str| match name {
        "aws.events.rule-arn" => text(about.rule_arn),
        "aws.events.rule-name" => text(about.rule_name),
        "aws.events.event.ingestion-time" => text(&instant(about.taken_at)),
        "aws.events.event.json" => Some(whole.clone()),
        "aws.events.event" => Some(event.text_without_detail()),
        name => paths.get(name).map(|path| path::find(&whole, path).unwrap_or_else(|| EMPTY.to_owned())),
    };
    let filled = replace(template, value)?;
    match looks_like_json(template) && serde_json::from_str::<IgnoredAny>(&filled).is_err() {
        true => Err(Bad::NoJson),
        false => Ok(filled),
    }
}

fn looks_like_json(template: &str) -> bool {
    matches!(template.trim_start().chars().next(), Some('{' | '['))
}

/// Whether a template is JSON, where it looks like it, once its paths are filled in.
pub fn can_be_filled(template: &str, paths: &BTreeMap<String, String>) -> bool {
    let is_known = |name: &str| OWN_NAMES.contains(&name) || paths.contains_key(name);
    let filled = replace(template, |name| is_known(name).then(|| EMPTY.to_owned()));
    !looks_like_json(template) || filled.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(&text).is_ok())
}

/// Puts values, which are JSON, in the place of `<name>`: within quotes as plain text, elsewhere as JSON. A value is looked for once and
/// added while there is room, so that a template of many names costs no more than its outcome may be long.
fn replace(template: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, Bad> {
    let mut out = String::with_capacity(template.len());
    let mut known: BTreeMap<(&str, bool), Option<String>> = BTreeMap::new();
    let (mut rest, mut quoted, mut escaped) = (template, false, false);
    while let Some(character) = rest.chars().next() {
        if character == '<'
            && let Some((name, left)) = rest.get(1..).and_then(|inner| inner.split_once('>'))
        {
            let written = |json: String| if quoted { plain(&json) } else { json };
            let text = known.entry((name, quoted)).or_insert_with(|| value(name).map(written));
            if let Some(text) = text {
                if text.len() > INPUT_BYTES_MAX.saturating_sub(out.len()) {
                    return Err(Bad::TooLarge);
                }
                out.push_str(text);
                rest = left;
                continue;
            }
        }
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        out.push(character);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    if out.len() > INPUT_BYTES_MAX { Err(Bad::TooLarge) } else { Ok(out) }
}

/// Inside a string: without quotes of its own, and with what JSON must escape.
fn plain(json: &str) -> String {
    let inner = |text: &str| text.get(1..text.len() - 1).unwrap_or_default().to_owned();
    if json.starts_with('"') { inner(json) } else { inner(&Value::from(json).to_string()) }
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
            detail: json!({ "instance-id": "i-1", "state": "a \"b\"", "n": [1, 2], "o": { "k": true } })
                .into(),
            replay: None,
        }
    }

    fn filled(template: &str) -> Result<String, Bad> {
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
            (r#"{"x":<id>"#, None),
            ("plain <id>", Some(r#"plain "i-1""#)),
        ] {
            let wanted = wanted.ok_or(Bad::NoJson);
            assert_eq!(filled(template).as_deref(), wanted.as_ref().map(|text| *text), "{template}");
        }
        let whole: Value =
            serde_json::from_str(&filled(r#"{"e":<aws.events.event.json>}"#).unwrap()).unwrap();
        assert_eq!(whole["e"], event().value());
    }

    #[test]
    fn a_part_or_a_text_of_its_own() {
        let about = About { rule_arn: "", rule_name: "", taken_at: 0 };
        let part = |path: &str| Input::Path(path.to_owned()).of(&event(), &about);
        assert_eq!(part("$.detail.n").as_deref(), Ok("[1,2]"));
        assert_eq!(part("$.detail.instance-id").as_deref(), Ok("\"i-1\""));
        assert_eq!(part("$.nothing"), Err(Bad::NoJson));
        assert!(
            Input::Whole
                .of(&event(), &about)
                .unwrap()
                .starts_with(r#"{"version":"0","id":"7bf73129","detail-type""#)
        );
        assert_eq!(Input::Constant("{}".into()).of(&event(), &about).as_deref(), Ok("{}"));
    }

    #[test]
    fn what_a_template_makes_is_bounded() {
        let made = |template: &str, bytes: usize| {
            let event = Envelope { detail: json!({ "a": "x".repeat(bytes) }).into(), ..event() };
            let paths = [("a".to_owned(), "$.detail.a".to_owned())].into();
            let input = Input::Template { paths, template: template.to_owned() };
            input.of(&event, &About { rule_arn: "", rule_name: "", taken_at: 0 }).map(|text| text.len())
        };
        assert_eq!(made("<a>", INPUT_BYTES_MAX - 2), Ok(INPUT_BYTES_MAX));
        assert_eq!(made("<a>", INPUT_BYTES_MAX - 1), Err(Bad::TooLarge));
        assert_eq!(made("<a> ", INPUT_BYTES_MAX - 2), Err(Bad::TooLarge));
        assert_eq!(made(&"<a>".repeat(2_700), 500_000), Err(Bad::TooLarge));
        assert_eq!(made(&"<a>".repeat(2_700), 95), Ok(2_700 * 97));
    }

    #[test]
    fn a_template_must_be_able_to_be_json_where_it_looks_like_it() {
        let paths = [("a".to_owned(), "$.detail.a".to_owned())].into();
        for (template, wanted) in [
            (r#"{"x":<a>,"y":"<a>-<a>"}"#, true),
            (r#"[<a>,<aws.events.event.json>]"#, true),
            ("<a> {", true),
            (r#"{"x": <a>"#, false),
            (r#"{"x": <a>5}"#, false),
            (r#"{"x": <b c>}"#, false),
        ] {
            assert_eq!(can_be_filled(template, &paths), wanted, "{template}");
        }
    }
}
