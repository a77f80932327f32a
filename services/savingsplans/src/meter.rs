//! Usage lines: what is paid at once, and for each hour what may be spent and what it costs.

use kernel::{Millis, Usage};

use crate::rules::plan::SavingsPlan;

pub const HOUR_MS: Millis = 3_600_000;
/// Lines of this many hours are written in one transaction.
const HOURS_MAX: u64 = 500;

fn line(usage_type: String, plan: &SavingsPlan, start_at: Millis, lasts: Millis, quantity: u64) -> Usage {
    Usage {
        service: "savingsplans".to_owned(),
        usage_type,
        resource: plan.id.clone(),
        start_at,
        end_at: start_at + lasts,
        quantity,
        unit: "MicroDollars".to_owned(),
    }
}

/// The hours of the clock that a plan is paid for begin with the one it starts in.
fn first_hour(plan: &SavingsPlan) -> Millis {
    plan.start_at - plan.start_at.rem_euclid(HOUR_MS)
}

/// How many of a plan's hours have begun.
fn hours_begun(plan: &SavingsPlan, now: Millis) -> u64 {
    if now < plan.start_at || plan.deleted_at.is_some() || plan.returned_at.is_some() {
        return 0;
    }
    let begun = u64::try_from((now - first_hour(plan)) / HOUR_MS + 1).unwrap_or(0);
    begun.min(plan.offering.term.hours())
}

/// Lines of what has begun and is not written yet, and up to which hour they go.
pub fn due(plan: &SavingsPlan, now: Millis) -> (Vec<Usage>, u64) {
    let until = hours_begun(plan, now).min(plan.hours_metered + HOURS_MAX).max(plan.hours_metered);
    let full = |plan: &SavingsPlan| (plan.commitment.as_millionths(), plan.cost.hourly.as_millionths());
    (lines(plan, plan.hours_metered..until, full(plan), plan.cost.upfront.as_millionths()), until)
}

/// Lines that say of all that was written that it is neither owed nor was it there to be spent: what ran meanwhile is paid
/// on demand.
pub fn undone(plan: &SavingsPlan) -> Vec<Usage> {
    lines(plan, 0..plan.hours_metered, (0, 0), 0)
}

fn lines(
    plan: &SavingsPlan,
    hours: std::ops::Range<u64>,
    (commitment, fee): (u64, u64),
    upfront: u64,
) -> Vec<Usage> {
    let name = plan.offering.usage_type();
    let mut lines = Vec::new();
    if hours.contains(&0) && plan.cost.upfront.as_millionths() > 0 {
        lines.push(line(format!("SavingsPlanUpfrontFee:{name}"), plan, plan.start_at, 0, upfront));
    }
    for hour in hours {
        let start_at = first_hour(plan) + i64::try_from(hour).unwrap_or(0) * HOUR_MS;
        lines.push(line(name.clone(), plan, start_at, HOUR_MS, commitment));
        if plan.cost.hourly.as_millionths() > 0 {
            lines.push(line(format!("SavingsPlanRecurringFee:{name}"), plan, start_at, HOUR_MS, fee));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use price::{Commitment, Dollars, Payment, Term};

    use super::*;
    use crate::rules::offering::{Kind, Offering};
    use crate::rules::tag::Tags;

    fn plan() -> SavingsPlan {
        SavingsPlan {
            id: "p".to_owned(),
            offering: Offering {
                id: "o".to_owned(),
                kind: Kind::Compute,
                term: Term::OneYear,
                payment: Payment::Partial,
            },
            commitment: Dollars::millionths(10),
            cost: Commitment { upfront: Dollars::millionths(43_800), hourly: Dollars::millionths(5) },
            start_at: HOUR_MS / 2,
            deleted_at: None,
            returned_at: None,
            hours_metered: 0,
            tags: Tags::new(),
        }
    }

    fn shown(lines: &[Usage]) -> Vec<(&str, Millis, u64)> {
        lines.iter().map(|one| (one.usage_type.as_str(), one.start_at / HOUR_MS, one.quantity)).collect()
    }

    #[test]
    fn each_hour_that_begins_has_its_lines() {
        let name = "ComputeSP:1yrPartialUpfront";
        assert_eq!(due(&plan(), HOUR_MS / 2 - 1), (vec![], 0));
        let (lines, until) = due(&plan(), HOUR_MS);
        let fee = format!("SavingsPlanRecurringFee:{name}");
        let upfront = format!("SavingsPlanUpfrontFee:{name}");
        let expected = [(&*upfront, 0, 43_800), (name, 0, 10), (&*fee, 0, 5), (name, 1, 10), (&*fee, 1, 5)];
        assert_eq!((shown(&lines), until), (expected.to_vec(), 2));
        let later = SavingsPlan { hours_metered: 2, ..plan() };
        assert_eq!(due(&later, HOUR_MS + 1), (vec![], 2));
        let undone = undone(&later);
        let expected = [(&*upfront, 0, 0), (name, 0, 0), (&*fee, 0, 0), (name, 1, 0), (&*fee, 1, 0)];
        assert_eq!(shown(&undone), expected);
    }

    #[test]
    fn a_whole_term_is_paid_for_and_no_hour_more() {
        let mut one = plan();
        let mut sum = 0;
        for _ in 0..100 {
            let (lines, until) = due(&one, i64::MAX / 2);
            sum += lines
                .iter()
                .filter(|line| line.usage_type.starts_with("SavingsPlan"))
                .map(|l| l.quantity)
                .sum::<u64>();
            one.hours_metered = until;
        }
        assert_eq!(one.hours_metered, 8_760);
        assert_eq!(sum, 10 * 8_760, "upfront and by the hour, together the commitment");
    }
}
