//! What runs under a plan costs: the rates of an offering, machine by machine and region by region.

use kernel::Partition;
use price::{Dollars, Machine, machines, planned};

use super::offering::{FAMILIES, Kind, Offering, regions};

/// What all of it is (Linux, on shared hosts), as bills name it.
pub const PRODUCT_TYPE: &str = "EC2";
pub const SERVICE_CODE: &str = "AmazonEC2";
pub const OPERATION: &str = "RunInstances";
pub const UNIT: &str = "Hrs";
pub const PRODUCT: &str = "Linux/UNIX";
pub const TENANCY: &str = "shared";

/// The rate of a machine in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate<'a> {
    pub offering: &'a Offering,
    pub machine: &'static Machine,
    pub region: &'a str,
}

impl<'a> Rate<'a> {
    /// An hour's.
    pub fn amount(&self) -> Dollars {
        let Offering { kind, term, payment, .. } = self.offering;
        planned(self.machine.price, kind.spread().class(), *term, *payment)
    }

    /// As usage lines name it.
    pub fn usage_type(&self) -> String {
        format!("BoxUsage:{}", self.machine.name)
    }

    /// What filters and answers name of it.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        Some(match name {
            "region" => self.region,
            "instanceFamily" => self.machine.family(),
            "instanceType" => self.machine.name,
            "productDescription" => PRODUCT,
            "tenancy" => TENANCY,
            "productType" => PRODUCT_TYPE,
            "serviceCode" => SERVICE_CODE,
            "operation" => OPERATION,
            _ => return None,
        })
    }
}

/// Every rate of an offering: of all machines in all regions, or of its own.
pub fn rates<'a>(offering: &'a Offering, partition: Partition) -> Box<dyn Iterator<Item = Rate<'a>> + 'a> {
    match &offering.kind {
        Kind::Compute => Box::new(regions(partition).flat_map(move |region| {
            machines().iter().map(move |machine| Rate { offering, machine, region })
        })),
        Kind::Ec2Instance { family, region } => {
            let own = FAMILIES.get(family.as_str()).into_iter().flatten();
            Box::new(own.map(move |machine| Rate { offering, machine, region }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::offering::all;

    #[test]
    fn rates_are_those_of_reservations() {
        let offerings = all(Partition::Aws);
        let rate = |at: usize| rates(&offerings[at], Partition::Aws);
        let micro = rate(0).find(|one| one.machine.name == "t3.micro" && one.region == "us-east-1").unwrap();
        assert_eq!(micro.amount(), Dollars::millionths(7_488), "72 % of 0.0104");
        assert_eq!(rate(0).count(), machines().len() * regions(Partition::Aws).count());
        let family = offerings.iter().find(|one| one.kind.family() == Some("t3")).unwrap();
        let own: Vec<_> = rates(family, Partition::Aws).collect();
        assert!(
            own.iter().all(|one| one.machine.family() == "t3" && Some(one.region) == family.kind.region())
        );
        let micro = own.iter().find(|one| one.machine.name == "t3.micro").unwrap();
        assert_eq!(
            (micro.amount(), micro.usage_type()),
            (Dollars::millionths(6_552), "BoxUsage:t3.micro".into())
        );
    }
}
