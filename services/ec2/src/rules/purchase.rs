//! What instances cost in each way of buying them, what a spot price follows, and who gives way to whom: all of it
//! pure, so that a bill and a market come to the same figures.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dollars(u64);

/// Digits of [`Dollars`] after the point.
const DIGITS: usize = 6;
/// More than any hour costs.
const WHOLE_DIGITS_MAX: usize = 9;

impl Dollars {
    pub const fn millionths(count: u64) -> Self {
        Self(count)
    }

    /// Reads `0.0104`. Digits beyond the millionths are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + part.len() == 0
            || whole.len() > WHOLE_DIGITS_MAX
            || !is_number(whole)
            || !is_number(part)
        {
            return None;
        }
        let part: String = part.chars().chain("0".repeat(DIGITS).chars()).take(DIGITS).collect();
        format!("{whole}{part}").parse().ok().map(Self)
    }

    pub fn as_millionths(self) -> u64 {
        self.0
    }

    pub fn percent(self, percent: u32) -> Self {
        Self(self.0 * u64::from(percent) / 100)
    }

    pub fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// For the API's members of type double.
    pub fn as_double(self) -> f64 {
        // Its own decimal text, so that no cast can lose anything.
        self.to_string().parse().unwrap_or_default()
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let million = 1_000_000;
        write!(f, "{}.{:0DIGITS$}", self.0 / million, self.0 % million)
    }
}

/// A spot price in hundredths of the price on demand.
pub type Level = u32;

/// What spot costs on an empty host, and on one that is promised whole.
const LEVEL_EMPTY: Level = 30;
const LEVEL_FULL: Level = 100;

/// The level when `promised` of `limit` bytes are: it rises with the square of what is used, slowly at first.
pub fn level(limit: u64, promised: u64) -> Level {
    let thousandth = u128::from(promised.min(limit)) * 1_000 / u128::from(limit.max(1));
    let square = u32::try_from(thousandth * thousandth / 1_000).unwrap_or(1_000);
    LEVEL_EMPTY + (LEVEL_FULL - LEVEL_EMPTY) * square / 1_000
}

/// From this level on, interruptions are likely: instances are told to prepare.
pub const LEVEL_RISKY: Level = 86;

/// The price of an instance that costs `on_demand`, rounded up.
pub fn spot_price(on_demand: Dollars, level: Level) -> Dollars {
    Dollars((on_demand.0 * u64::from(level)).div_ceil(100))
}

/// A spot instance as the market sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub bytes: u64,
    /// What its buyer pays at most, and what its type costs on demand.
    pub most: Dollars,
    pub on_demand: Dollars,
    pub since: i64,
}

/// The order in which spot instances give way: first who would pay least for what they have, among equals who came
/// last.
pub fn order_of_yielding(held: &[Held]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..held.len()).collect();
    let rank = |index: &usize| {
        held.get(*index).map(|one| {
            let willing = u128::from(one.most.0) * 1_000_000 / u128::from(one.on_demand.0.max(1));
            (willing, std::cmp::Reverse(one.since))
        })
    };
    order.sort_by_key(rank);
    order
}

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

/// The price of a reservation of one instance that costs `on_demand`.
pub fn reserved(on_demand: Dollars, class: Class, term: Term, payment: Payment) -> Commitment {
    let hour = on_demand.percent(share(class, term, payment));
    let whole = hour.times(term.seconds() / HOUR_S);
    match payment {
        Payment::No => Commitment { upfront: Dollars(0), hourly: hour },
        Payment::Partial => Commitment { upfront: whole.percent(50), hourly: hour.percent(50) },
        Payment::All => Commitment { upfront: whole, hourly: Dollars(0) },
    }
}

/// A reservation as the rebate sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought<'a> {
    pub instance_type: &'a str,
    pub family: &'a str,
    /// [`super::instance_type::InstanceType::quarters`] of one.
    pub quarters: u64,
    pub count: u64,
    /// For one zone only, and then for one size only; otherwise for a whole region, in any size of its family.
    pub zone: Option<&'a str>,
}

/// An instance on demand that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running<'a> {
    pub instance_type: &'a str,
    pub family: &'a str,
    pub quarters: u64,
    pub zone: &'a str,
}

/// How much of each running instance, in thousandths, reservations pay for: those of a zone first, then those of the
/// region, smallest sizes first (EC2 user guide, "How Reserved Instance discounts are applied").
pub fn covered(bought: &[Bought<'_>], running: &[Running<'_>]) -> Vec<u64> {
    let mut covered = vec![0; running.len()];
    for zonal in bought {
        let Some(zone) = zonal.zone else { continue };
        let mut left = zonal.count;
        for (share, one) in covered.iter_mut().zip(running) {
            if left > 0 && *share == 0 && one.zone == zone && one.instance_type == zonal.instance_type {
                (*share, left) = (1_000, left - 1);
            }
        }
    }
    let mut order: Vec<usize> = (0..running.len()).collect();
    order.sort_by_key(|index| running.get(*index).map(|one| one.quarters));
    for regional in bought.iter().filter(|bought| bought.zone.is_none()) {
        let mut left = regional.count * regional.quarters;
        for index in &order {
            let (Some(one), Some(share)) = (running.get(*index), covered.get_mut(*index)) else { continue };
            if one.family != regional.family || one.quarters == 0 {
                continue;
            }
            let open = one.quarters * (1_000 - *share) / 1_000;
            let taken = open.min(left);
            *share += taken * 1_000 / one.quarters;
            left -= taken;
        }
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        for (text, millionths) in [("0.0104", 10_400), ("13", 13_000_000), (".5", 500_000), ("0.00000199", 1)]
        {
            assert_eq!(Dollars::parse(text), Some(Dollars(millionths)), "{text}");
        }
        for bad in ["", ".", "-1", "1e3", "1.2.3", "x", "99999999999"] {
            assert_eq!(Dollars::parse(bad), None, "{bad}");
        }
        assert_eq!(Dollars(10_400).to_string(), "0.010400");
        assert!((Dollars(2_500_000).as_double() - 2.5).abs() < 1e-9);
    }

    #[test]
    fn the_spot_price_follows_what_is_left() {
        let table = [(0, 30), (250, 34), (500, 47), (750, 69), (900, 86), (1_000, 100), (2_000, 100)];
        for (promised, expected) in table {
            assert_eq!(level(1_000, promised), expected, "{promised}");
        }
        assert_eq!(level(0, 0), 30);
        assert_eq!(spot_price(Dollars(10_400), 30), Dollars(3_120));
        assert_eq!(spot_price(Dollars(3), 34), Dollars(2), "rounded up");
        assert_eq!(spot_price(Dollars(10_400), 100), Dollars(10_400));
    }

    #[test]
    fn who_pays_least_gives_way_first_and_then_who_came_last() {
        let held = |most, on_demand, since| Held {
            bytes: 1,
            most: Dollars(most),
            on_demand: Dollars(on_demand),
            since,
        };
        let all = [held(100, 100, 1), held(50, 100, 2), held(1_000, 1_000, 3), held(900, 1_000, 0)];
        assert_eq!(order_of_yielding(&all), [1, 3, 2, 0]);
        assert_eq!(order_of_yielding(&[]), [] as [usize; 0]);
    }

    #[test]
    fn who_binds_longer_and_pays_sooner_pays_less() {
        let price = Dollars(100_000);
        let hours = |term: Term| term.seconds() / 3_600;
        let per_hour = |class, term, payment| {
            let Commitment { upfront, hourly } = reserved(price, class, term, payment);
            upfront.0 / hours(term) + hourly.0
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

    #[test]
    fn reservations_pay_for_their_zone_first_and_for_any_size_in_a_region() {
        let bought = |quarters, count, zone| Bought {
            instance_type: if quarters == 2 { "t3.micro" } else { "t3.small" },
            family: "t3",
            quarters,
            count,
            zone,
        };
        let running = |quarters, zone| Running {
            instance_type: if quarters == 2 { "t3.micro" } else { "t3.small" },
            family: "t3",
            quarters,
            zone,
        };
        let all = [running(4, "a"), running(2, "a"), running(2, "b")];
        assert_eq!(covered(&[], &all), [0, 0, 0]);
        assert_eq!(covered(&[bought(2, 5, Some("a"))], &all), [0, 1_000, 0], "of one size and zone");
        assert_eq!(covered(&[bought(2, 1, None)], &all), [0, 1_000, 0], "smallest first");
        assert_eq!(covered(&[bought(4, 1, None)], &all), [0, 1_000, 1_000], "one small is two micro");
        assert_eq!(covered(&[bought(2, 3, None)], &all), [500, 1_000, 1_000], "and half a small");
        assert_eq!(covered(&[bought(2, 1, None), bought(2, 1, Some("a"))], &all), [0, 1_000, 1_000]);
        let other = Running { family: "m5", instance_type: "m5.large", ..running(16, "a") };
        assert_eq!(covered(&[bought(4, 9, None)], &[other]), [0]);
    }
}
