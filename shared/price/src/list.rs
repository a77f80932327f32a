//! The list of what is sold: machines by name with their price on demand, and the regions.

use std::sync::LazyLock;

use crate::Dollars;

/// `name,short,opt-in`: the regions (AWS account management reference, "AWS Regions"). Prices are the same in all.
pub const REGIONS: &str = include_str!("../data/regions.csv");

/// A machine that can be had by the hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// `t3.micro`
    pub name: &'static str,
    /// On demand, an hour.
    pub price: Dollars,
}

impl Machine {
    /// `t3` of `t3.micro`.
    pub fn family(&self) -> &'static str {
        family(self.name)
    }
}

pub fn family(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

static ALL: LazyLock<Vec<Machine>> = LazyLock::new(|| {
    let lines = include_str!("../data/machines.csv").lines().filter(|line| !line.starts_with('#'));
    let read = |line: &'static str| {
        let (name, price) = line.split_once(',')?;
        Some(Machine { name, price: Dollars::parse(price)? })
    };
    lines.map(|line| read(line).unwrap_or_else(|| panic!("machines.csv: {line}"))).collect()
});

/// Every machine, in the order of their names.
pub fn machines() -> &'static [Machine] {
    &ALL
}

pub fn find(name: &str) -> Option<&'static Machine> {
    ALL.binary_search_by(|machine| machine.name.cmp(name)).ok().and_then(|at| ALL.get(at))
}

/// What an hour of a machine costs on demand.
pub fn on_demand(name: &str) -> Option<Dollars> {
    find(name).map(|machine| machine.price)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_reads_and_names_each_machine_once() {
        assert!(machines().windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(machines().iter().all(|machine| machine.price > Dollars::default()));
        assert_eq!(on_demand("t3.micro"), Some(Dollars::millionths(10_400)));
        assert_eq!(find("t3.micro").unwrap().family(), "t3");
        assert_eq!(on_demand("t3"), None);
        assert!(REGIONS.lines().any(|line| line.starts_with("us-east-1,")));
    }
}
