//! Why something happened, in the words of activities.

use kernel::Millis;

/// `2026-01-31T23:59:00Z`
pub fn instant(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

fn at(now: Millis, what: &str) -> String {
    format!("At {} {what}", instant(now))
}

/// Who wants another capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanting<'a> {
    Created,
    Updated { min: i32, max: i32 },
    Asked,
    Executed { policy: &'a str },
    Alarm { alarm: &'a str, state: &'a str, policy: &'a str },
    Scheduled { action: &'a str, min: Option<i32>, max: Option<i32> },
    Predicted,
}

/// Why the desired capacity is another.
pub fn desired(now: Millis, wanting: &Wanting<'_>, from: i32, to: i32) -> String {
    let changing = format!("changing the desired capacity from {from} to {to}.");
    match wanting {
        Wanting::Created => at(now, &format!("a user request created an AutoScalingGroup {changing}")),
        Wanting::Updated { min, max } => at(
            now,
            &format!(
                "a user request update of AutoScalingGroup constraints to min: {min}, max: {max}, desired: {to} {changing}"
            ),
        ),
        Wanting::Asked => {
            at(now, &format!("a user request explicitly set group desired capacity {changing}"))
        }
        Wanting::Executed { policy } => {
            at(now, &format!("a user request executed policy {policy} {changing}"))
        }
        Wanting::Alarm { alarm, state, policy } => {
            at(now, &format!("a monitor alarm {alarm} in state {state} triggered policy {policy} {changing}"))
        }
        Wanting::Scheduled { action, min, max } => {
            let mut words = format!("the scheduled action {action} executed.");
            for (what, size) in [("min", min), ("max", max)] {
                if let Some(size) = size {
                    words.push_str(&format!(" Setting {what} size to {size}."));
                }
            }
            words.push_str(&format!(" Setting desired capacity from {from} to {to}."));
            at(now, &words)
        }
        Wanting::Predicted => {
            at(now, &format!("a predictive scaling policy adjusted the capacity {changing}"))
        }
    }
}

/// A difference between what is wanted and what is there.
pub fn started(now: Millis, before: Option<&str>, from: i32, to: i32) -> String {
    let words = at(
        now,
        &format!(
            "an instance was started in response to a difference between desired and actual capacity, \
             increasing the capacity from {from} to {to}."
        ),
    );
    join(before, &words)
}

pub fn shrunk(now: Millis, before: Option<&str>, from: i32, to: i32, id: &str) -> String {
    let words = at(
        now,
        &format!(
            "an instance was taken out of service in response to a difference between desired and actual capacity, \
             shrinking the capacity from {from} to {to}."
        ),
    );
    let chosen = at(now, &format!("instance {id} was selected for termination."));
    join(Some(&join(before, &words)), &chosen)
}

/// Why a group keeps more than is wanted.
pub const PROTECTED: &str =
    "Could not scale to desired capacity because all remaining instances are protected from scale-in.";

/// There is nothing more to be done about what was wanted.
pub fn stuck(now: Millis, before: &str) -> String {
    join(Some(before), &at(now, "group reached equilibrium."))
}

fn join(before: Option<&str>, after: &str) -> String {
    before.map_or_else(|| after.to_owned(), |before| format!("{before}  {after}"))
}

/// An instance is not well: its part of the sentence is kept with it.
pub fn unhealthy(now: Millis, why: &str) -> String {
    at(now, &format!("an instance was taken out of service in response to {why}."))
}

pub const EC2_CHECK: &str = "an EC2 health check indicating it has been terminated or stopped";
pub const ELB_CHECK: &str = "an ELB system health check failure";
pub const USER_CHECK: &str = "a user health-check";
pub const LIFETIME: &str = "the maximum instance lifetime being exceeded";
pub const REBALANCE: &str = "an EC2 instance rebalance recommendation";
pub const REFRESH: &str = "an instance refresh";

pub fn replaced(now: Millis) -> String {
    at(now, "an instance was launched in response to an unhealthy instance needing to be replaced.")
}

pub fn launched_for(now: Millis, why: &str) -> String {
    at(now, &format!("an instance was launched in response to {why}."))
}

pub fn balancing(now: Millis, zones: &[(String, usize)]) -> String {
    let names: Vec<&str> = zones.iter().map(|(zone, _)| &**zone).collect();
    let counts: Vec<String> = zones.iter().map(|(_, count)| count.to_string()).collect();
    let words = format!(
        "availability zones {} had {} instances respectively. \
         An instance was launched to aid in balancing the group's zones.",
        names.join(" "),
        counts.join(" ")
    );
    at(now, &words)
}

pub fn balanced(now: Millis, id: &str) -> String {
    at(now, &format!("instance {id} was taken out of service to aid in balancing the group's zones."))
}

/// A user did it to one instance.
pub fn asked(now: Millis, id: &str, what: &str, capacity: Option<(i32, i32)>) -> String {
    let (way, from, to) = match capacity {
        None => return at(now, &format!("instance {id} was {what} in response to a user request.")),
        Some((from, to)) if to < from => ("shrinking", from, to),
        Some((from, to)) => ("increasing", from, to),
    };
    let change = format!("{way} the capacity from {from} to {to}.");
    at(now, &format!("instance {id} was {what} in response to a user request, {change}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_767_225_600_000;

    #[test]
    fn causes_are_in_awss_words() {
        assert_eq!(
            started(NOW, Some(&desired(NOW, &Wanting::Created, 0, 2)), 0, 2),
            "At 2026-01-01T00:00:00Z a user request created an AutoScalingGroup changing the desired capacity from 0 to 2.  \
             At 2026-01-01T00:00:00Z an instance was started in response to a difference between desired and actual capacity, \
             increasing the capacity from 0 to 2."
        );
        assert_eq!(
            asked(NOW, "i-1", "taken out of service", Some((2, 1))),
            "At 2026-01-01T00:00:00Z instance i-1 was taken out of service in response to a user request, \
             shrinking the capacity from 2 to 1."
        );
    }
}
