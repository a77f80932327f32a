//! Multi-region keys: one key with copies, one of which is the primary.

use api_kms::{MultiRegionConfiguration, MultiRegionKey};
use kernel::{Region, Scope};

use super::reference::key_arn;
use crate::state::key::Key;

/// What DescribeKey shows of the family; `None` for keys of one region.
pub fn configuration(scope: &Scope, key: &Key) -> Option<MultiRegionConfiguration> {
    let primary = key.primary?;
    let member = |region: Region| MultiRegionKey {
        arn: Some(key_arn(&Scope { region, ..*scope }, &key.id)),
        region: Some(region.to_string()),
    };
    Some(MultiRegionConfiguration {
        multi_region_key_type: Some(if primary == scope.region { "PRIMARY" } else { "REPLICA" }.to_owned()),
        primary_key: Some(member(primary)),
        replica_keys: Some(key.replicas.iter().copied().map(member).collect()),
    })
}
