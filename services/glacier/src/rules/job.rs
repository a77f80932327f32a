//! Jobs: what may be asked for, how long it takes, and what is shown of it.

use std::ops::Range;

use api_glacier::{GlacierJobDescription, InventoryRetrievalJobDescription, JobParameters};
use kernel::{Millis, Result};
use serde::{Deserialize, Serialize};

use super::inventory::{self, Wanted};
use super::time::{DAY_MS, iso};
use super::{archive, range, tree_hash};
use crate::errors;

const MINUTE_MS: Millis = 60_000;
const HOUR_MS: Millis = 60 * MINUTE_MS;
/// How long an output can be had (API reference, "Get Job Output").
pub const KEPT_MS: Millis = DAY_MS;

/// How fast an archive is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    Expedited,
    Standard,
    Bulk,
}

impl Tier {
    fn parse(given: Option<&str>) -> Result<Self> {
        match given {
            None | Some("Standard") => Ok(Self::Standard),
            Some("Expedited") => Ok(Self::Expedited),
            Some("Bulk") => Ok(Self::Bulk),
            Some(other) => Err(errors::invalid(format!("Invalid tier: {other}"))),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Expedited => "Expedited",
            Self::Standard => "Standard",
            Self::Bulk => "Bulk",
        }
    }

    /// How long it takes: AWS's longest, divided by `speed`.
    pub fn takes(self, speed: u32) -> Millis {
        let time = match self {
            Self::Expedited => 5 * MINUTE_MS,
            Self::Standard => 5 * HOUR_MS,
            Self::Bulk => 12 * HOUR_MS,
        };
        time / Millis::from(speed.max(1))
    }
}

/// What a job is asked to bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub description: Option<String>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Archive { id: String, range: Option<String>, tier: Tier },
    Inventory(Wanted),
}

/// # Errors
/// *MissingParameterValueException*, *InvalidParameterValueException*, *NoLongerSupportedException*.
pub fn read(given: Option<JobParameters>) -> Result<Asked> {
    let given = given.ok_or_else(|| errors::missing("jobParameters"))?;
    let description = archive::check_description(given.description)?;
    let unasked = |name: &str, is_given: bool| {
        let message = format!("{name} is not for jobs of this type");
        if is_given { Err(errors::invalid(message)) } else { Ok(()) }
    };
    let what = match given.r#type.as_deref() {
        None => return Err(errors::missing("Type")),
        Some("archive-retrieval") => {
            unasked("Format", given.format.is_some())?;
            unasked("InventoryRetrievalParameters", given.inventory_retrieval_parameters.is_some())?;
            let id = given.archive_id.ok_or_else(|| errors::missing("ArchiveId"))?;
            let tier = Tier::parse(given.tier.as_deref())?;
            What::Archive { id, range: given.retrieval_byte_range, tier }
        }
        Some("inventory-retrieval") => {
            unasked("ArchiveId", given.archive_id.is_some())?;
            unasked("RetrievalByteRange", given.retrieval_byte_range.is_some())?;
            unasked("Tier", given.tier.is_some())?;
            let limits = given.inventory_retrieval_parameters.unwrap_or_default();
            What::Inventory(inventory::read(given.format.as_deref(), limits)?)
        }
        Some("select") => return Err(errors::no_select()),
        Some(other) => return Err(errors::invalid(format!("Invalid job type: {other}"))),
    };
    Ok(Asked { description, what })
}

/// A job as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub id: String,
    /// Whose name the timer does not know.
    pub vault: String,
    pub description: Option<String>,
    pub created_at: Millis,
    /// When its time has passed.
    pub ready_at: Millis,
    /// Written by the timer alone.
    pub ended: Option<Ended>,
    pub kind: Kind,
}

/// How a job ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ended {
    pub at: Millis,
    /// Why there is no output.
    pub failure: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Kind {
    Archive(Retrieval),
    Inventory(Taking),
}

/// An archive on its way back: what must be known of it although it be deleted meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Retrieval {
    pub archive_id: String,
    pub description: Option<String>,
    pub size: u64,
    pub tree_hash: String,
    pub part_size: u64,
    pub start: u64,
    pub end: u64,
    /// Of the range, where it is under one node of the archive's tree.
    pub range_hash: Option<String>,
    pub tier: Tier,
}

impl Retrieval {
    pub fn range(&self) -> Range<u64> {
        self.start..self.end
    }
}

/// An inventory that is taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Taking {
    pub wanted: Wanted,
    /// Bytes of the output, once it is there.
    pub size: Option<u64>,
    /// Where the next inventory goes on, if this one was limited.
    pub next: Option<String>,
}

impl Job {
    pub fn status(&self) -> &'static str {
        match &self.ended {
            None => "InProgress",
            Some(Ended { failure: None, .. }) => "Succeeded",
            Some(_) => "Failed",
        }
    }

    pub fn has_output(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.failure.is_none())
    }

    /// When it is forgotten.
    pub fn ends_at(&self) -> Millis {
        self.ended.as_ref().map_or(self.ready_at, |ended| ended.at) + KEPT_MS
    }

    /// Whether its time has passed, even if nobody came to forget it yet.
    pub fn is_over(&self, now: Millis) -> bool {
        self.ended.is_some() && self.ends_at() <= now
    }

    /// As it is shown, of the vault with this ARN.
    pub fn shown(&self, vault_arn: String) -> GlacierJobDescription {
        let long = |size: u64| i64::try_from(size).ok();
        let message = self.ended.as_ref().map(|ended| ended.failure.as_deref().unwrap_or("Succeeded"));
        let base = GlacierJobDescription {
            job_id: Some(self.id.clone()),
            job_description: self.description.clone(),
            vault_arn: Some(vault_arn),
            creation_date: Some(iso(self.created_at)),
            completed: Some(self.ended.is_some()),
            status_code: Some(self.status().to_owned()),
            status_message: message.map(str::to_owned),
            completion_date: self.ended.as_ref().map(|ended| iso(ended.at)),
            ..GlacierJobDescription::default()
        };
        match &self.kind {
            Kind::Archive(of) => GlacierJobDescription {
                action: Some("ArchiveRetrieval".to_owned()),
                archive_id: Some(of.archive_id.clone()),
                archive_size_in_bytes: long(of.size),
                archive_sha256_tree_hash: Some(of.tree_hash.clone()),
                sha256_tree_hash: of.range_hash.clone().filter(|_| self.has_output()),
                retrieval_byte_range: Some(range::shown(&of.range())),
                tier: Some(of.tier.name().to_owned()),
                ..base
            },
            Kind::Inventory(of) => GlacierJobDescription {
                action: Some("InventoryRetrieval".to_owned()),
                inventory_size_in_bytes: of.size.and_then(long),
                inventory_retrieval_parameters: Some(InventoryRetrievalJobDescription {
                    format: Some(of.wanted.format.name().to_owned()),
                    start_date: of.wanted.from.map(iso),
                    end_date: of.wanted.until.map(iso),
                    limit: of.wanted.limit.map(|limit| limit.to_string()),
                    marker: of.next.clone(),
                }),
                ..base
            },
        }
    }
}

/// The bytes of a retrieval's `output` range, as they lie in the archive; and whether they are under one node.
pub fn in_archive(of: &Retrieval, output: &Range<u64>) -> (Range<u64>, bool) {
    let within = of.start + output.start..of.start + output.end;
    let aligned = tree_hash::is_aligned(within.start, within.end, of.size);
    (within, aligned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str) -> JobParameters {
        JobParameters { r#type: Some(kind.to_owned()), ..JobParameters::default() }
    }

    fn code(given: JobParameters) -> Option<&'static str> {
        read(Some(given)).err().map(|error| error.code())
    }

    #[test]
    fn what_is_asked_for() {
        let archive = JobParameters { archive_id: Some("a".to_owned()), ..of("archive-retrieval") };
        let read_tier = |tier: Option<&str>| {
            let given = JobParameters { tier: tier.map(str::to_owned), ..archive.clone() };
            read(Some(given)).map(|asked| asked.what)
        };
        let wanted = |tier| What::Archive { id: "a".to_owned(), range: None, tier };
        assert_eq!(read_tier(None).unwrap(), wanted(Tier::Standard));
        assert_eq!(read_tier(Some("Bulk")).unwrap(), wanted(Tier::Bulk));
        assert!(read_tier(Some("Warp")).is_err());
        assert_eq!(code(of("archive-retrieval")), Some("MissingParameterValueException"));
        assert_eq!(code(JobParameters::default()), Some("MissingParameterValueException"));
        assert_eq!(code(of("select")), Some("NoLongerSupportedException"));
        assert_eq!(code(of("burning")), Some("InvalidParameterValueException"));
        assert_eq!(code(of("inventory-retrieval")), None);
        let tiered = JobParameters { tier: Some("Bulk".to_owned()), ..of("inventory-retrieval") };
        assert_eq!(code(tiered), Some("InvalidParameterValueException"));
    }

    #[test]
    fn how_long_it_takes() {
        assert_eq!(Tier::Expedited.takes(1), 5 * MINUTE_MS);
        assert_eq!(Tier::Standard.takes(3_600), 5_000);
        assert_eq!(Tier::Bulk.takes(0), 12 * HOUR_MS);
    }
}
