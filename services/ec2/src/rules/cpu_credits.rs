//! CPU credits of burstable types: what is earned, spent and owed (EC2 user guide, "Key concepts for burstable performance
//! instances"). A credit is one processor for one minute; they are counted in millionths.

use kernel::meter::Usage;
use kernel::{Millis, Result};

use crate::errors;
use crate::rules::instance_type::InstanceType;
use crate::state::cpu_credits::Account;

pub const STANDARD: &str = "standard";
pub const UNLIMITED: &str = "unlimited";
/// What AWS knows as families of burstable types.
pub const FAMILIES: [&str; 4] = ["t2", "t3", "t3a", "t4g"];
/// A credit.
pub const ONE: u64 = 1_000_000;
/// A type saves what it earns in a day.
const SAVED_MINUTES: u64 = 1_440;
/// What a T2 begins with for each of its processors, where it is standard.
const LAUNCH_CREDITS: u64 = 30;
const NS_PER_MILLIONTH: u64 = 60_000;
const MS_PER_MINUTE: u64 = 60_000;

/// The codes for other words than those, where they are said of instances, and of a family.
pub const OF_INSTANCE_INVALID: &str = "InvalidCpuCredits.Malformed";
pub const OF_FAMILY_INVALID: &str = "InvalidCpuCredits";
/// How often a family's default may change (EC2 user guide, "Set the default credit specification for the account").
const PAUSE_MS: Millis = 5 * 60_000;
const DAY_MS: Millis = 86_400_000;
const CHANGES_OF_DAY_MAX: usize = 4;

/// # Errors
/// `code`, for another word than standard and unlimited.
pub fn check_credits(text: &str, code: &'static str) -> Result<&'static str> {
    let known = [STANDARD, UNLIMITED].into_iter().find(|known| *known == text);
    known.ok_or_else(|| errors::credits_invalid(code, text))
}

/// The times of a family's changes that still count, with one more now.
///
/// # Errors
/// `UpdateLimitExceeded`.
pub fn check_change(family: &str, before: Vec<Millis>, now: Millis) -> Result<Vec<Millis>> {
    let mut changes: Vec<Millis> = before.into_iter().filter(|at| at + DAY_MS > now).collect();
    if changes.len() >= CHANGES_OF_DAY_MAX || changes.iter().any(|at| at + PAUSE_MS > now) {
        return Err(errors::default_credits_too_often(family));
    }
    changes.push(now);
    Ok(changes)
}

/// What a burstable type may always use, in thousandths of one processor: as many credits as it earns in a thousand
/// minutes.
pub fn baseline(size: &InstanceType) -> Option<u32> {
    let of_each = match (size.family(), size.name.split('.').nth(1)?) {
        ("t2", "xlarge") => 225,
        ("t2", "2xlarge") => 170,
        ("t2" | "t3" | "t3a" | "t4g", "nano") => 50,
        ("t2" | "t3" | "t3a" | "t4g", "micro") => 100,
        ("t2" | "t3" | "t3a" | "t4g", "small" | "medium") => 200,
        ("t2" | "t3" | "t3a" | "t4g", "large") => 300,
        ("t3" | "t3a" | "t4g", "xlarge" | "2xlarge") => 400,
        _ => return None,
    };
    Some(of_each * size.vcpus)
}

/// What a machine had used when it was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub at: Millis,
    /// Since it was started.
    pub cpu_ns: u64,
    /// When that was.
    pub started_at: Millis,
}

/// The account of an instance that is seen for the first time.
pub fn open(size: &InstanceType, unlimited: bool, look: Look) -> Account {
    let gift = if size.family() == "t2" && !unlimited { LAUNCH_CREDITS * u64::from(size.vcpus) } else { 0 };
    Account {
        balance: gift * ONE,
        surplus: 0,
        charged: 0,
        used: 0,
        since: look.started_at,
        at: look.started_at,
        cpu_ns: 0,
        started_at: look.started_at,
        told_at: look.at,
    }
}

/// What an account becomes by what was earned and used since it was last looked at.
pub fn advance(account: &Account, size: &InstanceType, unlimited: bool, look: Look) -> Account {
    let mut next = account.clone();
    if look.started_at != account.started_at || look.cpu_ns < account.cpu_ns {
        // Started anew: nothing is earned while it is off, and a T2 begins again.
        let begun = open(size, unlimited, look);
        next.balance = if size.family() == "t2" { begun.balance } else { next.balance };
        (next.at, next.cpu_ns, next.started_at) = (begun.at, 0, begun.started_at);
    }
    let baseline = u64::from(baseline(size).unwrap_or(0));
    let elapsed_ms = u64::try_from(look.at - next.at).unwrap_or(0);
    let earned = baseline * (ONE / 1_000) * elapsed_ms / MS_PER_MINUTE;
    let used = (look.cpu_ns - next.cpu_ns) / NS_PER_MILLIONTH;
    let most = baseline * (ONE / 1_000) * SAVED_MINUTES;
    next.used += used;
    if let Some(more) = earned.checked_sub(used) {
        let repaid = more.min(next.surplus);
        next.surplus -= repaid;
        next.balance = (next.balance + more - repaid).min(most);
    } else {
        let less = used - earned;
        let beyond = less.saturating_sub(next.balance);
        next.balance = next.balance.saturating_sub(less);
        if unlimited {
            next.surplus += beyond;
            let over = next.surplus.saturating_sub(most);
            next.surplus -= over;
            next.charged += over;
        }
    }
    (next.at, next.cpu_ns) = (look.at, look.cpu_ns);
    next
}

/// What is owed is paid: the instance stops, or is unlimited no more.
pub fn settle(account: &mut Account) {
    account.charged += std::mem::take(&mut account.surplus);
}

/// The thousandths of a processor a standard instance is held to when its credits are used up.
pub fn share(account: &Account, size: &InstanceType, unlimited: bool) -> Option<u32> {
    baseline(size).filter(|_| !unlimited && account.balance == 0)
}

/// What was charged so far, in seconds of a processor.
pub fn usage(account: &Account, family: &str, resource: String) -> Option<Usage> {
    (account.charged > 0).then(|| Usage {
        service: "ec2".to_owned(),
        usage_type: format!("CPUCredits:{family}"),
        resource,
        start_at: account.since,
        end_at: account.at,
        quantity: account.charged * 60 / ONE,
        unit: "Seconds".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::instance_type;

    fn size(name: &str) -> &'static InstanceType {
        instance_type::find(name).unwrap()
    }

    fn look(minutes: i64, cpu_s: u64) -> Look {
        Look { at: minutes * 60_000, cpu_ns: cpu_s * 1_000_000_000, started_at: 0 }
    }

    #[test]
    fn types_earn_what_aws_documents() {
        let per_hour = |name| baseline(size(name)).map(|of_thousand| of_thousand * 60);
        for (name, thousandths) in
            [("t2.micro", 6_000), ("t3.nano", 6_000), ("t3.micro", 12_000), ("t3.medium", 24_000)]
        {
            assert_eq!(per_hour(name), Some(thousandths), "{name}");
        }
        assert_eq!((per_hour("t3.xlarge"), per_hour("c5.large")), (Some(96_000), None));
    }

    #[test]
    fn standard_saves_spends_and_is_held_at_nothing() {
        let micro = size("t3.micro");
        let new = open(micro, false, look(0, 0));
        assert_eq!((new.balance, share(&new, micro, false)), (0, Some(200)));
        // An hour of doing nothing earns twelve credits; four minutes of both processors cost eight.
        let rested = advance(&new, micro, false, look(60, 0));
        assert_eq!((rested.balance, share(&rested, micro, false)), (12 * ONE, None));
        let busy = advance(&rested, micro, false, look(64, 480));
        assert_eq!((busy.balance, busy.used), (12 * ONE + 800_000 - 8 * ONE, 8 * ONE));
        let spent = advance(&busy, micro, false, look(70, 480 + 720));
        assert_eq!((spent.balance, spent.surplus), (0, 0));
        assert_eq!(share(&spent, micro, false), Some(200));
        let saved = advance(&new, micro, false, look(10_000, 0));
        assert_eq!(saved.balance, 288 * ONE, "a day's worth at most");
    }

    #[test]
    fn unlimited_owes_repays_and_is_charged_beyond_a_day() {
        let micro = size("t3.micro");
        let new = open(micro, true, look(0, 0));
        let busy = advance(&new, micro, true, look(10, 1_200));
        assert_eq!((busy.balance, busy.surplus, busy.charged), (0, 18 * ONE, 0));
        assert_eq!(share(&busy, micro, true), None);
        let repaid = advance(&busy, micro, true, look(60, 1_200));
        assert_eq!(repaid.surplus, 8 * ONE);
        let long = advance(&new, micro, true, look(1_000, 120_000));
        assert_eq!((long.surplus, long.charged), (288 * ONE, (2_000 - 200 - 288) * ONE));
        let mut ended = long;
        settle(&mut ended);
        assert_eq!((ended.surplus, ended.charged), (0, 1_800 * ONE));
        assert_eq!(usage(&ended, "t3", String::new()).unwrap().quantity, 108_000);
    }

    #[test]
    fn a_start_keeps_what_a_t3_saved_and_gives_a_t2_its_launch_credits() {
        let again = Look { at: 600_000, cpu_ns: 0, started_at: 600_000 };
        let saved = |name| {
            let new = open(size(name), false, look(0, 0));
            advance(&advance(&new, size(name), false, look(5, 0)), size(name), false, again).balance
        };
        assert_eq!(saved("t3.micro"), ONE);
        assert_eq!(saved("t2.micro"), 30 * ONE);
    }
}
