//! Where instances may be beside which others: placement groups, on the one host there is, and tenancy.

use api_ec2 as api;
use kernel::Result;
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::state::id::{HostId, Id, InstanceId, PlacementGroupId};
use crate::state::instance::Tenancy;

/// How a group places its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// Close together.
    Cluster,
    /// Each on hardware of its own.
    Spread,
    /// Each partition on hardware of its own.
    Partition { count: u32 },
}

impl Strategy {
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Cluster => "cluster",
            Strategy::Spread => "spread",
            Strategy::Partition { .. } => "partition",
        }
    }
}

/// Partitions of a group (EC2 user guide, "Partition placement groups").
const PARTITIONS_MAX: i32 = 7;
/// Groups of a region (EC2 user guide, "Placement group rules").
pub const GROUPS_MAX: usize = 500;
const PARTITIONS_DEFAULT: i32 = 2;
const NAME_CHARS_MAX: usize = 255;

/// A new group's name and strategy.
///
/// # Errors
/// For values AWS refuses.
pub fn check_group(input: &api::CreatePlacementGroupRequest) -> Result<(String, Strategy)> {
    let name = input.group_name.clone().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| errors::missing("GroupName"))?;
    if name.len() > NAME_CHARS_MAX || !name.is_ascii() {
        return Err(errors::invalid_value(name, "groupName"));
    }
    let strategy = match (input.strategy.as_deref(), input.partition_count) {
        (None | Some("cluster"), None) => Strategy::Cluster,
        (Some("spread"), None) => Strategy::Spread,
        (Some("partition"), count) => match count.unwrap_or(PARTITIONS_DEFAULT) {
            count @ 1..=PARTITIONS_MAX => Strategy::Partition { count: u32::try_from(count).unwrap_or(1) },
            count => return Err(errors::invalid_value(count, "partitionCount")),
        },
        (_, Some(_)) => {
            return Err(errors::combination("PartitionCount is only for the partition strategy."));
        }
        (Some(other), _) => return Err(errors::invalid_value(other, "strategy")),
    };
    match (input.spread_level.as_deref(), strategy) {
        (None, _) | (Some("rack"), Strategy::Spread) => Ok((name, strategy)),
        (Some("host"), _) => Err(errors::unsupported("The spread level host, which is of Outposts,")),
        (Some(other), _) => Err(errors::invalid_value(other, "spreadLevel")),
    }
}

/// A group as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupName {
    Name(String),
    Id(PlacementGroupId),
}

/// # Errors
/// When both are given, or the id cannot be one.
pub fn check_group_name(name: Option<String>, id: Option<String>) -> Result<Option<GroupName>> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    match (given(name), given(id)) {
        (None, None) => Ok(None),
        (Some(name), None) => Ok(Some(GroupName::Name(name))),
        (None, Some(id)) => match PlacementGroupId::parse(&id) {
            Some(id) => Ok(Some(GroupName::Id(id))),
            None => Err(errors::malformed::<PlacementGroupId>("InvalidPlacementGroupId.Malformed", &id)),
        },
        (Some(_), Some(_)) => Err(errors::combination("GroupName and GroupId cannot be given together.")),
    }
}

/// Where a launch wants its instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub tenancy: Tenancy,
    pub host: Option<HostId>,
    /// It comes back to the same host after a stop.
    pub affinity: bool,
    pub group: Option<GroupName>,
    pub partition: Option<u32>,
}

/// # Errors
/// For values that are none, and hosts without their tenancy.
pub fn check(given: &api::Placement) -> Result<Wish> {
    let host = given.host_id.as_deref().filter(|id| !id.is_empty()).map(check_host_id).transpose()?;
    let tenancy = check_tenancy(given.tenancy.as_deref())?;
    let affinity = check_affinity(given.affinity.as_deref())?.unwrap_or(host.is_some());
    let tenancy = match (tenancy, &host) {
        (None, Some(_)) => Tenancy::Host,
        (Some(Tenancy::Host) | None, None) => tenancy.unwrap_or_default(),
        (Some(Tenancy::Host), Some(_)) => Tenancy::Host,
        (Some(_), Some(_)) => return Err(errors::combination("A host takes the tenancy host.")),
        (Some(other), None) => other,
    };
    if affinity && tenancy != Tenancy::Host {
        return Err(errors::combination("The affinity host takes the tenancy host."));
    }
    let group = check_group_name(given.group_name.clone(), given.group_id.clone())?;
    let partition = given.partition_number.map(check_partition).transpose()?;
    if partition.is_some() && group.is_none() {
        return Err(errors::combination("PartitionNumber is only for a partition placement group."));
    }
    Ok(Wish { tenancy, host, affinity, group, partition })
}

/// # Errors
/// `InvalidParameterValue`.
pub fn check_partition(number: i32) -> Result<u32> {
    match u32::try_from(number) {
        Ok(number @ 1..) => Ok(number),
        _ => Err(errors::invalid_value(number, "partitionNumber")),
    }
}

/// # Errors
/// `InvalidParameterValue`.
pub fn check_tenancy(given: Option<&str>) -> Result<Option<Tenancy>> {
    Ok(match given {
        None | Some("") => None,
        Some("default") => Some(Tenancy::Default),
        Some("dedicated") => Some(Tenancy::Dedicated),
        Some("host") => Some(Tenancy::Host),
        Some(other) => return Err(errors::invalid_value(other, "tenancy")),
    })
}

/// # Errors
/// `InvalidAffinity`.
pub fn check_affinity(given: Option<&str>) -> Result<Option<bool>> {
    match given {
        None | Some("") => Ok(None),
        Some("default") => Ok(Some(false)),
        Some("host") => Ok(Some(true)),
        Some(other) => Err(errors::affinity_invalid(other)),
    }
}

/// # Errors
/// `InvalidHostId.Malformed`.
pub fn check_host_id(text: &str) -> Result<HostId> {
    HostId::parse(text).ok_or_else(|| errors::malformed::<HostId>("InvalidHostId.Malformed", text))
}

pub fn tenancy(tenancy: Tenancy) -> &'static str {
    match tenancy {
        Tenancy::Default => "default",
        Tenancy::Dedicated => "dedicated",
        Tenancy::Host => "host",
    }
}

/// Whether an instance may change to another tenancy: a `t3` that has hardware of its own keeps to its kind.
///
/// # Errors
/// `InvalidTenancy`.
pub fn check_change(id: &InstanceId, type_name: &str, from: Tenancy, to: Tenancy) -> Result<()> {
    let changes_kind = from != to && from != Tenancy::Default && to != Tenancy::Default;
    match changes_kind && type_name.starts_with("t3.") {
        true => Err(errors::tenancy_fixed(id, tenancy(from), tenancy(to))),
        false => Ok(()),
    }
}

/// A member of a group that runs: its zone and partition.
pub type Member<'a> = (&'a str, Option<u32>);

/// The partition that one more instance of a group comes to. There is one host here: a second instance of a spread
/// group, or of another partition, has no hardware of its own left.
///
/// # Errors
/// `InsufficientInstanceCapacity`; `InvalidParameterValue` for a partition the group does not have.
pub fn join(
    strategy: Strategy,
    wanted: Option<u32>,
    zone: &str,
    members: &[Member<'_>],
) -> Result<Option<u32>> {
    match strategy {
        Strategy::Cluster if members.iter().any(|(other, _)| *other != zone) => {
            Err(errors::invalid_parameter_value("A cluster placement group lies in one Availability Zone."))
        }
        Strategy::Cluster => Ok(None),
        Strategy::Spread if members.is_empty() => Ok(None),
        Strategy::Spread => Err(errors::no_hardware("spread")),
        Strategy::Partition { count } => {
            let used = members.first().and_then(|(_, partition)| *partition);
            let partition = wanted.or(used).unwrap_or(1);
            match used {
                _ if partition > count => Err(errors::invalid_value(partition, "partitionNumber")),
                Some(used) if used != partition => Err(errors::no_hardware("partition")),
                _ => Ok(Some(partition)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_one_piece_of_hardware() {
        let code = |outcome: Result<Option<u32>>| outcome.map_err(|error| error.code());
        let partition = Strategy::Partition { count: 3 };
        for (strategy, wanted, members, expected) in [
            (Strategy::Cluster, None, vec![("a", None)], Ok(None)),
            (Strategy::Cluster, None, vec![("b", None)], Err("InvalidParameterValue")),
            (Strategy::Spread, None, vec![], Ok(None)),
            (Strategy::Spread, None, vec![("b", None)], Err("InsufficientInstanceCapacity")),
            (partition, None, vec![], Ok(Some(1))),
            (partition, Some(3), vec![], Ok(Some(3))),
            (partition, None, vec![("a", Some(2))], Ok(Some(2))),
            (partition, Some(1), vec![("a", Some(2))], Err("InsufficientInstanceCapacity")),
            (partition, Some(4), vec![], Err("InvalidParameterValue")),
        ] {
            assert_eq!(code(join(strategy, wanted, "a", &members)), expected, "{strategy:?} {wanted:?}");
        }
    }

    #[test]
    fn a_t3_on_hardware_of_its_own_keeps_to_its_kind() {
        let id = crate::rules::instance_sample::sample().id;
        let change = |name, from, to| check_change(&id, name, from, to).map_err(|error| error.code());
        assert_eq!(change("t3.nano", Tenancy::Dedicated, Tenancy::Host), Err("InvalidTenancy"));
        assert_eq!(change("t3.nano", Tenancy::Host, Tenancy::Dedicated), Err("InvalidTenancy"));
        assert_eq!(change("t3.nano", Tenancy::Default, Tenancy::Dedicated), Ok(()));
        assert_eq!(change("t2.nano", Tenancy::Host, Tenancy::Dedicated), Ok(()));
        assert_eq!(check_affinity(Some("some")).unwrap_err().code(), "InvalidAffinity");
    }

    #[test]
    fn what_a_placement_may_say() {
        let given = |tenancy: Option<&str>, host: Option<&str>| api::Placement {
            tenancy: tenancy.map(str::to_owned),
            host_id: host.map(str::to_owned),
            ..Default::default()
        };
        assert_eq!(check(&given(None, None)).unwrap(), Wish::default());
        assert_eq!(check(&given(Some("dedicated"), None)).unwrap().tenancy, Tenancy::Dedicated);
        let on_host = check(&given(None, Some("h-12345678"))).unwrap();
        assert_eq!((on_host.tenancy, on_host.affinity), (Tenancy::Host, true));
        assert!(!check(&given(Some("host"), None)).unwrap().affinity);
        for tenancy in [None, Some("default"), Some("dedicated")] {
            let bound = api::Placement { affinity: Some("host".to_owned()), ..given(tenancy, None) };
            assert_eq!(check(&bound).unwrap_err().code(), "InvalidParameterCombination", "{tenancy:?}");
        }
        for (tenancy, host) in
            [(Some("mine"), None), (Some("dedicated"), Some("h-12345678")), (None, Some("x"))]
        {
            assert!(check(&given(tenancy, host)).is_err(), "{tenancy:?} {host:?}");
        }
    }
}
