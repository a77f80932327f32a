//! Object lock: what keeps a version from being deleted, and what may change of that (S3 user guide, "Locking objects
//! with Object Lock").

use api_s3::{DefaultRetention, ObjectLockConfiguration, ObjectLockRule};
use kernel::{Millis, Result};
use serde::{Deserialize, Serialize};
use shape::Timestamp;

use super::time::shown;
use crate::errors;

const DAY_MS: Millis = 86_400_000;
const DAYS_MAX: i32 = 36_500;
const YEARS_MAX: i32 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Who is allowed to may get around it.
    Governance,
    /// Nobody may.
    Compliance,
}

impl Mode {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "GOVERNANCE" => Some(Self::Governance),
            "COMPLIANCE" => Some(Self::Compliance),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }
}

/// Till when a version is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    pub mode: Mode,
    pub until: Millis,
}

/// What keeps a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lock {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// `None` where nothing was ever said of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<bool>,
}

/// The lock of a bucket that has one: how long new versions are kept that say nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketLock {
    pub default: Option<Usual>,
}

/// A default retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    pub mode: Mode,
    pub length: Length,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Length {
    Days(i32),
    Years(i32),
}

impl Length {
    fn after(self, now: Millis) -> Millis {
        let days = match self {
            Self::Days(days) => Millis::from(days),
            Self::Years(years) => Millis::from(years) * 365,
        };
        now + days * DAY_MS
    }
}

/// Reads a bucket's configuration.
///
/// # Errors
/// *MalformedXML*, *InvalidArgument*.
pub fn read_configuration(given: Option<ObjectLockConfiguration>) -> Result<BucketLock> {
    let given = given.ok_or_else(errors::malformed_xml)?;
    if given.object_lock_enabled.as_deref() != Some("Enabled") {
        return Err(errors::malformed_xml());
    }
    let Some(rule) = given.rule else { return Ok(BucketLock::default()) };
    let default = rule.default_retention.ok_or_else(errors::malformed_xml)?;
    let mode = default.mode.as_deref().and_then(Mode::parse).ok_or_else(errors::malformed_xml)?;
    let (length, count, most) = match (default.days, default.years) {
        (Some(days), None) => (Length::Days(days), days, DAYS_MAX),
        (None, Some(years)) => (Length::Years(years), years, YEARS_MAX),
        _ => return Err(errors::malformed_xml()),
    };
    if count <= 0 {
        return Err(errors::invalid_argument("Default retention period must be a positive integer value."));
    }
    if count > most {
        return Err(errors::invalid_argument("Default retention period is too large"));
    }
    Ok(BucketLock { default: Some(Usual { mode, length }) })
}

impl BucketLock {
    pub fn shown(&self) -> ObjectLockConfiguration {
        let rule = self.default.map(|default| ObjectLockRule {
            default_retention: Some(DefaultRetention {
                mode: Some(default.mode.name().to_owned()),
                days: if let Length::Days(days) = default.length { Some(days) } else { None },
                years: if let Length::Years(years) = default.length { Some(years) } else { None },
            }),
        });
        ObjectLockConfiguration { object_lock_enabled: Some("Enabled".to_owned()), rule }
    }
}

/// What the headers of a request say of a new version's lock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    pub mode: Option<&'a str>,
    pub until: Option<Timestamp>,
    pub legal_hold: Option<&'a str>,
}

/// The lock headers of an input.
#[macro_export]
macro_rules! asked_lock {
    ($input:expr) => {
        $crate::rules::lock::Asked {
            mode: $input.object_lock_mode.as_deref(),
            until: $input.object_lock_retain_until_date,
            legal_hold: $input.object_lock_legal_hold_status.as_deref(),
        }
    };
}

/// The lock of a new version in a bucket with this lock, or without.
///
/// # Errors
/// *InvalidRequest* where the bucket has none, *InvalidArgument*.
pub fn of_new(asked: Asked<'_>, bucket: Option<&BucketLock>, now: Millis) -> Result<Lock> {
    let legal_hold = match asked.legal_hold {
        None => None,
        Some("ON") => Some(true),
        Some("OFF") => Some(false),
        Some(other) => {
            let message = "Legal Hold must be either of 'ON' or 'OFF'";
            return Err(errors::argument("x-amz-object-lock-legal-hold", other, message));
        }
    };
    let retention = match (asked.mode, asked.until) {
        (None, None) => None,
        (Some(mode), Some(until)) => {
            let mode =
                Mode::parse(mode).ok_or_else(|| errors::invalid_argument("Unknown wormMode directive."))?;
            Some(Retention { mode, until: future(until, now)? })
        }
        _ => {
            let message =
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
            return Err(errors::invalid_argument(message));
        }
    };
    let Some(bucket) = bucket else {
        return if retention.is_some() || legal_hold.is_some() {
            Err(errors::no_lock())
        } else {
            Ok(Lock::default())
        };
    };
    let by_default = || bucket.default.map(|d| Retention { mode: d.mode, until: d.length.after(now) });
    Ok(Lock { retention: retention.or_else(by_default), legal_hold })
}

fn future(until: Timestamp, now: Millis) -> Result<Millis> {
    let until = until.seconds.saturating_mul(1_000);
    if until <= now {
        return Err(errors::invalid_argument("The retain until date must be in the future!"));
    }
    Ok(until)
}

/// Reads a version's new retention; `None` takes it away.
///
/// # Errors
/// *MalformedXML*, *InvalidArgument*.
pub fn read_retention(
    mode: Option<&str>,
    until: Option<Timestamp>,
    now: Millis,
) -> Result<Option<Retention>> {
    match (mode, until) {
        (None, None) => Ok(None),
        (Some(mode), Some(until)) => {
            let mode = Mode::parse(mode).ok_or_else(errors::malformed_xml)?;
            Ok(Some(Retention { mode, until: future(until, now)? }))
        }
        _ => Err(errors::malformed_xml()),
    }
}

impl Lock {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the version may be taken away for good.
    ///
    /// # Errors
    /// *AccessDenied*.
    pub fn check_removal(&self, bypass: bool, now: Millis) -> Result<()> {
        if self.keeps(bypass, now) { Err(errors::locked()) } else { Ok(()) }
    }

    pub fn keeps(&self, bypass: bool, now: Millis) -> bool {
        let held = |r: Retention| r.until > now && (r.mode == Mode::Compliance || !bypass);
        self.legal_hold == Some(true) || self.retention.is_some_and(held)
    }

    /// Whether the retention may become `new`: to lengthen it is free.
    ///
    /// # Errors
    /// *AccessDenied*.
    pub fn check_change(&self, new: Option<Retention>, bypass: bool, now: Millis) -> Result<()> {
        let Some(old) = self.retention.filter(|old| old.until > now) else { return Ok(()) };
        let lengthens = new.is_some_and(|new| new.mode == old.mode && new.until >= old.until);
        if lengthens || (old.mode == Mode::Governance && bypass) { Ok(()) } else { Err(errors::locked()) }
    }

    pub fn shown_until(&self) -> Option<Timestamp> {
        self.retention.map(|retention| shown(retention.until))
    }

    pub fn shown_mode(&self) -> Option<String> {
        self.retention.map(|retention| retention.mode.name().to_owned())
    }

    pub fn shown_hold(&self) -> Option<String> {
        self.legal_hold.map(|on| if on { "ON" } else { "OFF" }.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_000_000;

    fn at(millis: Millis) -> Option<Timestamp> {
        Some(shown(millis))
    }

    #[test]
    fn new_versions_are_locked_as_asked_or_by_default() {
        let default = Usual { mode: Mode::Governance, length: Length::Days(2) };
        let bucket = BucketLock { default: Some(default) };
        let plain = of_new(Asked::default(), Some(&bucket), NOW).unwrap();
        assert_eq!(plain.retention.unwrap().until, NOW + 2 * DAY_MS);
        assert_eq!(of_new(Asked::default(), None, NOW).unwrap(), Lock::default());
        let asked = Asked { mode: Some("COMPLIANCE"), until: at(NOW + 5_000), legal_hold: Some("ON") };
        let own = of_new(asked, Some(&bucket), NOW).unwrap();
        assert_eq!(own.retention, Some(Retention { mode: Mode::Compliance, until: NOW + 5_000 }));
        for (asked, code) in [
            (Asked { until: None, ..asked }, "InvalidArgument"),
            (Asked { until: at(NOW), ..asked }, "InvalidArgument"),
            (Asked { mode: Some("x"), ..asked }, "InvalidArgument"),
            (Asked { legal_hold: Some("x"), ..asked }, "InvalidArgument"),
        ] {
            assert_eq!(of_new(asked, Some(&bucket), NOW).unwrap_err().code(), code);
        }
        assert_eq!(of_new(asked, None, NOW).unwrap_err().code(), "InvalidRequest");
    }

    #[test]
    fn who_may_remove_and_change_what() {
        let of = |mode| Lock { retention: Some(Retention { mode, until: NOW + 10 }), legal_hold: None };
        let (soft, hard) = (of(Mode::Governance), of(Mode::Compliance));
        assert!(soft.keeps(false, NOW) && !soft.keeps(true, NOW) && !soft.keeps(false, NOW + 10));
        assert!(hard.keeps(true, NOW));
        let held = Lock { legal_hold: Some(true), ..Lock::default() };
        assert!(held.keeps(true, NOW + 1_000));
        let new = |mode, more| Some(Retention { mode, until: NOW + more });
        assert!(soft.check_change(new(Mode::Governance, 20), false, NOW).is_ok());
        assert!(soft.check_change(new(Mode::Governance, 5), false, NOW).is_err());
        assert!(soft.check_change(new(Mode::Compliance, 20), false, NOW).is_err());
        assert!(soft.check_change(None, true, NOW).is_ok());
        assert!(hard.check_change(new(Mode::Compliance, 20), false, NOW).is_ok());
        assert!(hard.check_change(new(Mode::Governance, 20), true, NOW).is_err());
        assert!(hard.check_change(None, true, NOW + 10).is_ok());
    }

    #[test]
    fn configurations_of_buckets() {
        let of = |mode: &str, days, years| ObjectLockConfiguration {
            object_lock_enabled: Some("Enabled".to_owned()),
            rule: Some(ObjectLockRule {
                default_retention: Some(DefaultRetention { mode: Some(mode.to_owned()), days, years }),
            }),
        };
        let good = read_configuration(Some(of("GOVERNANCE", None, Some(1)))).unwrap();
        assert_eq!(read_configuration(Some(good.shown())).unwrap(), good);
        for (bad, code) in [
            (of("GOVERNANCE", Some(1), Some(1)), "MalformedXML"),
            (of("x", Some(1), None), "MalformedXML"),
            (of("GOVERNANCE", Some(0), None), "InvalidArgument"),
            (of("GOVERNANCE", Some(36_501), None), "InvalidArgument"),
            (ObjectLockConfiguration::default(), "MalformedXML"),
        ] {
            assert_eq!(read_configuration(Some(bad)).unwrap_err().code(), code);
        }
    }
}
