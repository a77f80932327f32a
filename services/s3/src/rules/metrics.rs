//! Metrics of requests: which are counted, and what of them (S3 user guide, "Amazon S3 request metrics in CloudWatch").

use std::collections::BTreeMap;

use api_s3::{MetricsConfiguration, MetricsFilter};
use kernel::Result;
use kernel::request_log::Requested;
use serde::{Deserialize, Serialize};

use crate::errors;

const ID_CHARS_MAX: usize = 64;
/// Configurations of one bucket (S3 user guide, "Quotas").
pub const CONFIGURATIONS_MAX: usize = 1_000;

/// Requests that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    pub id: String,
    pub prefix: Option<String>,
}

/// # Errors
/// *InvalidArgument*, *MalformedXML*.
pub fn read(given: MetricsConfiguration, id: &str) -> Result<Metrics> {
    if given.id != id || id.is_empty() || id.chars().count() > ID_CHARS_MAX {
        return Err(errors::invalid_argument(
            "The id in the request does not match that of the configuration",
        ));
    }
    if !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
        let message =
            "The configuration ID can contain letters, numbers, periods, dashes and underscores only";
        return Err(errors::argument("id", id, message));
    }
    let prefix = match given.filter {
        None => None,
        Some(MetricsFilter { prefix: Some(prefix), .. }) => Some(prefix),
        Some(_) => return Err(errors::malformed_xml()),
    };
    Ok(Metrics { id: given.id, prefix })
}

impl Metrics {
    /// The configuration as it was given.
    pub fn shown(&self) -> MetricsConfiguration {
        let filter =
            self.prefix.clone().map(|prefix| MetricsFilter { prefix: Some(prefix), ..Default::default() });
        MetricsConfiguration { id: self.id.clone(), filter }
    }

    /// Whether a key is among them; what is about no key is where nothing narrows them.
    pub fn wants(&self, key: Option<&str>) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| key.is_some_and(|key| key.starts_with(prefix)))
    }
}

/// The values of a metric over a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Values {
    pub count: f64,
    pub sum: f64,
    pub least: f64,
    pub most: f64,
}

/// Values by metric and unit.
pub type Counted = BTreeMap<(&'static str, &'static str), Values>;

/// Counts a request.
pub fn count(into: &mut Counted, requested: &Requested<'_>) {
    let mut add = |name, unit, value: f64| {
        let values = into.entry((name, unit));
        let values = values.or_insert(Values { count: 0.0, sum: 0.0, least: value, most: value });
        values.count += 1.0;
        values.sum += value;
        values.least = values.least.min(value);
        values.most = values.most.max(value);
    };
    let is_list = requested.operation.starts_with("List");
    add("AllRequests", "Count", 1.0);
    match requested.method {
        _ if is_list => add("ListRequests", "Count", 1.0),
        "GET" => add("GetRequests", "Count", 1.0),
        "PUT" => add("PutRequests", "Count", 1.0),
        "DELETE" => add("DeleteRequests", "Count", 1.0),
        "HEAD" => add("HeadRequests", "Count", 1.0),
        "POST" => add("PostRequests", "Count", 1.0),
        _ => {}
    }
    let is = |class: u16| if requested.status / 100 == class { 1.0 } else { 0.0 };
    add("4xxErrors", "Count", is(4));
    add("5xxErrors", "Count", is(5));
    #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
    let (micros, received, sent) = (
        requested.took_micros as f64,
        requested.received_bytes.unwrap_or_default() as f64,
        requested.sent_bytes.unwrap_or_default() as f64,
    );
    if sent > 0.0 && requested.method != "HEAD" {
        add("BytesDownloaded", "Bytes", sent);
    }
    if received > 0.0 {
        add("BytesUploaded", "Bytes", received);
    }
    add("FirstByteLatency", "Milliseconds", micros / 1_000.0);
    add("TotalRequestLatency", "Milliseconds", micros / 1_000.0);
}
