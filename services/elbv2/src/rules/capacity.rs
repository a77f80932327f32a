//! Capacity units: what the use of a load balancer is billed by (Elastic Load Balancing pricing, "LCU details").

use balance::Sample;

use crate::state::load_balancer::Kind;

const GIB: f64 = 1_073_741_824.0;
const HOUR_S: f64 = 3_600.0;
/// Evaluations of rules per request that cost nothing.
const FREE_RULES: u64 = 10;

/// Unit-seconds in each dimension; the largest is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    new: f64,
    active: f64,
    bytes: f64,
    rules: f64,
}

impl Used {
    /// What was used in the last `seconds`.
    pub fn of(kind: Kind, sample: &Sample, seconds: f64) -> Self {
        let front = sample.front();
        let (connections, flows) = (sample.active_connections as f64, sample.active_flows as f64);
        let bytes = front.bytes as f64 / GIB * HOUR_S;
        match kind {
            Kind::Application => {
                let rules = front.rules.saturating_sub(front.requests.saturating_mul(FREE_RULES));
                let new = front.connections as f64 / 25.0;
                Self { new, active: connections / 3_000.0 * seconds, bytes, rules: rules as f64 / 1_000.0 }
            }
            Kind::Network => {
                let plain = front.connections.saturating_sub(front.tls_connections) as f64;
                let new = plain / 800.0 + front.tls_connections as f64 / 50.0 + front.flows as f64 / 400.0;
                let active = (connections / 100_000.0 + flows / 50_000.0) * seconds;
                Self { new, active, bytes, rules: 0.0 }
            }
        }
    }

    pub fn add(&mut self, more: Self) {
        self.new += more.new;
        self.active += more.active;
        self.bytes += more.bytes;
        self.rules += more.rules;
    }

    /// Unit-seconds of the dimension that counts.
    pub fn most(&self) -> f64 {
        self.new.max(self.active).max(self.bytes).max(self.rules)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use balance::FrontSample;

    use super::*;

    fn sample(front: FrontSample) -> Sample {
        Sample { zones: BTreeMap::from([("a".to_owned(), front)]), ..Sample::default() }
    }

    #[test]
    fn the_largest_dimension_counts() {
        let used = |kind, front| Used::of(kind, &sample(front), 60.0).most();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        let new = FrontSample { connections: 25 * 60, ..Default::default() };
        near(used(Kind::Application, new.clone()), 60.0);
        near(used(Kind::Network, new), 25.0 * 60.0 / 800.0);
        let bytes = FrontSample { bytes: 1 << 30, connections: 1, ..Default::default() };
        near(used(Kind::Application, bytes), 3_600.0);
        let rules = FrontSample { rules: 12_000, requests: 1_000, ..Default::default() };
        near(used(Kind::Application, rules), 2.0);
        let tls = FrontSample { connections: 50, tls_connections: 50, ..Default::default() };
        near(used(Kind::Network, tls), 1.0);
    }
}
