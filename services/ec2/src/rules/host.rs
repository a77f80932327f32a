//! Dedicated hosts and tenancy: which processors are set apart for whom, and which instances may come to a host.

use kernel::clock::Millis;
use kernel::meter::Usage;
use serde::{Deserialize, Serialize};

use super::instance_type::{self, InstanceType};
use crate::state::host::{Host, SetApart};
use crate::state::instance::{Instance, Tenancy};

/// What a host takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suits {
    Type(String),
    Family(String),
}

impl Suits {
    pub fn fits(&self, size: &InstanceType) -> bool {
        match self {
            Suits::Type(name) => name == size.name,
            Suits::Family(family) => family == size.family(),
        }
    }

    pub fn family(&self) -> &str {
        match self {
            Suits::Type(name) => name.split('.').next().unwrap_or_default(),
            Suits::Family(family) => family,
        }
    }

    /// The type whose processors a host gets: of a family the smallest.
    pub fn size(&self) -> Option<&'static InstanceType> {
        match self {
            Suits::Type(name) => instance_type::find(name),
            Suits::Family(family) => {
                let of_family = instance_type::all().iter().filter(|size| size.family() == family);
                of_family.min_by_key(|size| (size.vcpus, size.memory_mib))
            }
        }
    }
}

/// `count` processors for `owner`, those it has among them. At least one stays for everybody else. `None` when there
/// are not so many.
pub fn choose(owner: &str, count: u32, total: u32, apart: &[SetApart]) -> Option<Vec<u32>> {
    let others: Vec<u32> =
        apart.iter().filter(|one| one.owner != owner).flat_map(|one| one.cores.clone()).collect();
    let own = apart.iter().find(|one| one.owner == owner).map(|one| one.cores.clone()).unwrap_or_default();
    let free = (0..total).rev().filter(|core| !others.contains(core) && !own.contains(core));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let chosen: Vec<u32> = own.iter().copied().chain(free).take(count).collect();
    let left = usize::try_from(total).unwrap_or(usize::MAX).checked_sub(others.len() + chosen.len())?;
    (chosen.len() == count && left > 0).then_some(chosen)
}

/// Who owns the processors an instance runs on; `None` is everybody.
pub fn owner(instance: &Instance, account: &str) -> Option<String> {
    match (instance.place.tenancy, &instance.place.host) {
        (Tenancy::Default, _) => None,
        (Tenancy::Dedicated, _) => Some(account.to_owned()),
        (Tenancy::Host, host) => host.as_ref().map(ToString::to_string),
    }
}

/// The processors an instance may run on; empty where nothing is set apart and all are one.
pub fn processors(owner: Option<&str>, total: u32, apart: &[SetApart]) -> Vec<u32> {
    if apart.is_empty() {
        return Vec::new();
    }
    match owner.and_then(|owner| apart.iter().find(|one| one.owner == owner)) {
        Some(own) => own.cores.clone(),
        None => (0..total).filter(|core| !apart.iter().any(|one| one.cores.contains(core))).collect(),
    }
}

/// How many more of a type a host holds beside `held` bytes.
pub fn fitting(host: &Host, size: &InstanceType, held: u64) -> u64 {
    let has_processors = u64::from(size.vcpus) <= u64::try_from(host.cores.len()).unwrap_or(0);
    if host.released_at.is_some() || !host.suits.fits(size) || !has_processors {
        return 0;
    }
    host.memory_bytes.saturating_sub(held) / size.memory_bytes().max(1)
}

/// A host is paid for as long as it is allocated, whatever runs on it.
pub fn usage(host: &Host, now: Millis) -> Usage {
    let end_at = host.released_at.unwrap_or(now);
    Usage {
        service: "ec2".to_owned(),
        usage_type: format!("HostUsage:{}", host.suits.family()),
        resource: host.id.to_string(),
        start_at: host.allocated_at,
        end_at,
        quantity: u64::try_from((end_at - host.allocated_at) / 1_000).unwrap_or(0),
        unit: "Seconds".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::id::{HostId, Id};

    fn apart(owner: &str, cores: &[u32]) -> SetApart {
        SetApart { owner: owner.to_owned(), cores: cores.to_vec() }
    }

    #[test]
    fn processors_are_set_apart_while_one_stays_for_all() {
        assert_eq!(choose("a", 1, 2, &[]), Some(vec![1]));
        assert_eq!(choose("a", 2, 2, &[]), None);
        let taken = [apart("a", &[3]), apart("b", &[2])];
        assert_eq!(choose("c", 1, 4, &taken), Some(vec![1]));
        assert_eq!(choose("c", 2, 4, &taken), None);
        assert_eq!(choose("a", 2, 4, &taken), Some(vec![3, 1]), "what it has, and more");
        assert_eq!(choose("a", 1, 4, &taken), Some(vec![3]));
        assert_eq!(choose("a", 0, 4, &taken), Some(vec![]));
    }

    #[test]
    fn who_owns_none_runs_on_the_rest() {
        let taken = [apart("a", &[3]), apart("b", &[2])];
        assert_eq!(processors(None, 4, &taken), [0, 1]);
        assert_eq!(processors(Some("b"), 4, &taken), [2]);
        assert_eq!(processors(Some("c"), 4, &taken), [0, 1]);
        assert_eq!(processors(None, 4, &[]), [] as [u32; 0]);
    }

    #[test]
    fn a_host_takes_what_suits_it_as_long_as_there_is_memory() {
        let micro = instance_type::find("t2.micro").unwrap();
        let mut host = Host {
            id: HostId::parse("h-12345678").unwrap(),
            zone: "us-east-1a".to_owned(),
            suits: Suits::Type("t2.micro".to_owned()),
            auto_placement: true,
            client_token: None,
            cores: vec![1],
            memory_bytes: 3 * micro.memory_bytes(),
            allocated_at: 0,
            released_at: None,
        };
        assert_eq!(fitting(&host, micro, micro.memory_bytes()), 2);
        assert_eq!(fitting(&host, instance_type::find("t2.small").unwrap(), 0), 0);
        host.suits = Suits::Family("t2".to_owned());
        assert_eq!(host.suits.size().map(|size| size.name), Some("t2.nano"));
        assert_eq!(fitting(&host, instance_type::find("t2.small").unwrap(), 0), 1);
        assert_eq!(fitting(&host, instance_type::find("t2.medium").unwrap(), 0), 0, "two processors");
        assert_eq!(usage(&host, 9_000).quantity, 9);
        host.released_at = Some(5_000);
        assert_eq!((fitting(&host, micro, 0), usage(&host, 9_000).quantity), (0, 5));
    }
}
