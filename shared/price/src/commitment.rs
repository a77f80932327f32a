//! What those pay who bind themselves for years: rebates by class, term and way to pay.

use serde::{Deserialize, Serialize};

use crate::Dollars;

/// How long a reservation binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Term {
    OneYear,
    ThreeYears,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Payment {
    No,
    Partial,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    Standard,
    Convertible,
}

const YEAR_S: u64 = 31_536_000;
const HOUR_S: u64 = 3_600;

impl Term {
    pub const ALL: [Self; 2] = [Self::OneYear, Self::ThreeYears];

    pub fn seconds(self) -> u64 {
        match self {
            Term::OneYear => YEAR_S,
            Term::ThreeYears => 3 * YEAR_S,
        }
    }

    pub fn hours(self) -> u64 {
        self.seconds() / HOUR_S
    }
}

impl Payment {
    pub const ALL: [Self; 3] = [Self::No, Self::Partial, Self::All];

    pub fn name(self) -> &'static str {
        match self {
            Payment::No => "No Upfront",
            Payment::Partial => "Partial Upfront",
            Payment::All => "All Upfront",
        }
    }
}

impl Class {
    pub const ALL: [Self; 2] = [Self::Standard, Self::Convertible];

    pub fn name(self) -> &'static str {
        match self {
            Class::Standard => "standard",
            Class::Convertible => "convertible",
        }
    }
}

/// What a commitment costs: once, and for each hour of its term, used or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitment {
    pub upfront: Dollars,
    pub hourly: Dollars,
}

/// The rebate table: what an hour costs in hundredths of the price on demand, by class and term, for nothing, half
/// and all paid at once. One for all types, as AWS gives it for most (Amazon EC2 Reserved Instances pricing).
fn share(class: Class, term: Term, payment: Payment) -> u32 {
    let [no, partial, all] = match (class, term) {
        (Class::Standard, Term::OneYear) => [63, 60, 59],
        (Class::Standard, Term::ThreeYears) => [43, 40, 38],
        (Class::Convertible, Term::OneYear) => [72, 69, 67],
        (Class::Convertible, Term::ThreeYears) => [54, 50, 49],
    };
    match payment {
        Payment::No => no,
        Payment::Partial => partial,
        Payment::All => all,
    }
}

/// What an hour costs who committed to spend, or reserved, in this way.
pub fn planned(on_demand: Dollars, class: Class, term: Term, payment: Payment) -> Dollars {
    on_demand.percent(share(class, term, payment))
}

/// The price of a reservation of one instance that costs `on_demand`.
pub fn reserved(on_demand: Dollars, class: Class, term: Term, payment: Payment) -> Commitment {
    let hour = planned(on_demand, class, term, payment);
    let whole = hour.times(term.hours());
    match payment {
        Payment::No => Commitment { upfront: Dollars(0), hourly: hour },
        Payment::Partial => Commitment { upfront: whole.percent(50), hourly: hour.percent(50) },
        Payment::All => Commitment { upfront: whole, hourly: Dollars(0) },
    }
}

/// The id of what is sold under this name, the same on every host: in the form AWS gives them, a UUID.
pub fn offering_id(name: &str) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(fast_md5::digest(name.as_bytes())));
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_binds_longer_and_pays_sooner_pays_less() {
        let price = Dollars(100_000);
        let per_hour = |class, term, payment| {
            let Commitment { upfront, hourly } = reserved(price, class, term, payment);
            upfront.0 / term.hours() + hourly.0
        };
        for (class, term, payment, expected) in [
            (Class::Standard, Term::OneYear, Payment::No, 63_000),
            (Class::Standard, Term::OneYear, Payment::Partial, 60_000),
            (Class::Standard, Term::OneYear, Payment::All, 59_000),
            (Class::Standard, Term::ThreeYears, Payment::No, 43_000),
            (Class::Standard, Term::ThreeYears, Payment::All, 38_000),
            (Class::Convertible, Term::OneYear, Payment::Partial, 69_000),
            (Class::Convertible, Term::ThreeYears, Payment::All, 49_000),
        ] {
            assert_eq!(per_hour(class, term, payment), expected, "{class:?} {term:?} {payment:?}");
        }
        let all = reserved(price, Class::Standard, Term::OneYear, Payment::All);
        assert_eq!((all.upfront, all.hourly), (Dollars(59_000 * 8_760), Dollars(0)));
    }
}
