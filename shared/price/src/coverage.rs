//! Who pays for an hour: reservations first, then plans, those of a family before those of all machines, wherever the
//! discount is highest first; what is left is paid on demand.

use std::cmp::Reverse;

use crate::{Class, Dollars, Payment, Term, planned};

/// A reservation as the rebate sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought<'a> {
    pub instance_type: &'a str,
    pub family: &'a str,
    /// How much of its family one is: four of the smallest are one of the third size.
    pub quarters: u64,
    pub count: u64,
    /// For one zone only, and then for one size only; otherwise for a whole region, in any size of its family.
    pub zone: Option<&'a str>,
}

/// A machine on demand that ran for the hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running<'a> {
    pub instance_type: &'a str,
    pub family: &'a str,
    pub quarters: u64,
    pub region: &'a str,
    pub zone: &'a str,
    /// What the hour costs on demand.
    pub price: Dollars,
}

/// How much of each running machine, in thousandths, reservations pay for: those of a zone first, then those of the
/// region, smallest sizes first (EC2 user guide, "How Reserved Instance discounts are applied").
pub fn covered(bought: &[Bought<'_>], running: &[Running<'_>]) -> Vec<u64> {
    let mut covered = vec![0; running.len()];
    for zonal in bought {
        let Some(zone) = zonal.zone else { continue };
        let mut left = zonal.count;
        for (share, one) in covered.iter_mut().zip(running) {
            if left > 0 && *share == 0 && one.zone == zone && one.instance_type == zonal.instance_type {
                (*share, left) = (WHOLE, left - 1);
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
            let open = one.quarters * (WHOLE - *share) / WHOLE;
            let taken = open.min(left);
            *share += taken * WHOLE / one.quarters;
            left -= taken;
        }
    }
    covered
}

/// A machine's hour, in thousandths.
const WHOLE: u64 = 1_000;

/// A commitment to spend so much every hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<'a> {
    pub spread: Spread<'a>,
    pub term: Term,
    pub payment: Payment,
    /// At the plan's own rates.
    pub hourly: Dollars,
}

/// Where a plan's commitment may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread<'a> {
    /// On any machine anywhere.
    All,
    /// On machines of any size of a family in a region.
    Family { family: &'a str, region: &'a str },
}

impl Spread<'_> {
    /// Its rates are those of reservations: who binds to a family pays what standard ones cost, who does not what convertible
    /// ones do (Savings Plans user guide, "Savings Plans types").
    pub fn class(self) -> Class {
        match self {
            Spread::All => Class::Convertible,
            Spread::Family { .. } => Class::Standard,
        }
    }

    fn takes(self, one: &Running<'_>) -> bool {
        match self {
            Spread::All => true,
            Spread::Family { family, region } => family == one.family && region == one.region,
        }
    }
}

/// Who pays for a machine's hour, in thousandths of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paid {
    pub reserved: u64,
    /// By the plan at this place of the list.
    pub planned: Vec<(usize, u64)>,
    pub on_demand: u64,
}

/// Who pays for each running machine, and what every plan spends of its commitment.
///
/// Plans of a family come before those of everything; in each of the two, of all a plan could pay for, what saves most
/// against the price on demand is paid first, and of what saves the same, what has the lower rate (Savings Plans user guide,
/// "Understanding how Savings Plans apply to your usage").
pub fn paid_for(
    bought: &[Bought<'_>],
    plans: &[Plan<'_>],
    running: &[Running<'_>],
) -> (Vec<Paid>, Vec<Dollars>) {
    let reserved = covered(bought, running);
    let mut paid: Vec<Paid> = reserved
        .into_iter()
        .map(|reserved| Paid { reserved, planned: Vec::new(), on_demand: WHOLE - reserved })
        .collect();
    let mut left: Vec<Dollars> = plans.iter().map(|plan| plan.hourly).collect();
    for is_general in [false, true] {
        let of_turn = |plan: &&(usize, &Plan<'_>)| (plan.1.spread == Spread::All) == is_general;
        let numbered: Vec<(usize, &Plan<'_>)> = plans.iter().enumerate().collect();
        let mut pairs: Vec<Pair> =
            numbered.iter().filter(of_turn).flat_map(|(at, plan)| pairs(*at, plan, running)).collect();
        pairs.sort();
        for pair in pairs {
            let (Some(one), Some(left)) = (paid.get_mut(pair.machine), left.get_mut(pair.plan)) else {
                continue;
            };
            let share = one.on_demand.min(affordable(*left, pair.rate));
            if share > 0 {
                one.on_demand -= share;
                one.planned.push((pair.plan, share));
                *left = Dollars(left.0.saturating_sub((pair.rate.0 * share).div_ceil(WHOLE)));
            }
        }
    }
    let spent = plans.iter().zip(left).map(|(plan, left)| Dollars(plan.hourly.0 - left.0)).collect();
    (paid, spent)
}

/// A plan that may pay for a machine; their order is the order of paying.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    /// In millionths of the price on demand.
    saved: Reverse<u64>,
    rate: Dollars,
    machine: usize,
    plan: usize,
}

fn pairs(at: usize, plan: &Plan<'_>, running: &[Running<'_>]) -> Vec<Pair> {
    let taken = running.iter().enumerate().filter(|(_, one)| plan.spread.takes(one));
    let pair = |(machine, one): (usize, &Running<'_>)| {
        let rate = planned(one.price, plan.spread.class(), plan.term, plan.payment);
        let saved = (one.price.0.saturating_sub(rate.0)) * 1_000_000 / one.price.0.max(1);
        Pair { saved: Reverse(saved), rate, machine, plan: at }
    };
    taken.map(pair).collect()
}

/// How much of an hour, in thousandths, can be paid.
fn affordable(left: Dollars, rate: Dollars) -> u64 {
    left.0.saturating_mul(WHOLE).checked_div(rate.0).unwrap_or(WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(zone: &'static str) -> Running<'static> {
        Running {
            instance_type: "t3.small",
            family: "t3",
            quarters: 4,
            region: "here",
            zone,
            price: Dollars(20_000),
        }
    }

    fn micro(zone: &'static str) -> Running<'static> {
        Running { instance_type: "t3.micro", quarters: 2, price: Dollars(10_000), ..small(zone) }
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
        let all = [small("a"), micro("a"), micro("b")];
        assert_eq!(covered(&[], &all), [0, 0, 0]);
        assert_eq!(covered(&[bought(2, 5, Some("a"))], &all), [0, 1_000, 0], "of one size and zone");
        assert_eq!(covered(&[bought(2, 1, None)], &all), [0, 1_000, 0], "smallest first");
        assert_eq!(covered(&[bought(4, 1, None)], &all), [0, 1_000, 1_000], "one small is two micro");
        assert_eq!(covered(&[bought(2, 3, None)], &all), [500, 1_000, 1_000], "and half a small");
        assert_eq!(covered(&[bought(2, 1, None), bought(2, 1, Some("a"))], &all), [0, 1_000, 1_000]);
        let other = Running { family: "m5", instance_type: "m5.large", quarters: 16, ..small("a") };
        assert_eq!(covered(&[bought(4, 9, None)], &[other]), [0]);
    }

    fn plan(spread: Spread<'static>, term: Term, hourly: u64) -> Plan<'static> {
        Plan { spread, term, payment: Payment::No, hourly: Dollars(hourly) }
    }

    const FAMILY: Spread<'static> = Spread::Family { family: "t3", region: "here" };

    /// Of a micro: one year of everything costs 7,200, of its family 6,300; three years 5,400 and 4,300.
    #[test]
    fn a_plan_pays_as_far_as_its_commitment_goes() {
        use Term::{OneYear, ThreeYears};
        let one = [micro("a")];
        // Plans, what each pays of the one machine, what is left to pay on demand, and what each spends.
        type Row = (Vec<Plan<'static>>, Vec<(usize, u64)>, u64, Vec<u64>);
        let table: Vec<Row> = vec![
            (vec![], vec![], 1_000, vec![]),
            (vec![plan(Spread::All, OneYear, 7_200)], vec![(0, 1_000)], 0, vec![7_200]),
            (vec![plan(Spread::All, OneYear, 3_600)], vec![(0, 500)], 500, vec![3_600]),
            (vec![plan(Spread::All, OneYear, 90_000)], vec![(0, 1_000)], 0, vec![7_200]),
            (vec![plan(FAMILY, ThreeYears, 4_300)], vec![(0, 1_000)], 0, vec![4_300]),
            // The family's goes first, though the other saves more.
            (
                vec![plan(Spread::All, ThreeYears, 5_400), plan(FAMILY, OneYear, 6_300)],
                vec![(1, 1_000)],
                0,
                vec![0, 6_300],
            ),
            (
                vec![plan(Spread::All, OneYear, 7_200), plan(FAMILY, OneYear, 3_150)],
                vec![(1, 500), (0, 500)],
                0,
                vec![3_600, 3_150],
            ),
            // Of two alike, what saves more.
            (
                vec![plan(Spread::All, OneYear, 7_200), plan(Spread::All, ThreeYears, 2_700)],
                vec![(1, 500), (0, 500)],
                0,
                vec![3_600, 2_700],
            ),
            (
                vec![plan(Spread::Family { family: "m5", region: "here" }, OneYear, 9_000)],
                vec![],
                1_000,
                vec![0],
            ),
            (
                vec![plan(Spread::Family { family: "t3", region: "there" }, OneYear, 9_000)],
                vec![],
                1_000,
                vec![0],
            ),
        ];
        for (plans, by_plans, on_demand, spent) in table {
            let (paid, spends) = paid_for(&[], &plans, &one);
            let expected = Paid { reserved: 0, planned: by_plans, on_demand };
            assert_eq!(paid, [expected], "{plans:?}");
            assert_eq!(spends, spent.into_iter().map(Dollars).collect::<Vec<_>>(), "{plans:?}");
        }
    }

    #[test]
    fn reservations_come_first_and_the_lower_rate_goes_before() {
        let bought = Bought { instance_type: "t3.micro", family: "t3", quarters: 2, count: 1, zone: None };
        let all = [small("a"), micro("a"), micro("b")];
        let plans = [plan(Spread::All, Term::OneYear, 14_400)];
        let (paid, spent) = paid_for(&[bought], &plans, &all);
        let share = |reserved, planned: &[(usize, u64)], on_demand| Paid {
            reserved,
            planned: planned.to_vec(),
            on_demand,
        };
        assert_eq!(paid, [share(0, &[(0, 500)], 500), share(1_000, &[], 0), share(0, &[(0, 1_000)], 0)]);
        assert_eq!(spent, [Dollars(14_400)]);
    }
}
