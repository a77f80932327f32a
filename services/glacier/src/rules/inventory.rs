//! Inventories: which archives are listed, and how (API reference, "Get Job Output").

use api_glacier::InventoryRetrievalJobInput;
use kernel::{Millis, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::time::{iso, iso_seconds, parse};
use crate::errors;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    Json,
    Csv,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Csv => "CSV",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
        }
    }
}

/// What the markers of a vault's inventories are of.
pub fn marker_of(vault_id: &str) -> String {
    format!("Inventory/{vault_id}")
}

/// Which archives, and how they are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub format: Format,
    /// Created then or later.
    pub from: Option<Millis>,
    /// Created before.
    pub until: Option<Millis>,
    pub limit: Option<u64>,
    pub marker: Option<String>,
}

/// # Errors
/// *InvalidParameterValueException*.
pub fn read(format: Option<&str>, limits: InventoryRetrievalJobInput) -> Result<Wanted> {
    let format = match format {
        None | Some("JSON") => Format::Json,
        Some("CSV") => Format::Csv,
        Some(other) => return Err(errors::invalid(format!("Invalid format: {other}"))),
    };
    let limit = limits.limit.map(|text| {
        let limit = text.parse::<u64>().ok().filter(|limit| *limit > 0);
        limit.ok_or_else(|| errors::invalid(format!("Invalid limit: {text}")))
    });
    let date = |text: Option<String>| text.as_deref().map(parse).transpose();
    let (from, until) = (date(limits.start_date)?, date(limits.end_date)?);
    if from.zip(until).is_some_and(|(from, until)| from > until) {
        return Err(errors::invalid("Invalid date range: StartDate is after EndDate"));
    }
    Ok(Wanted { format, from, until, limit: limit.transpose()?, marker: limits.marker })
}

impl Wanted {
    pub fn has(&self, created_at: Millis) -> bool {
        self.from.is_none_or(|from| created_at >= from) && self.until.is_none_or(|until| created_at < until)
    }
}

/// An archive in a list.
pub struct Entry<'a> {
    pub id: &'a str,
    pub description: Option<&'a str>,
    pub created_at: Millis,
    pub size: u64,
    pub tree_hash: &'a str,
}

/// What stands before the archives.
pub fn head(format: Format, vault_arn: &str, now: Millis) -> String {
    match format {
        Format::Json => {
            let (arn, date) = (Value::from(vault_arn), Value::from(iso_seconds(now)));
            format!("{{\"VaultARN\":{arn},\"InventoryDate\":{date},\"ArchiveList\":[")
        }
        Format::Csv => "ArchiveId,ArchiveDescription,CreationDate,Size,SHA256TreeHash\n".to_owned(),
    }
}

/// One archive.
pub fn line(format: Format, entry: &Entry<'_>, is_first: bool) -> String {
    let description = entry.description.unwrap_or_default();
    match format {
        Format::Json => {
            let archive = json!({
                "ArchiveId": entry.id,
                "ArchiveDescription": description,
                "CreationDate": iso(entry.created_at),
                "Size": entry.size,
                "SHA256TreeHash": entry.tree_hash,
            });
            let comma = if is_first { "" } else { "," };
            format!("{comma}{archive}")
        }
        Format::Csv => {
            let description = description.replace('"', "\"\"");
            let (id, date) = (entry.id, iso(entry.created_at));
            format!("{id},\"{description}\",{date},{},{}\n", entry.size, entry.tree_hash)
        }
    }
}

/// What stands behind them.
pub fn tail(format: Format) -> &'static str {
    match format {
        Format::Json => "]}",
        Format::Csv => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Entry<'_> =
        Entry { id: "a1", description: Some("say \"x\", y"), created_at: 5, size: 7, tree_hash: "ff" };

    #[test]
    fn lists_are_written_as_documented() {
        let json =
            [head(Format::Json, "arn", 0), line(Format::Json, &ENTRY, true), tail(Format::Json).to_owned()];
        let read: Value = serde_json::from_str(&json.concat()).unwrap();
        assert_eq!(read["InventoryDate"], "1970-01-01T00:00:00Z");
        assert_eq!(read["ArchiveList"][0]["ArchiveDescription"], "say \"x\", y");
        assert_eq!(read["ArchiveList"][0]["CreationDate"], "1970-01-01T00:00:00.005Z");
        let csv = line(Format::Csv, &ENTRY, true);
        assert_eq!(csv, "a1,\"say \"\"x\"\", y\",1970-01-01T00:00:00.005Z,7,ff\n");
    }

    #[test]
    fn dates_and_limits() {
        let text = |text: &str| Some(text.to_owned());
        let limits = InventoryRetrievalJobInput {
            start_date: text("1970-01-01T00:00:01Z"),
            end_date: text("1970-01-01T00:00:02Z"),
            limit: text("3"),
            marker: None,
        };
        let wanted = read(Some("CSV"), limits).unwrap();
        assert_eq!([999, 1_000, 1_999, 2_000].map(|at| wanted.has(at)), [false, true, true, false]);
        assert_eq!((wanted.limit, wanted.format), (Some(3), Format::Csv));
        let bad = InventoryRetrievalJobInput { limit: text("0"), ..Default::default() };
        assert!(read(None, bad).is_err());
        assert!(read(Some("XML"), InventoryRetrievalJobInput::default()).is_err());
    }
}
