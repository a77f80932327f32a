//! Entries of PutEvents: each is taken or refused by itself.

use api_events::{PutEventsRequestEntry, PutEventsResultEntry};
use kernel::{Error, Millis, Scope};

use super::envelope::{Detail, Envelope};

/// Bytes of all entries of a call (EventBridge user guide, "Calculating PutEvents event entry size").
const BYTES_MAX: usize = 1_048_576;
const TIME_BYTES: usize = 14;

/// The codes of denials that come of what policies say of an event's source, or of its type.
pub const OF_EVENT: [&str; 2] = ["NotAuthorizedForSourceException", "NotAuthorizedForDetailTypeException"];

/// Whether the entries of a call are more than it may bring.
pub fn is_too_large(entries: &[PutEventsRequestEntry]) -> bool {
    entries.iter().map(size).sum::<usize>() > BYTES_MAX
}

fn size(entry: &PutEventsRequestEntry) -> usize {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let resources = entry.resources.iter().flatten().map(String::len).sum::<usize>();
    let time = if entry.time.is_some() { TIME_BYTES } else { 0 };
    time + length(&entry.source) + length(&entry.detail_type) + length(&entry.detail) + resources
}

/// The event of an entry.
///
/// # Errors
/// What its result says.
pub fn read(
    scope: &Scope,
    id: String,
    now: Millis,
    entry: PutEventsRequestEntry,
) -> Result<Envelope, PutEventsResultEntry> {
    let given = |value: Option<String>, name: &str| match value.filter(|text| !text.is_empty()) {
        Some(text) => Ok(text),
        None => {
            let reason = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
            Err(refused("InvalidArgument", reason))
        }
    };
    let source = given(entry.source, "Source")?;
    let detail_type = given(entry.detail_type, "DetailType")?;
    let detail = given(entry.detail, "Detail")?;
    if source.starts_with("aws.") {
        return Err(not_authorized(OF_EVENT[0]));
    }
    let Some(detail) = Detail::read(&detail) else {
        return Err(refused("MalformedDetail", "Detail is malformed."));
    };
    let at = entry.time.map_or(now, |time| time.as_millis());
    let resources = entry.resources.unwrap_or_default();
    Ok(Envelope::new(scope, id, at, (&source, &detail_type), resources, detail))
}

/// The result of an entry that the gate denies.
pub fn denied(denial: &Error) -> PutEventsResultEntry {
    match OF_EVENT.iter().find(|code| **code == denial.code()) {
        Some(code) => not_authorized(code),
        None => refused(denial.code(), denial.message()),
    }
}

fn not_authorized(code: &str) -> PutEventsResultEntry {
    let what = if code == OF_EVENT[0] { "source" } else { "detail type" };
    refused(code, format!("Not authorized for the {what}."))
}

fn refused(code: &str, message: impl Into<String>) -> PutEventsResultEntry {
    PutEventsResultEntry {
        error_code: Some(code.to_owned()),
        error_message: Some(message.into()),
        ..PutEventsResultEntry::default()
    }
}
