//! A plan: what its purchase comes to, what state it is in, and whether it may be given back.

use kernel::{Millis, Result};
use price::{Commitment, Dollars, Payment};
use serde::{Deserialize, Serialize};

use super::instant::{month_end, year};
use super::offering::Offering;
use super::tag::Tags;
use crate::errors;

const DAY_MS: Millis = 86_400_000;
/// Between the beginning of a plan and its being paid, and between its return and its being given back.
pub const PAYMENT_TAKES_MS: Millis = 10_000;
/// How far ahead a purchase may be put (user guide, "Queuing Savings Plans").
const QUEUED_MS_MAX: Millis = 3 * 365 * DAY_MS;
/// Digits of a commitment after the point, and its bounds (API reference, "CreateSavingsPlan").
const COMMITMENT_DIGITS_MAX: usize = 5;
const COMMITMENT_MIN: Dollars = Dollars::millionths(1_000);
const COMMITMENT_MAX: Dollars = Dollars::millionths(1_000_000_000_000);
/// Shares of the whole that may be paid at once, in hundredths.
const UPFRONT_MIN: u32 = 50;
const UPFRONT_MAX: u32 = 99;
/// Up to this commitment, and for so long, a plan may be given back, so many in a year (user guide, "Returning a purchased
/// Savings Plan" and "Quotas and restrictions").
const RETURNED_COMMITMENT_MAX: Dollars = Dollars::millionths(100_000_000);
const RETURNED_WITHIN_MS: Millis = 7 * DAY_MS;
pub const RETURNS_A_YEAR_MAX: usize = 10;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavingsPlan {
    pub id: String,
    pub offering: Offering,
    /// What is spent every hour, used or not.
    pub commitment: Dollars,
    /// Once, and for each hour of its term.
    pub cost: Commitment,
    pub start_at: Millis,
    /// When a queued purchase was called off.
    pub deleted_at: Option<Millis>,
    pub returned_at: Option<Millis>,
    /// Hours whose usage lines are written.
    pub hours_metered: u64,
    pub tags: Tags,
}

impl SavingsPlan {
    /// The instant after its last.
    pub fn end_at(&self) -> Millis {
        let term_ms = i64::try_from(self.offering.term.seconds() * 1_000).unwrap_or(i64::MAX);
        self.start_at.saturating_add(term_ms)
    }

    pub fn state(&self, now: Millis) -> &'static str {
        match (self.deleted_at, self.returned_at) {
            (Some(_), _) => "queued-deleted",
            (_, Some(at)) if now < at + PAYMENT_TAKES_MS => "pending-return",
            (_, Some(_)) => "returned",
            _ if now < self.start_at => "queued",
            _ if now < self.start_at + PAYMENT_TAKES_MS => "payment-pending",
            _ if now < self.end_at() => "active",
            _ => "retired",
        }
    }

    /// Until when it may be given back. One that may not says when it began.
    pub fn returnable_until(&self) -> Millis {
        if self.commitment > RETURNED_COMMITMENT_MAX {
            return self.start_at;
        }
        (self.start_at + RETURNED_WITHIN_MS).min(month_end(self.start_at))
    }

    /// # Errors
    /// `ValidationException`, `ServiceQuotaExceededException`, saying what stands in the way. `all` are the account's.
    pub fn check_return(&self, all: &[Self], now: Millis) -> Result<()> {
        let state = self.state(now);
        if !["active", "payment-pending"].contains(&state) {
            return Err(errors::invalid(format!("A Savings Plan in the state {state} cannot be returned.")));
        }
        if self.commitment > RETURNED_COMMITMENT_MAX {
            return Err(errors::invalid(
                "The hourly commitment must be $100 or less to return a Savings Plan.",
            ));
        }
        if now >= self.returnable_until() {
            let rule =
                "A Savings Plan can be returned within 7 days of its purchase, in the same calendar month.";
            return Err(errors::invalid(rule));
        }
        let of_this_year = |one: &&Self| one.returned_at.is_some_and(|at| year(at) == year(now));
        if all.iter().filter(of_this_year).count() >= RETURNS_A_YEAR_MAX {
            return Err(errors::too_many("Savings Plans returned in a calendar year", RETURNS_A_YEAR_MAX));
        }
        Ok(())
    }

    /// # Errors
    /// `ValidationException`: only what waits can be called off.
    pub fn check_deletion(&self, now: Millis) -> Result<()> {
        match self.state(now) {
            "queued" => Ok(()),
            state => Err(errors::invalid(format!("A Savings Plan in the state {state} is not queued."))),
        }
    }
}

/// # Errors
/// `ValidationException`.
pub fn check_commitment(text: &str) -> Result<Dollars> {
    let digits = text.split_once('.').map_or(0, |(_, part)| part.len());
    let amount = Dollars::parse(text).filter(|_| digits <= COMMITMENT_DIGITS_MAX);
    let amount = amount.filter(|amount| (COMMITMENT_MIN..=COMMITMENT_MAX).contains(amount));
    amount.ok_or_else(|| {
        errors::invalid(
            "The commitment must be between 0.001 and 1000000, with at most 5 digits after the point.",
        )
    })
}

/// What a commitment comes to. Of what is paid in parts, half is paid at once where nothing else is said.
///
/// # Errors
/// `ValidationException`.
pub fn cost(offering: &Offering, commitment: Dollars, upfront: Option<&str>) -> Result<Commitment> {
    let hours = offering.term.hours();
    let whole = commitment.times(hours);
    let at_once = match (offering.payment, upfront) {
        (Payment::No, None) => Dollars::default(),
        (Payment::All, None) => whole,
        (Payment::Partial, None) => whole.percent(UPFRONT_MIN),
        (Payment::Partial, Some(text)) => check_upfront(text, whole)?,
        (_, Some(_)) => {
            return Err(errors::invalid(
                "upfrontPaymentAmount is for the payment option Partial Upfront only.",
            ));
        }
    };
    let rest = whole.as_millionths() - at_once.as_millionths();
    Ok(Commitment { upfront: at_once, hourly: Dollars::millionths(rest / hours) })
}

fn check_upfront(text: &str, whole: Dollars) -> Result<Dollars> {
    let bounds = whole.percent(UPFRONT_MIN)..=whole.percent(UPFRONT_MAX);
    let amount = Dollars::parse(text).filter(|_| !text.contains('.'));
    amount.filter(|amount| bounds.contains(amount)).ok_or_else(|| {
        errors::invalid(
            "upfrontPaymentAmount must be a whole number between 50 and 99 percent of the total value.",
        )
    })
}

/// When a purchase begins.
///
/// # Errors
/// `ValidationException`.
pub fn check_start(asked: Option<Millis>, now: Millis) -> Result<Millis> {
    match asked {
        None => Ok(now),
        Some(at) if at <= now => Err(errors::invalid("purchaseTime must be in the future.")),
        Some(at) if at > now + QUEUED_MS_MAX => {
            Err(errors::invalid("purchaseTime must be within three years from now."))
        }
        Some(at) => Ok(at),
    }
}

#[cfg(test)]
mod tests {
    use price::Term;

    use super::*;
    use crate::rules::offering::Kind;

    fn offering(payment: Payment) -> Offering {
        Offering { id: "o".to_owned(), kind: Kind::Compute, term: Term::OneYear, payment }
    }

    /// From 2024-02-28T12:00:00Z on.
    const START: Millis = 1_709_121_600_000;

    fn plan(start_at: Millis) -> SavingsPlan {
        SavingsPlan {
            id: "p".to_owned(),
            offering: offering(Payment::No),
            commitment: Dollars::millionths(1_000_000),
            cost: Commitment { upfront: Dollars::default(), hourly: Dollars::millionths(1_000_000) },
            start_at,
            deleted_at: None,
            returned_at: None,
            hours_metered: 0,
            tags: Tags::new(),
        }
    }

    #[test]
    fn commitments_are_amounts_within_bounds() {
        assert_eq!(check_commitment("0.001").unwrap(), COMMITMENT_MIN);
        assert_eq!(check_commitment("1000000").unwrap(), COMMITMENT_MAX);
        assert_eq!(check_commitment("1.23456").unwrap(), Dollars::millionths(1_234_560));
        for bad in ["", "0", "0.0009", "1000000.1", "1.234567", "-1", "x"] {
            assert!(check_commitment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_paid_at_once_is_not_paid_by_the_hour() {
        let one = Dollars::millionths(1_000_000);
        let paid = |payment, upfront| {
            cost(&offering(payment), one, upfront)
                .map(|cost| (cost.upfront.to_string(), cost.hourly.to_string()))
        };
        let is = |upfront: &str, hourly: &str| (upfront.to_owned(), hourly.to_owned());
        assert_eq!(paid(Payment::No, None).unwrap(), is("0.000000", "1.000000"));
        assert_eq!(paid(Payment::All, None).unwrap(), is("8760.000000", "0.000000"));
        assert_eq!(paid(Payment::Partial, None).unwrap(), is("4380.000000", "0.500000"));
        assert_eq!(paid(Payment::Partial, Some("6570")).unwrap(), is("6570.000000", "0.250000"));
        for (payment, upfront) in [
            (Payment::No, "1"),
            (Payment::All, "8760"),
            (Payment::Partial, "4379"),
            (Payment::Partial, "8673"),
            (Payment::Partial, "6570.5"),
            (Payment::Partial, "half"),
        ] {
            assert!(paid(payment, Some(upfront)).is_err(), "{payment:?} {upfront}");
        }
    }

    #[test]
    fn its_state_follows_the_clock() {
        let one = plan(START);
        let year_ms = 365 * DAY_MS;
        let deleted = SavingsPlan { deleted_at: Some(START - 5), ..one.clone() };
        let returned = SavingsPlan { returned_at: Some(START + DAY_MS), ..one.clone() };
        for (of, at, expected) in [
            (&one, START - 1, "queued"),
            (&one, START, "payment-pending"),
            (&one, START + PAYMENT_TAKES_MS, "active"),
            (&one, START + year_ms - 1, "active"),
            (&one, START + year_ms, "retired"),
            (&deleted, START - 1, "queued-deleted"),
            (&deleted, START + year_ms, "queued-deleted"),
            (&returned, START + DAY_MS, "pending-return"),
            (&returned, START + DAY_MS + PAYMENT_TAKES_MS, "returned"),
            (&returned, START + year_ms, "returned"),
        ] {
            assert_eq!(of.state(at), expected, "{at}");
        }
    }

    #[test]
    fn it_is_given_back_within_a_week_of_the_same_month() {
        let day = DAY_MS;
        // The month ends on the second day; in the middle of it there is a week.
        for (start, after, is_ok) in [
            (START, 0, true),
            (START, day + day / 2 - 1, true),
            (START, day + day / 2, false),
            (START - 20 * day, 7 * day - 1, true),
            (START - 20 * day, 7 * day, false),
        ] {
            assert_eq!(plan(start).check_return(&[], start + after).is_ok(), is_ok, "{start} {after}");
        }
        let dear = SavingsPlan { commitment: Dollars::millionths(100_000_001), ..plan(START) };
        assert_eq!(dear.returnable_until(), START);
        assert!(dear.check_return(&[], START + 1).is_err());
        assert!(plan(START).check_return(&[], START - 1).is_err(), "queued");
        let before = |at| SavingsPlan { returned_at: Some(at), ..plan(START) };
        let many = vec![before(START); RETURNS_A_YEAR_MAX];
        assert_eq!(
            plan(START).check_return(&many, START + 1).unwrap_err().code(),
            "ServiceQuotaExceededException"
        );
        assert!(plan(START).check_return(&vec![before(START - 366 * day); 20], START + 1).is_ok());
    }

    #[test]
    fn what_waits_can_be_called_off() {
        assert!(plan(START).check_deletion(START - 1).is_ok());
        assert!(plan(START).check_deletion(START).is_err());
        assert_eq!(check_start(None, 7).unwrap(), 7);
        assert_eq!(check_start(Some(8), 7).unwrap(), 8);
        assert!(check_start(Some(7), 7).is_err() && check_start(Some(8 + QUEUED_MS_MAX), 7).is_err());
    }
}
