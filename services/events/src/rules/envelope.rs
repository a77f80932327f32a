//! An event as rules see it and targets get it (EventBridge user guide, "Event structure").

use kernel::{Event, Millis, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// As it is stored. Fields in AWS's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub version: String,
    pub id: String,
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    pub source: String,
    pub account: String,
    pub time: String,
    pub region: String,
    pub resources: Vec<String>,
    pub detail: Detail,
    /// Of events that are replayed.
    #[serde(rename = "replay-name", default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
}

/// The detail of an event: the JSON of an object as it was sent, its members in their order and its numbers as they were
/// written, without the space between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Value")]
pub struct Detail(String);

impl From<Value> for Detail {
    /// Of text that was stored; or of a value, which is how it was stored before.
    fn from(stored: Value) -> Self {
        match stored {
            Value::String(text) => Self(text),
            value => Self(value.to_string()),
        }
    }
}

impl Detail {
    /// `None` where the text is no JSON of an object.
    pub fn read(text: &str) -> Option<Self> {
        let is_object = serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object());
        is_object.then(|| Self(without_space(text)))
    }
}

/// JSON without the space between its parts.
fn without_space(text: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let is_kept = |character: &char| {
        let is_space = !quoted && character.is_ascii_whitespace();
        quoted ^= *character == '"' && !escaped;
        escaped = *character == '\\' && !escaped;
        !is_space
    };
    text.chars().filter(is_kept).collect()
}

/// `2026-01-31T23:59:00Z`
pub fn instant(at: Millis) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000));
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

impl Envelope {
    pub fn new(
        scope: &Scope,
        id: String,
        at: Millis,
        (source, detail_type): (&str, &str),
        resources: Vec<String>,
        detail: impl Into<Detail>,
    ) -> Self {
        Self {
            version: "0".to_owned(),
            id,
            detail_type: detail_type.to_owned(),
            source: source.to_owned(),
            account: scope.account.to_string(),
            time: instant(at),
            region: scope.region.to_string(),
            resources,
            detail: detail.into(),
            replay: None,
        }
    }

    /// What a service of the house told.
    pub fn of(event: &Event) -> Self {
        let Event { id, at, scope, source, detail_type, resources, detail, .. } = event;
        Self::new(scope, id.clone(), *at, (source, detail_type), resources.clone(), detail.clone())
    }

    /// When it happened; the beginning of time where that cannot be read.
    pub fn at(&self) -> Millis {
        OffsetDateTime::parse(&self.time, &Rfc3339).map_or(0, |time| time.unix_timestamp() * 1_000)
    }

    /// As patterns look at it.
    pub fn value(&self) -> Value {
        let mut value: Value = serde_json::from_str(&self.text_without_detail()).unwrap_or_default();
        // Read by itself, so that one as deep as may be sent is not too deep here.
        if let Some(fields) = value.as_object_mut() {
            fields.insert("detail".to_owned(), serde_json::from_str(&self.detail.0).unwrap_or_default());
        }
        value
    }

    /// As targets get it.
    pub fn text(&self) -> String {
        self.written(Some(&self.detail))
    }

    /// The same without its detail.
    pub fn text_without_detail(&self) -> String {
        self.written(None)
    }

    fn written(&self, detail: Option<&Detail>) -> String {
        let mut text = String::with_capacity(256 + detail.map_or(0, |detail| detail.0.len()));
        let mut add = |name: &str, json: &str| {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.extend(["\"", name, "\":", json]);
        };
        for (name, value) in [
            ("version", &self.version),
            ("id", &self.id),
            ("detail-type", &self.detail_type),
            ("source", &self.source),
            ("account", &self.account),
            ("time", &self.time),
            ("region", &self.region),
        ] {
            add(name, &json!(value).to_string());
        }
        add("resources", &json!(self.resources).to_string());
        if let Some(detail) = detail {
            add("detail", &detail.0);
        }
        if let Some(replay) = &self.replay {
            add("replay-name", &json!(replay).to_string());
        }
        text.push('}');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(detail: Detail) -> Envelope {
        let scope = Scope { account: "000000000000".parse().unwrap(), region: "us-east-1".parse().unwrap() };
        Envelope::new(&scope, "i".to_owned(), 0, ("s\"", "t"), vec!["r".to_owned()], detail)
    }

    #[test]
    fn a_detail_stays_as_it_was_written() {
        let sent = "{ \"b\" : 1.50,\n\t\"a\": [1E2, \" x \\\" y \"], \"\\u00e4\": { } }";
        let kept = r#"{"b":1.50,"a":[1E2," x \" y "],"\u00e4":{}}"#;
        let mut event = event(Detail::read(sent).unwrap());
        let begun = r#"{"version":"0","id":"i","detail-type":"t","source":"s\"","account":"000000000000","#;
        let placed = r#""time":"1970-01-01T00:00:00Z","region":"us-east-1","resources":["r"]"#;
        assert_eq!(event.text(), format!("{begun}{placed},\"detail\":{kept}}}"));
        event.replay = Some("again".to_owned());
        assert_eq!(event.text_without_detail(), format!("{begun}{placed},\"replay-name\":\"again\"}}"));
        assert_eq!(event.value()["detail"]["b"], 1.5);
        let deepest = format!("{}1{}", "{\"a\":".repeat(127), "}".repeat(127));
        event.detail = Detail::read(&deepest).unwrap();
        assert!(event.value()["detail"].is_object());
        assert_eq!(Detail::read(&format!("{{\"a\":{deepest}}}")), None);
        for text in ["[]", "{", "1", "{} x", "{\"a\":1E400}"] {
            assert_eq!(Detail::read(text), None, "{text}");
        }
    }

    #[test]
    fn events_are_read_as_they_were_stored_and_as_they_were_before() {
        let event = event(Detail::read(r#"{"b":1.50,"a":1}"#).unwrap());
        let mut stored = serde_json::to_value(&event).unwrap();
        assert_eq!(serde_json::from_value::<Envelope>(stored.clone()).unwrap(), event);
        stored["detail"] = json!({ "a": 1 });
        assert_eq!(serde_json::from_value::<Envelope>(stored).unwrap().value()["detail"], json!({ "a": 1 }));
    }
}
