//! Quotas of a region that are counted: so many of a kind there may be, and then no more.

use kernel::{Error, Result};

use crate::errors;

/// How many there may be, and what is said of one more.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    pub most: usize,
    refusal: fn() -> Error,
}

pub const KEY_PAIRS: Quota = Quota { most: 5_000, refusal: errors::key_pair_limit };
pub const LAUNCH_TEMPLATES: Quota = Quota { most: 5_000, refusal: errors::template_limit };
/// Of one template.
pub const LAUNCH_TEMPLATE_VERSIONS: Quota = Quota { most: 10_000, refusal: errors::template_version_limit };
pub const NETWORK_INTERFACES: Quota = Quota { most: 5_000, refusal: errors::interface_limit };
pub const SECURITY_GROUPS: Quota = Quota { most: 2_500, refusal: errors::group_limit };
pub const SNAPSHOTS: Quota = Quota { most: 100_000, refusal: errors::snapshot_limit };
/// Those that are active.
pub const SPOT_FLEETS: Quota = Quota { most: 1_000, refusal: errors::spot_fleet_limit };

impl Quota {
    /// Whether there may be one more than `count`.
    ///
    /// # Errors
    /// The quota's own.
    pub fn check(self, count: usize) -> Result<()> {
        if count < self.most { Ok(()) } else { Err((self.refusal)()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_fits_is_made_and_the_next_is_refused() {
        for (quota, most, code) in [
            (KEY_PAIRS, 5_000, "KeyPairLimitExceeded"),
            (LAUNCH_TEMPLATES, 5_000, "MaxTemplateLimitExceeded"),
            (LAUNCH_TEMPLATE_VERSIONS, 10_000, "MaxTemplateVersionLimitExceeded"),
            (NETWORK_INTERFACES, 5_000, "NetworkInterfaceLimitExceeded"),
            (SECURITY_GROUPS, 2_500, "SecurityGroupLimitExceeded"),
            (SNAPSHOTS, 100_000, "SnapshotLimitExceeded"),
            (SPOT_FLEETS, 1_000, "MaxSpotFleetRequestCountExceeded"),
        ] {
            assert!(quota.check(most - 1).is_ok(), "{code}");
            assert_eq!(quota.check(most).unwrap_err().code(), code);
        }
    }
}
