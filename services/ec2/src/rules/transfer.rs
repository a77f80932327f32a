//! What leaves costs: how much of it is one metering line's.

use kernel::{Millis, Usage};
use net::{Counters, Traffic};

const HOUR_MS: Millis = 3_600_000;

/// What of `now` was not in `before`. What counts less than before has begun anew meanwhile.
fn more(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

/// Bytes that nobody has metered yet, by who is to: an interface or a NAT gateway, the usage type, and how many
/// ([EC2 pricing, "Data Transfer"], [VPC pricing, "NAT Gateway"]).
///
/// [EC2 pricing, "Data Transfer"]: https://aws.amazon.com/ec2/pricing/on-demand/
/// [VPC pricing, "NAT Gateway"]: https://aws.amazon.com/vpc/pricing/
pub fn owed<'t>(before: &Traffic, now: &'t Traffic) -> Vec<(&'t str, &'static str, u64)> {
    let mut owed = Vec::new();
    for (nic, counters) in &now.nics {
        let Counters { bytes_near, bytes_world, .. } = before.nics.get(nic).copied().unwrap_or_default();
        owed.push((nic.as_str(), "DataTransfer-Out-Bytes", more(bytes_world, counters.bytes_world)));
        owed.push((nic.as_str(), "DataTransfer-Regional-Bytes", more(bytes_near, counters.bytes_near)));
    }
    for (translator, bytes) in &now.translators {
        let before = before.translators.get(translator).copied().unwrap_or_default();
        owed.push((translator.as_str(), "NatGateway-Bytes", more(before, *bytes)));
    }
    owed.retain(|(_, _, bytes)| *bytes > 0);
    owed
}

/// The line of the hour that these bytes come on top of.
pub fn usage(resource: String, usage_type: &str, bytes: u64, now: Millis) -> Usage {
    let start_at = now - now.rem_euclid(HOUR_MS);
    Usage {
        service: "ec2".to_owned(),
        usage_type: usage_type.to_owned(),
        resource,
        start_at,
        end_at: start_at + HOUR_MS,
        quantity: bytes,
        unit: "Bytes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(world: u64, near: u64, passed: u64) -> Traffic {
        let counters =
            Counters { bytes_world: world, bytes_near: near, bytes_out: 9_999, ..Counters::default() };
        Traffic { nics: [("eni-1".into(), counters)].into(), translators: [("nat-1".into(), passed)].into() }
    }

    #[test]
    fn what_was_metered_is_not_metered_again() {
        let first = traffic(100, 0, 7);
        let out = ("eni-1", "DataTransfer-Out-Bytes");
        assert_eq!(
            owed(&Traffic::default(), &first),
            [(out.0, out.1, 100), ("nat-1", "NatGateway-Bytes", 7)]
        );
        assert_eq!(owed(&first, &first), []);
        let second = traffic(150, 20, 7);
        let near = ("eni-1", "DataTransfer-Regional-Bytes", 20);
        assert_eq!(owed(&first, &second), [(out.0, out.1, 50), near]);
        assert_eq!(owed(&second, &traffic(30, 20, 7)), [(out.0, out.1, 30)], "the filter was written anew");
    }

    #[test]
    fn bytes_are_of_their_hour() {
        let line = usage("i-1".to_owned(), "DataTransfer-Out-Bytes", 5, 2 * HOUR_MS + 3);
        assert_eq!((line.start_at, line.end_at, line.quantity), (2 * HOUR_MS, 3 * HOUR_MS, 5));
    }
}
