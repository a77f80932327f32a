//! Archived objects: what must be restored before it is read, how long that takes, and till when the copy is there
//! (S3 user guide, "Restoring an archived object").

use api_s3::RestoreRequest;
use kernel::{Millis, Result};
use serde::{Deserialize, Serialize};

use super::time::{shown, to_http};
use crate::errors;

const MINUTE_MS: Millis = 60_000;
const HOUR_MS: Millis = 60 * MINUTE_MS;
const DAY_MS: Millis = 24 * HOUR_MS;

/// How fast an archive gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Expedited,
    Standard,
    Bulk,
}

/// A restored copy, or one to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    pub ready_at: Millis,
    /// When the copy goes again.
    pub ends_at: Millis,
}

/// Whether a storage class gives back only what was restored.
pub fn is_archive(storage_class: Option<&str>) -> bool {
    matches!(storage_class, Some("GLACIER" | "DEEP_ARCHIVE"))
}

/// What a request asks for: days, where it says so, and how fast.
///
/// # Errors
/// *MalformedXML*, *InvalidArgument*.
pub fn read(given: Option<RestoreRequest>) -> Result<(Option<u32>, Tier)> {
    let given = given.ok_or_else(errors::malformed_xml)?;
    let positive = |days: i32| u32::try_from(days).ok().filter(|days| *days > 0);
    let bad = || errors::invalid_argument("'Days' for RestoreRequest must be a positive number of days");
    let days = given.days.map(|days| positive(days).ok_or_else(bad)).transpose()?;
    let tier = match (given.glacier_job_parameters, given.tier) {
        (Some(_), Some(_)) => return Err(errors::malformed_xml()),
        (parameters, tier) => parameters.map(|parameters| parameters.tier).or(tier),
    };
    let tier = match tier.as_deref() {
        None | Some("Standard") => Tier::Standard,
        Some("Expedited") => Tier::Expedited,
        Some("Bulk") => Tier::Bulk,
        Some(_) => return Err(errors::malformed_xml()),
    };
    Ok((days, tier))
}

/// How long a restore takes; times are AWS's longest. `speed` divides them.
///
/// # Errors
/// *InvalidArgument* for what a class does not offer.
pub fn takes(storage_class: Option<&str>, tier: Tier, speed: u32) -> Result<Millis> {
    let deep = storage_class == Some("DEEP_ARCHIVE");
    let time = match (tier, deep) {
        (Tier::Expedited, false) => 5 * MINUTE_MS,
        (Tier::Standard, false) => 5 * HOUR_MS,
        (Tier::Bulk, false) | (Tier::Standard, true) => 12 * HOUR_MS,
        (Tier::Bulk, true) => 48 * HOUR_MS,
        (Tier::Expedited, true) => {
            return Err(errors::invalid_argument("Retrieval option is not supported by this storage class"));
        }
    };
    Ok(time / Millis::from(speed.max(1)))
}

impl Restore {
    /// A copy that is ready after `takes`, and stays for days from then, to the midnight after them.
    pub fn new(now: Millis, takes: Millis, days: u32) -> Self {
        let ready_at = now + takes;
        let ends_at = (ready_at + Millis::from(days) * DAY_MS).div_euclid(DAY_MS) * DAY_MS + DAY_MS;
        Self { ready_at, ends_at }
    }

    pub fn is_ready(&self, now: Millis) -> bool {
        (self.ready_at..self.ends_at).contains(&now)
    }

    pub fn is_under_way(&self, now: Millis) -> bool {
        now < self.ready_at
    }

    /// `x-amz-restore` of an answer; `None` of a copy that has gone again.
    pub fn shown(&self, now: Millis) -> Option<String> {
        if self.is_under_way(now) {
            return Some("ongoing-request=\"true\"".to_owned());
        }
        let ends = to_http(shown(self.ends_at)).filter(|_| self.is_ready(now))?;
        Some(format!("ongoing-request=\"false\", expiry-date=\"{ends}\""))
    }
}

#[cfg(test)]
mod tests {
    use api_s3::GlacierJobParameters;

    use super::*;

    #[test]
    fn how_long_it_takes() {
        let glacier = Some("GLACIER");
        assert_eq!(takes(glacier, Tier::Expedited, 1).unwrap(), 5 * MINUTE_MS);
        assert_eq!(takes(glacier, Tier::Standard, 1_000).unwrap(), 18_000);
        assert_eq!(takes(Some("DEEP_ARCHIVE"), Tier::Bulk, 0).unwrap(), 48 * HOUR_MS);
        assert!(takes(Some("DEEP_ARCHIVE"), Tier::Expedited, 1).is_err());
    }

    #[test]
    fn a_copy_comes_and_goes() {
        let copy = Restore::new(0, 10, 1);
        assert_eq!(copy.ends_at, 2 * DAY_MS);
        assert_eq!(copy.shown(0).as_deref(), Some("ongoing-request=\"true\""));
        let ready = "ongoing-request=\"false\", expiry-date=\"Sat, 03 Jan 1970 00:00:00 GMT\"";
        assert_eq!(copy.shown(10).as_deref(), Some(ready));
        assert_eq!(copy.shown(2 * DAY_MS), None);
        assert!(copy.is_ready(10) && !copy.is_ready(9) && !copy.is_ready(2 * DAY_MS));
    }

    #[test]
    fn what_is_asked_for() {
        let of = |days, tier: Option<&str>| {
            read(Some(RestoreRequest { days, tier: tier.map(str::to_owned), ..RestoreRequest::default() }))
        };
        assert_eq!(of(Some(2), None).unwrap(), (Some(2), Tier::Standard));
        assert_eq!(of(Some(0), None).unwrap_err().code(), "InvalidArgument");
        assert_eq!(of(None, None).unwrap(), (None, Tier::Standard));
        let parameters = GlacierJobParameters { tier: "Bulk".to_owned() };
        let given = RestoreRequest { glacier_job_parameters: Some(parameters), ..RestoreRequest::default() };
        assert_eq!(read(Some(given.clone())).unwrap(), (None, Tier::Bulk));
        let twice = RestoreRequest { tier: Some("Bulk".to_owned()), ..given };
        assert_eq!(read(Some(twice)).unwrap_err().code(), "MalformedXML");
        assert_eq!(of(Some(1), Some("Warp")).unwrap_err().code(), "MalformedXML");
        assert!(is_archive(Some("GLACIER")) && !is_archive(Some("GLACIER_IR")) && !is_archive(None));
    }
}
