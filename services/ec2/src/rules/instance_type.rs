//! The instance types: what EC2 sells under each name, read from `data/instance-types.csv`.

use std::sync::LazyLock;

use kernel::Result;
use price::Dollars;

use crate::errors;

/// One type. Facts of AWS's list of instance types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    pub name: &'static str,
    pub vcpus: u32,
    pub cores: u32,
    pub memory_mib: u64,
    pub architecture: &'static str,
    pub hypervisor: &'static str,
    pub network: &'static str,
    pub interfaces: u32,
    pub addresses_per_interface: u32,
    /// Disks of the host that come with it.
    pub disks: Option<Disks>,
    pub accelerators: Option<Accelerators>,
    /// On demand, an hour.
    pub price: Dollars,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disks {
    pub count: u32,
    pub size_gb: u32,
    pub kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accelerators {
    pub count: u32,
    pub manufacturer: &'static str,
    pub name: &'static str,
    pub memory_mib: u32,
}

impl InstanceType {
    pub fn is_burstable(&self) -> bool {
        self.name.starts_with('t')
    }
    pub fn memory_bytes(&self) -> u64 {
        self.memory_mib << 20
    }
    /// `t3` of `t3.micro`.
    pub fn family(&self) -> &'static str {
        self.name.split('.').next().unwrap_or_default()
    }
    /// How much of a family it is, in quarters of AWS's normalization factor: four of `nano` are one `small`.
    pub fn quarters(&self) -> u64 {
        match self.name.split('.').nth(1).unwrap_or_default() {
            "nano" => 1,
            "micro" => 2,
            "small" => 4,
            "medium" => 8,
            "large" => 16,
            size => 32 * size.strip_suffix("xlarge").and_then(|times| times.parse().ok()).unwrap_or(1),
        }
    }
    pub fn threads_per_core(&self) -> u32 {
        self.vcpus / self.cores.max(1)
    }
}

static ALL: LazyLock<Vec<InstanceType>> = LazyLock::new(|| {
    let lines = include_str!("../../data/instance-types.csv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| parse(line).unwrap_or_else(|| panic!("instance-types.csv: {line}"))).collect()
});

/// Every type, in the order of their names.
pub fn all() -> &'static [InstanceType] {
    &ALL
}

/// # Errors
/// `AttachmentLimitExceeded` for more interfaces than instances of the type have.
pub fn check_interfaces(of: &InstanceType, count: usize) -> Result<()> {
    let fits = u32::try_from(count).is_ok_and(|count| count <= of.interfaces);
    if fits { Ok(()) } else { Err(errors::interfaces_too_many(count, of.name)) }
}

pub fn find(name: &str) -> Option<&'static InstanceType> {
    all().iter().find(|t| t.name == name)
}

fn parse(line: &'static str) -> Option<InstanceType> {
    let fields: Vec<&'static str> = line.split(',').collect();
    let [
        name,
        vcpus,
        cores,
        memory,
        architecture,
        hypervisor,
        network,
        interfaces,
        addresses,
        disks,
        accelerators,
    ] = fields.as_slice()
    else {
        return None;
    };
    Some(InstanceType {
        name,
        vcpus: vcpus.parse().ok()?,
        cores: cores.parse().ok()?,
        memory_mib: memory.parse().ok()?,
        architecture,
        hypervisor,
        network,
        interfaces: interfaces.parse().ok()?,
        addresses_per_interface: addresses.parse().ok()?,
        disks: if disks.is_empty() { None } else { Some(parse_disks(disks)?) },
        accelerators: if accelerators.is_empty() { None } else { Some(parse_accelerators(accelerators)?) },
        price: price::on_demand(name)?,
    })
}

fn parse_disks(text: &'static str) -> Option<Disks> {
    let (count, rest) = text.split_once('x')?;
    let (size, kind) = rest.split_once(':')?;
    Some(Disks { count: count.parse().ok()?, size_gb: size.parse().ok()?, kind })
}

fn parse_accelerators(text: &'static str) -> Option<Accelerators> {
    let (count, rest) = text.split_once('x')?;
    let (what, memory) = rest.split_once(':')?;
    let (manufacturer, name) = what.split_once(' ')?;
    Some(Accelerators { count: count.parse().ok()?, manufacturer, name, memory_mib: memory.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_reads_and_names_each_type_once() {
        let types = all();
        assert!(types.windows(2).all(|pair| pair[0].name < pair[1].name));
        for family in ["t3.micro", "c5.large", "r5.large", "g4dn.xlarge", "i3.large"] {
            assert!(find(family).is_some(), "{family}");
        }
        let micro = find("t3.micro").unwrap();
        assert_eq!((micro.vcpus, micro.memory_mib), (2, 1_024));
        assert_eq!((micro.price, micro.quarters(), micro.family()), (Dollars::millionths(10_400), 2, "t3"));
        assert_eq!(find("m5.24xlarge").unwrap().quarters(), 768);
        assert!(types.iter().all(|t| t.price > Dollars::default()));
        assert!(types.iter().all(|t| t.vcpus % t.cores == 0));
    }
}
