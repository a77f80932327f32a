//! The stored fleet: what it shall have, and which instances it has made.

use std::collections::BTreeSet;

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::InstanceId;
use crate::rules::fleet::{Kind, Pool, Target};
use crate::rules::launch_template::Data;
use crate::state::spot::Behavior;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    /// `fleet-` and a UUID.
    pub id: String,
    pub kind: Kind,
    pub client_token: Option<String>,
    pub created_at: Millis,
    /// In the order they are tried in.
    pub pools: Vec<Pool>,
    pub target: Target,
    pub behavior: Behavior,
    /// As AWS calls the order of the pools: spot, on demand.
    pub strategies: (String, String),
    pub members: Vec<Member>,
    /// It has been tried once; only one that is maintained is tried again.
    pub is_tried: bool,
    /// What the last try could not launch.
    pub faults: Vec<Fault>,
    pub deleted: Option<Deleted>,
    /// So many of its pools are of earlier templates: nothing is launched in them any more.
    #[serde(default)]
    pub retired_pools: usize,
    /// What is beyond a target that was lowered stays.
    #[serde(default)]
    pub keeps_excess: bool,
    /// It was asked for as a spot fleet.
    #[serde(default)]
    pub spot_fleet: Option<SpotFleet>,
}

/// What only spot fleets have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpotFleet {
    /// The request's own words.
    pub config: Data,
    /// The latest last.
    pub history: Vec<Entry>,
}

/// Something that happened to a spot fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Millis,
    /// `fleetRequestChange`, `instanceChange` or `error`.
    pub kind: String,
    pub sub: String,
    pub instance: Option<InstanceId>,
    pub description: Option<String>,
}

/// Of one fleet; older ones are forgotten.
const HISTORY_MAX: usize = 1_000;

impl Entry {
    pub fn of_fleet(at: Millis, sub: &str) -> Self {
        let kind = "fleetRequestChange".to_owned();
        Self { at, kind, sub: sub.to_owned(), instance: None, description: None }
    }

    pub fn of_instance(at: Millis, sub: &str, instance: &InstanceId) -> Self {
        let kind = "instanceChange".to_owned();
        Self { at, kind, sub: sub.to_owned(), instance: Some(instance.clone()), description: None }
    }

    pub fn of_fault(at: Millis, fault: &Fault) -> Self {
        let description = Some(fault.message.clone());
        Self { at, kind: "error".to_owned(), sub: fault.code.clone(), instance: None, description }
    }
}

impl Fleet {
    /// What its instances, and itself, bear tags under.
    pub fn tagged(&self) -> &'static str {
        if self.spot_fleet.is_some() { SPOT_TAGGED } else { TAGGED }
    }

    /// Adds to the history, if it has one.
    pub fn note(&mut self, entry: Entry) {
        let Some(of) = &mut self.spot_fleet else { return };
        of.history.push(entry);
        let old = of.history.len().saturating_sub(HISTORY_MAX);
        of.history.drain(..old);
    }

    /// Launches in these pools from now on. Of earlier ones those stay that have instances.
    pub fn replace_pools(&mut self, pools: &[Pool]) {
        let used: BTreeSet<usize> = self.members.iter().map(|member| member.pool).collect();
        for member in &mut self.members {
            member.pool = used.range(..member.pool).count();
        }
        let kept = self.pools.drain(..).enumerate().filter(|(at, _)| used.contains(at));
        self.pools = kept.map(|(_, pool)| pool).collect();
        self.faults.clear();
        self.retired_pools = self.pools.len();
        self.pools.extend_from_slice(pools);
    }

    /// Where a pool is among all; one that was replaced while an instance was launched in it is put back among the earlier ones.
    pub fn place_of(&mut self, pool: &Pool) -> usize {
        if let Some(at) = self.pools.iter().position(|known| known == pool) {
            return at;
        }
        let at = self.retired_pools.min(self.pools.len());
        self.members.iter_mut().filter(|member| member.pool >= at).for_each(|member| member.pool += 1);
        self.pools.insert(at, pool.clone());
        self.retired_pools += 1;
        at
    }
}

/// An instance it has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub instance: InstanceId,
    /// Of [`Fleet::pools`].
    pub pool: usize,
    pub is_spot: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub pool: usize,
    pub is_spot: bool,
    pub code: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    pub at: Millis,
    /// With its instances.
    pub terminates: bool,
}

static FLEETS: Table<Fleet> = Table::new("ec2/fleet");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Fleet>> {
    FLEETS.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Fleet>> {
    FLEETS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Fleet)>> {
    FLEETS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, fleet: &Fleet) -> Result<()> {
    FLEETS.put(tx, scope, fleet.id.as_str(), fleet)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    for kind in [TAGGED, SPOT_TAGGED] {
        super::tag::put_resource(tx, scope, kind, id, super::tag::Tags::new())?;
    }
    FLEETS.delete(tx, scope, id)
}

/// AWS's names of the types in tags.
pub const TAGGED: &str = "fleet";
pub const SPOT_TAGGED: &str = "spot-fleet-request";

#[cfg(test)]
mod tests {
    use kernel::ids::{Ids, SystemIds};

    use super::*;

    fn pool(weight: u32) -> Pool {
        let none = Data::default();
        Pool {
            config: 0,
            template: none.clone(),
            overrides: none.clone(),
            launch: none,
            max_price: None,
            weight,
            priority: None,
        }
    }

    fn fleet(pools: &[u32], members: &[usize]) -> Fleet {
        let member = |pool: &usize| Member {
            instance: InstanceId::fresh(Ids(&SystemIds)),
            pool: *pool,
            is_spot: false,
        };
        Fleet {
            id: "fleet-1".to_owned(),
            kind: Kind::Maintain,
            client_token: None,
            created_at: 0,
            pools: pools.iter().copied().map(pool).collect(),
            target: Target { on_demand: 1, spot: 0, default_is_spot: false },
            behavior: Behavior::default(),
            strategies: Default::default(),
            members: members.iter().map(member).collect(),
            is_tried: true,
            faults: Vec::new(),
            deleted: None,
            retired_pools: 0,
            keeps_excess: false,
            spot_fleet: None,
        }
    }

    fn seen(fleet: &Fleet) -> (Vec<u32>, Vec<usize>, usize) {
        let weights = fleet.pools.iter().map(|pool| pool.weight).collect();
        (weights, fleet.members.iter().map(|member| member.pool).collect(), fleet.retired_pools)
    }

    #[test]
    fn of_replaced_pools_only_those_with_instances_stay() {
        let mut one = fleet(&[1, 2, 3], &[1, 1]);
        one.replace_pools(&[pool(4)]);
        assert_eq!(seen(&one), (vec![2, 4], vec![0, 0], 1));
        for weight in 5..100 {
            one.replace_pools(&[pool(weight)]);
        }
        assert_eq!(seen(&one), (vec![2, 99], vec![0, 0], 1), "it does not grow");
        let mut one = fleet(&[1, 2, 3], &[2, 0]);
        one.replace_pools(&[pool(4), pool(5)]);
        assert_eq!(seen(&one), (vec![1, 3, 4, 5], vec![1, 0], 2));
    }

    #[test]
    fn an_instance_of_a_pool_that_was_replaced_meanwhile_keeps_it() {
        let mut one = fleet(&[1], &[0]);
        one.replace_pools(&[pool(4)]);
        one.members.push(Member { pool: 1, ..one.members[0].clone() });
        assert_eq!(one.place_of(&pool(4)), 1);
        assert_eq!(one.place_of(&pool(2)), 1);
        assert_eq!(seen(&one), (vec![1, 2, 4], vec![0, 2], 2));
    }
}
