//! An event as rules see it and targets get it (EventBridge user guide, "Event structure").

use kernel::{Event, Millis, Scope};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Fields in AWS's order.
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
    pub detail: Value,
    /// Of events that are replayed.
    #[serde(rename = "replay-name", default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
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
        detail: Value,
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
            detail,
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
        serde_json::to_value(self).unwrap_or_default()
    }

    /// As targets get it.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
