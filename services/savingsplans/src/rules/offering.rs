//! What is offered: plans for everything that runs, and for a family in a region, in each term and way to pay.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kernel::Partition;
use price::{Machine, Payment, REGIONS, Spread, Term, machines, offering_id};
use serde::{Deserialize, Serialize};

/// Something that can be bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offering {
    pub id: String,
    pub kind: Kind,
    pub term: Term,
    pub payment: Payment,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Compute,
    Ec2Instance { family: String, region: String },
}

impl Kind {
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Compute => "Compute",
            Kind::Ec2Instance { .. } => "EC2Instance",
        }
    }

    pub fn region(&self) -> Option<&str> {
        match self {
            Kind::Compute => None,
            Kind::Ec2Instance { region, .. } => Some(region),
        }
    }

    pub fn family(&self) -> Option<&str> {
        match self {
            Kind::Compute => None,
            Kind::Ec2Instance { family, .. } => Some(family),
        }
    }

    /// Where its commitment may be spent.
    pub fn spread(&self) -> Spread<'_> {
        match self {
            Kind::Compute => Spread::All,
            Kind::Ec2Instance { family, region } => Spread::Family { family, region },
        }
    }
}

impl Offering {
    fn new(kind: Kind, term: Term, payment: Payment) -> Self {
        let place = [kind.region(), kind.family()].map(Option::unwrap_or_default).join(" ");
        let id = offering_id(&format!("{} {place} {term:?} {payment:?}", kind.name()));
        Self { id, kind, term, payment }
    }

    /// `3 year No Upfront Compute Savings Plan`
    pub fn description(&self) -> String {
        let years = self.term.seconds() / Term::OneYear.seconds();
        let what = match &self.kind {
            Kind::Compute => "Compute Savings Plan".to_owned(),
            Kind::Ec2Instance { family, region } => format!("{family} EC2 Instance Savings Plan in {region}"),
        };
        format!("{years} year {} {what}", self.payment.name())
    }

    /// What its usage lines are called: `ComputeSP:1yrNoUpfront`, `EC2SP:t3.1yrNoUpfront`.
    pub fn usage_type(&self) -> String {
        let years = self.term.seconds() / Term::OneYear.seconds();
        let payment = self.payment.name().replace(' ', "");
        match &self.kind {
            Kind::Compute => format!("ComputeSP:{years}yr{payment}"),
            Kind::Ec2Instance { family, .. } => format!("EC2SP:{family}.{years}yr{payment}"),
        }
    }
}

/// The regions of a partition.
pub fn regions(partition: Partition) -> impl Iterator<Item = &'static str> {
    let names = REGIONS.lines().filter_map(|line| line.split(',').next());
    names.filter(move |name| Partition::of_region(name) == partition)
}

/// Machines by their families.
pub static FAMILIES: LazyLock<BTreeMap<&str, Vec<&'static Machine>>> = LazyLock::new(|| {
    let mut families = BTreeMap::<&str, Vec<&'static Machine>>::new();
    machines().iter().for_each(|machine| families.entry(machine.family()).or_default().push(machine));
    families
});

/// Everything that is offered in a partition, made once.
pub fn all(partition: Partition) -> &'static [Offering] {
    static AWS: LazyLock<Vec<Offering>> = LazyLock::new(|| list(Partition::Aws));
    static CN: LazyLock<Vec<Offering>> = LazyLock::new(|| list(Partition::AwsCn));
    static GOV: LazyLock<Vec<Offering>> = LazyLock::new(|| list(Partition::AwsUsGov));
    match partition {
        Partition::Aws => &AWS,
        Partition::AwsCn => &CN,
        Partition::AwsUsGov => &GOV,
    }
}

fn list(partition: Partition) -> Vec<Offering> {
    let of_families = regions(partition).flat_map(|region| {
        let kind = move |family: &&str| Kind::Ec2Instance {
            family: (*family).to_owned(),
            region: region.to_owned(),
        };
        FAMILIES.keys().map(kind)
    });
    let kinds = std::iter::once(Kind::Compute).chain(of_families);
    kinds.flat_map(variants).collect()
}

fn variants(kind: Kind) -> impl Iterator<Item = Offering> {
    Term::ALL.into_iter().flat_map(move |term| {
        let kind = kind.clone();
        Payment::ALL.into_iter().map(move |payment| Offering::new(kind.clone(), term, payment))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_offering_is_one_of_its_kind() {
        let all = all(Partition::Aws);
        let ids: BTreeSet<_> = all.iter().map(|one| &one.id).collect();
        assert_eq!(ids.len(), all.len());
        assert_eq!(all.iter().filter(|one| one.kind == Kind::Compute).count(), 6);
        assert!(!all.iter().any(|one| one.kind.region() == Some("cn-north-1")));
        let t3 = all.iter().find(|one| one.kind.family() == Some("t3")).unwrap();
        assert_eq!(t3.usage_type(), "EC2SP:t3.1yrNoUpfront");
        assert_eq!(all[5].usage_type(), "ComputeSP:3yrAllUpfront");
        assert_eq!(all[1].description(), "1 year Partial Upfront Compute Savings Plan");
    }
}
