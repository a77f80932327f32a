//! How much may be retrieved (Glacier developer guide, "Data Retrieval Policies"), and what capacity is bought.

use api_glacier::{DataRetrievalPolicy, DataRetrievalRule};
use kernel::{Millis, Result};
use serde::{Deserialize, Serialize};

use super::time::DAY_MS;
use crate::errors;

/// Bytes a day that cost nothing: the month's ten gigabytes, thirtieth by thirtieth.
pub const FREE_BYTES_PER_DAY: u64 = (10 << 30) / 30;
/// How long a unit of capacity lasts: a month of the longest kind.
pub const CAPACITY_LASTS_MS: Millis = 31 * DAY_MS;
/// Units of an account in a region.
pub const CAPACITY_UNITS_MAX: usize = 2;

/// Limits standard retrievals, and no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    #[default]
    None,
    FreeTier,
    BytesPerHour(u64),
}

/// A unit of capacity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Capacity {
    pub id: String,
    pub from: Millis,
    pub until: Millis,
}

/// # Errors
/// *MissingParameterValueException*, *InvalidParameterValueException*.
pub fn read(given: Option<DataRetrievalPolicy>) -> Result<Limit> {
    let rules = given.ok_or_else(|| errors::missing("Policy"))?.rules;
    let rules = rules.ok_or_else(|| errors::missing("Rules"))?;
    let [rule] = rules.as_slice() else {
        return Err(errors::invalid("A data retrieval policy has exactly one rule"));
    };
    let bytes = rule.bytes_per_hour;
    match (rule.strategy.as_deref(), bytes) {
        (None, _) => Err(errors::missing("Strategy")),
        (Some("None"), None) => Ok(Limit::None),
        (Some("FreeTier"), None) => Ok(Limit::FreeTier),
        (Some("BytesPerHour"), Some(bytes)) => {
            let bytes = u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
            bytes.map(Limit::BytesPerHour).ok_or_else(|| errors::invalid("Invalid BytesPerHour"))
        }
        (Some("BytesPerHour"), None) => Err(errors::missing("BytesPerHour")),
        (Some("None" | "FreeTier"), Some(_)) => {
            Err(errors::invalid("BytesPerHour is for the strategy BytesPerHour only"))
        }
        (Some(other), _) => Err(errors::invalid(format!("Invalid strategy: {other}"))),
    }
}

pub fn shown(limit: Limit) -> DataRetrievalPolicy {
    let (strategy, bytes) = match limit {
        Limit::None => ("None", None),
        Limit::FreeTier => ("FreeTier", None),
        Limit::BytesPerHour(bytes) => ("BytesPerHour", i64::try_from(bytes).ok()),
    };
    let rule = DataRetrievalRule { strategy: Some(strategy.to_owned()), bytes_per_hour: bytes };
    DataRetrievalPolicy { rules: Some(vec![rule]) }
}

/// Whether `bytes` more may be asked for, after those of this hour and of this day (UTC).
///
/// # Errors
/// *PolicyEnforcedException*.
pub fn check(limit: Limit, bytes: u64, this_hour: u64, this_day: u64) -> Result<()> {
    let fits = match limit {
        Limit::None => true,
        Limit::FreeTier => this_day.saturating_add(bytes) <= FREE_BYTES_PER_DAY,
        Limit::BytesPerHour(most) => this_hour.saturating_add(bytes) <= most,
    };
    if fits { Ok(()) } else { Err(errors::policy_enforced()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(strategy: &str, bytes_per_hour: Option<i64>) -> Result<Limit> {
        let rule = DataRetrievalRule { strategy: Some(strategy.to_owned()), bytes_per_hour };
        read(Some(DataRetrievalPolicy { rules: Some(vec![rule]) }))
    }

    #[test]
    fn policies_are_read_and_shown() {
        for limit in [Limit::None, Limit::FreeTier, Limit::BytesPerHour(7)] {
            assert_eq!(read(Some(shown(limit))).unwrap(), limit);
        }
        for bad in
            [of("BytesPerHour", None), of("BytesPerHour", Some(0)), of("None", Some(1)), of("Some", None)]
        {
            assert!(bad.is_err(), "{bad:?}");
        }
        assert!(read(None).is_err() && read(Some(DataRetrievalPolicy { rules: Some(vec![]) })).is_err());
    }

    #[test]
    fn policies_are_enforced() {
        assert!(check(Limit::None, u64::MAX, 1, 1).is_ok());
        assert!(check(Limit::BytesPerHour(10), 5, 5, 1_000).is_ok());
        assert_eq!(check(Limit::BytesPerHour(10), 6, 5, 0).unwrap_err().code(), "PolicyEnforcedException");
        assert!(check(Limit::FreeTier, FREE_BYTES_PER_DAY, 0, 0).is_ok());
        assert!(check(Limit::FreeTier, 1, 0, FREE_BYTES_PER_DAY).is_err());
    }
}
